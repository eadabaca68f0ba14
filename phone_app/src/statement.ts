/**
 * A statement: the root-signed wrapping of a document with what a client needs to answer it (docs/protocol.md section 3).
 *
 * Opening one is step 6 of "one signature": nothing is shown before all of it holds.
 */

import { asObject, sha256, unb64u, type Bytes, type Json } from "./encoding";
import { publicJwk, thumbprint, type PublicJwk } from "./keys";
import { readDocument, type AnyDocument, type DocumentType } from "./documents";
import { Expired, Untrusted, verifyRootSigned, type Role, type Trust } from "./trust";

export type Purpose = "sign" | "pair" | "unblock" | "generator" | "passkey" | "emit" | "install";

export interface Argon2Parameters {
  /** Memory in KiB. */
  m: number;
  /** Passes. */
  t: number;
  /** Lanes. */
  p: number;
}

export interface ProofRequest {
  purpose: Purpose;
  salt: Bytes;
  argon2: Argon2Parameters;
  transportKey: PublicJwk;
  transportKeyId: string;
}

export interface Statement<D extends AnyDocument = AnyDocument> {
  document: D;
  bytes: Bytes;
  hash: Bytes;
  /** Seconds since 1970; never later than the document's own. */
  expires: number;
  /** Null: this document does not want the password. */
  proof: ProofRequest | null;
}

/** Below, a stolen proof would be cheap to guess; above, a phone would freeze or run out of memory. */
export const ARGON2_FLOOR: Argon2Parameters = { m: 19456, t: 2, p: 1 };
export const ARGON2_CEILING: Argon2Parameters = { m: 262144, t: 10, p: 4 };

/** Which purpose the password proof of each document has. A statement that wants another one is refused. */
const PURPOSES: Record<DocumentType, Purpose | null> = {
  pair: "pair",
  test: null,
  associate: null,
  identify: null,
  unblock: "unblock",
  generator: "generator",
  admit: null,
  passkey: "passkey",
  "passkey-end": "passkey",
  sign: "sign",
  session: "sign",
  consent: "sign",
  "emission-identify": "install",
  "emission-term": null,
  "emission-key": "emit",
};

/** Who signs the statement of each document. */
const SIGNERS: Record<DocumentType, Role> = {
  pair: "sam",
  test: "sam",
  associate: "sam",
  identify: "sam",
  unblock: "sam",
  generator: "sam",
  admit: "sam",
  passkey: "sam",
  "passkey-end": "sam",
  sign: "sam",
  session: "sam",
  consent: "sam",
  "emission-identify": "ac",
  "emission-term": "ac",
  "emission-key": "sam",
};

/**
 * The statement in `jws`, if it is about a document of one of `types`. `now` in seconds since 1970.
 *
 * Throws Untrusted (bad signature, other type, other purpose, weak Argon2 parameters, malformed document) or Expired.
 */
export async function openStatement<T extends DocumentType>(
  jws: unknown,
  types: readonly T[],
  trust: Trust,
  now: number,
): Promise<Statement<Extract<AnyDocument, { type: T }>>> {
  // 1. A root of the right role signed it. All types asked for at one place have the same signer.
  const role = SIGNERS[types[0] as T];
  const payload = await verifyRootSigned(jws, role, "statement", trust, now);
  try {
    // 2. The document is what this place expects.
    const bytes = unb64u(payload.document);
    const document = readDocument(bytes);
    if (!types.includes(document.type as T) || SIGNERS[document.type] !== role) throw new Untrusted("a document of another type");
    // 3. Neither it nor its wrapping has expired.
    if (!Number.isSafeInteger(payload.expires)) throw new Untrusted("a statement without an end");
    const expires = payload.expires as number;
    if (expires > document.expires) throw new Untrusted("a statement that outlives its document");
    if (expires <= now) throw new Expired("the document has expired");
    // 4. It wants the password for that document's purpose, stretched hard enough, and encrypted to a real key.
    const proof = await readProof(payload.proof as Json, PURPOSES[document.type]);
    return { document: document as Extract<AnyDocument, { type: T }>, bytes, hash: await sha256(bytes), expires, proof };
  } catch (error) {
    if (error instanceof Untrusted || error instanceof Expired) throw error;
    throw new Untrusted(error instanceof Error ? error.message : "a malformed statement");
  }
}

async function readProof(value: Json, purpose: Purpose | null): Promise<ProofRequest | null> {
  if (purpose === null) {
    if (value !== null) throw new Untrusted("this document does not take the password");
    return null;
  }
  const from = asObject(value);
  if (from.purpose !== purpose) throw new Untrusted("a password proof of another purpose");
  const argon2 = readArgon2(from.argon2);
  const transportKey = publicJwk(from.transport_key);
  return { purpose, salt: unb64u(from.salt, 16), argon2, transportKey, transportKeyId: await thumbprint(transportKey) };
}

function readArgon2(value: unknown): Argon2Parameters {
  const from = asObject(value);
  for (const name of ["m", "t", "p"] as const) {
    const number = from[name];
    if (typeof number !== "number" || !Number.isSafeInteger(number)) throw new Untrusted("Argon2 parameters that are not numbers");
    if (number < ARGON2_FLOOR[name]) throw new Untrusted("Argon2 parameters that are too weak");
    if (number > ARGON2_CEILING[name]) throw new Untrusted("Argon2 parameters that would freeze this device");
  }
  return { m: from.m as number, t: from.t as number, p: from.p as number };
}
