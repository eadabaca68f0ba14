/**
 * The only way a script of ours is started by its address: the page runs under `require-trusted-types-for 'script'`, and this
 * policy, the only one the Content Security Policy allows, lets through files of our own origin.
 */

type Policy = { createScriptURL(url: string): unknown };
type Factory = { createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy };

const rules = {
  createScriptURL(address: string): string {
    const url = new URL(address, location.origin);
    if (url.origin !== location.origin) throw new TypeError(`not a script of ours: ${url.origin}`);
    return url.href;
  },
};

const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
const policy: Policy = factory ? factory.createPolicy("linkid", rules) : rules;

/** `address` as something `new Worker` and `serviceWorker.register` take. Throws TypeError for another origin. */
export function ownScript(address: string): string {
  return policy.createScriptURL(address) as string;
}
