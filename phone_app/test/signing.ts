/** A root of a test's own: signs what a root would, and what it never would. */

import { b64u, canonicalJson, utf8, type Json, type JsonObject } from "../src/encoding";
import { sign, type SigningKey } from "../src/keys";
import { signingKey } from "./vectors";

export const NOW = 1_790_000_000;

export const nonce = b64u(new Uint8Array(16).fill(7));
export const hash32 = b64u(new Uint8Array(32).fill(9));

export async function rootSigned(payload: Json, options: { by?: SigningKey; header?: Record<string, unknown>; body?: string; head?: string } = {}): Promise<string> {
  const key = options.by ?? (await signingKey("sam-root"));
  const type = (payload as JsonObject).type;
  const header = { alg: "ES256", kid: key.jkt, typ: `linkid+${String(type)}`, ...options.header } as Json;
  const head = b64u(utf8(options.head ?? canonicalJson(header)));
  const body = b64u(utf8(options.body ?? canonicalJson(payload)));
  return `${head}.${body}.${b64u(await sign(key, utf8(`${head}.${body}`)))}`;
}

export function signDocument(change: JsonObject = {}): JsonObject {
  return {
    v: 1,
    type: "sign",
    id: "req_0123456789abcdefghjkmnpqrs",
    credential: "cred_0123456789abcdefghjkmnpqrs",
    certificate: hash32,
    subject: "MARIA DA SILVA",
    caller: { kind: "computer", id: "cmp_0123456789abcdefghjkmnpqrs", name: "Notebook da Maria" },
    scope: "single",
    count: 1,
    documents: [{ label: "contrato.pdf", size: 48213, hash: hash32 }],
    hash_algorithm: "SHA-256",
    sign_algorithm: "RSA-PKCS1-SHA256",
    verification_code: "27",
    activation_key: hash32,
    created: NOW,
    expires: NOW + 180,
    nonce,
    ...change,
  };
}

export function sessionDocument(change: JsonObject = {}): JsonObject {
  const { scope: _scope, count: _count, documents: _documents, ...request } = signDocument();
  return { ...request, type: "session", purpose: "Prontuários do plantão", until: NOW + 3600, maximum: 200, session_key: [hash32], ...change };
}

export async function proofRequest(change: JsonObject = {}): Promise<JsonObject> {
  const { jwk } = await signingKey("transport");
  return { purpose: "sign", salt: nonce, argon2: { m: 19456, t: 2, p: 1 }, transport_key: { ...jwk }, ...change };
}

export async function statement(document: JsonObject, proof: Json, change: JsonObject = {}): Promise<string> {
  return rootSigned({ v: 1, type: "statement", document: b64u(utf8(canonicalJson(document))), expires: Number(document.expires), proof, ...change });
}
