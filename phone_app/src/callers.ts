/**
 * Who has asked before, for which certificate. A request of anybody else comes from somewhere new: its verification code is
 * not shown to be compared, but must be typed, so that a yes costs a look at the screen where it was asked (decision 0059).
 *
 * Kept on this phone alone: no gateway can make anybody known here, and a phone that forgot asks for one code more.
 */

import type { RequestDocument } from "./documents";

/** So many are kept; who asked longest ago is forgotten first. */
const MOST = 500;

const name = (caller: string, credential: string): string => `${caller} ${credential}`;

export function isKnown(known: readonly string[] | undefined, document: Pick<RequestDocument, "caller" | "credential">): boolean {
  return known?.includes(name(document.caller.id, document.credential)) ?? false;
}

/** With this caller, for these certificates. */
export function withCaller(known: readonly string[] | undefined, caller: string, credentials: readonly string[]): string[] {
  const added = credentials.map((one) => name(caller, one));
  return [...(known ?? []).filter((one) => !added.includes(one)), ...added].slice(-MOST);
}

/** Without this caller, for whichever certificate. */
export function withoutCaller(known: readonly string[] | undefined, caller: string): string[] {
  return (known ?? []).filter((one) => !one.startsWith(name(caller, "")));
}
