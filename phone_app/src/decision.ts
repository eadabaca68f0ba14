/** The holder's signed yes or no over exactly the bytes they saw (docs/protocol.md section 3). */

import type { AnyDocument } from "./documents";
import { b64u, concat, sha256, utf8, type Bytes } from "./encoding";
import { sign, type SigningKey } from "./keys";

export type Refusal = "changed-mind" | "wrong-content" | "not-me";
export type Approval = "approve" | "approve:without-key";
export type Choice = Approval | `refuse:${Refusal}`;

export interface Decision {
  decision: Choice;
  /** JWE compact, or null where the document does not take the password, and in every refusal. */
  proof: string | null;
  signature: string;
}

const SEPARATOR = utf8("linkid-decision-v1\0");

/** The one yes that a document takes: a session that no key of its caller guards has one of its own, said expressly. */
export function yesTo(document: AnyDocument): Approval {
  return document.type === "session" && document.session_key.length === 0 ? "approve:without-key" : "approve";
}

export function approves(choice: Choice): choice is Approval {
  return choice === "approve" || choice === "approve:without-key";
}

/** What the device key signs. */
export async function decisionMessage(documentBytes: Bytes, choice: Choice, proof: string | null): Promise<Bytes> {
  return concat(SEPARATOR, await sha256(documentBytes), await sha256(utf8(choice)), await sha256(utf8(proof ?? "")));
}

export async function decide(documentBytes: Bytes, choice: Choice, proof: string | null, key: SigningKey): Promise<Decision> {
  return { decision: choice, proof, signature: b64u(await sign(key, await decisionMessage(documentBytes, choice, proof))) };
}
