// What the strangers' scripts share: the settings come as JSON on the command line, a line on stdout asks the test to
// be the person (open this address, let the phone approve), and a line on stdin says where the browser was sent.
import { createInterface } from "node:readline";

export const settings = JSON.parse(process.argv[2]);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** Send the person to an address; resolves to the address they were sent back to. */
export async function visit(address) {
  say({ visit: String(address) });
  const { value } = await lines.next();
  return new URL(value);
}

export async function privateKey(jwk) {
  return crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
}

export function check(condition, what) {
  if (!condition) throw new Error(`not as expected: ${what}`);
}

export async function finish(story) {
  try {
    await story();
    say({ done: true });
  } catch (error) {
    say({ failed: `${error?.stack}`, cause: `${JSON.stringify(error?.cause) ?? error?.cause}` });
  } finally {
    process.stdin.destroy();
  }
}
