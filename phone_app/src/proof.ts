/**
 * The password proof: stretched where it was typed, encrypted to a key that never leaves the HSM, good for one purpose, one
 * document and one device (docs/protocol.md section 4). The password itself never leaves this page.
 */

import { CompactEncrypt, importJWK } from "jose";
import { b64u, canonicalJson, utf8, type Bytes, type JsonObject } from "./encoding";
import { ownScript } from "./scripts";
import type { ProofRequest, Statement } from "./statement";
import argon2Worker from "./workers/argon2.worker?worker&url";

/** The receiver's limit on a JWE. */
export const MAX_PROOF = 2048;

const PASSWORD = /^[A-Za-z0-9]{8,15}$/;

/** Whether `text` can be a usage or installation password: 8 to 15 ASCII letters and digits. */
export function isPassword(text: string): boolean {
  return PASSWORD.test(text);
}

/** Stretches a password: Argon2id, 32 bytes. Replaceable, because the unit tests have no Web Worker. */
export type Stretch = (password: string, request: ProofRequest) => Promise<Bytes>;

/** In a worker, so that the screen stays alive: Argon2 takes from half a second to several seconds on a phone. */
export const stretchInWorker: Stretch = (password, request) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(ownScript(argon2Worker), { type: "module" });
    worker.onmessage = (event: MessageEvent<{ stretched?: Bytes; error?: string }>) => {
      worker.terminate(); // its memory held the password and is given back whole
      if (event.data.stretched) resolve(event.data.stretched);
      else reject(new Error(event.data.error ?? "Argon2 failed"));
    };
    worker.onerror = (event) => {
      worker.terminate();
      reject(new Error(event.message || "the Argon2 worker did not start"));
    };
    worker.postMessage({ password, salt: request.salt, ...request.argon2 });
  });

/**
 * The JWE that proves the password for this statement, by the device whose key is `jkt`. `more` are the members that one
 * document type adds (the emission's `cpf`).
 */
export async function proveStretched(stretched: Bytes, statement: Statement, jkt: string, more: JsonObject = {}): Promise<string> {
  const request = statement.proof;
  if (request === null) throw new Error("this document does not take the password");
  const plaintext = canonicalJson({
    v: 1,
    purpose: request.purpose,
    document: statement.document.id,
    hash: b64u(statement.hash),
    device: jkt,
    nonce: statement.document.nonce,
    stretched: b64u(stretched),
    ...more,
  });
  const key = await importJWK({ ...request.transportKey }, "ECDH-ES");
  const proof = await new CompactEncrypt(utf8(plaintext))
    .setProtectedHeader({ alg: "ECDH-ES", enc: "A256GCM", kid: request.transportKeyId })
    .encrypt(key);
  if (proof.length > MAX_PROOF) throw new Error("the proof is longer than the protocol allows");
  return proof;
}
