/** The holder's signed yes or no over exactly the bytes they saw (docs/protocol.md section 3). */

import { b64u, concat, sha256, utf8, type Bytes } from "./encoding";
import { sign, type SigningKey } from "./keys";

export type Refusal = "changed-mind" | "wrong-content" | "not-me";
export type Choice = "approve" | `refuse:${Refusal}`;

export interface Decision {
  decision: Choice;
  /** JWE compact, or null where the document does not take the password, and in every refusal. */
  proof: string | null;
  signature: string;
}

const SEPARATOR = utf8("linkid-decision-v1\0");

/** What the device key signs. */
export async function decisionMessage(documentBytes: Bytes, choice: Choice, proof: string | null): Promise<Bytes> {
  return concat(SEPARATOR, await sha256(documentBytes), await sha256(utf8(choice)), await sha256(utf8(proof ?? "")));
}

export async function decide(documentBytes: Bytes, choice: Choice, proof: string | null, key: SigningKey): Promise<Decision> {
  return { decision: choice, proof, signature: b64u(await sign(key, await decisionMessage(documentBytes, choice, proof))) };
}
