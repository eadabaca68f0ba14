/**
 * Whom this app believes (docs/protocol.md section 2).
 *
 * The public halves of the root keys are static files of our own origin, never fetched from the gateway: the gateway may
 * answer whatever it likes, and nothing it says is acted on unless a root signed it.
 */

import { asObject, canonicalJson, parseCanonical, unb64u, utf8, BadEncoding, type JsonObject } from "./encoding";
import { publicJwk, thumbprint, verifies, type PublicJwk } from "./keys";

/** Who signs at this place: the signature activation module, or the certificate authority. */
export type Role = "sam" | "ac";

export interface Trust {
  environment: string;
  /** Origin of the gateway: `https://host[:port]`, no path. */
  gateway: string;
  /** Root keys by their thumbprint. */
  roots: Record<Role, ReadonlyMap<string, PublicJwk>>;
}

/** What came is not what a root of that role signed for this place. Nothing of it may be shown or acted on. */
export class Untrusted extends Error {
  override name = "Untrusted";
}

/** It was signed, and its time is over. */
export class Expired extends Error {
  override name = "Expired";
}

/** A signed thing longer than this is not one of ours: 100 documents with labels are under 40 kB. */
const MAX_JWS = 200_000;
/** Evidence: the same, its certificate chain, a signature for each hash, and lines of the audit. */
export const MAX_EVIDENCE = 1_000_000;

export async function loadTrust(url = "/trust.json"): Promise<Trust> {
  const answer = await fetch(url, { cache: "no-cache", credentials: "omit" });
  if (!answer.ok) throw new Error(`trust.json: ${answer.status}`);
  return readTrust(await answer.json());
}

export async function readTrust(value: unknown): Promise<Trust> {
  const file = asObject(value);
  if (file.v !== 1) throw new BadEncoding("trust.json of another version");
  const gateway = new URL(String(file.gateway));
  return {
    environment: String(file.environment),
    gateway: gateway.origin,
    roots: { sam: await keysByThumbprint(file.sam), ac: await keysByThumbprint(file.ac) },
  };
}

async function keysByThumbprint(list: unknown): Promise<ReadonlyMap<string, PublicJwk>> {
  if (!Array.isArray(list) || list.length === 0) throw new BadEncoding("trust.json without root keys");
  const keys = list.map(publicJwk);
  return new Map(await Promise.all(keys.map(async (key) => [await thumbprint(key), key] as const)));
}

/**
 * The payload of a root-signed object. `now` in seconds since 1970.
 *
 * Throws Untrusted for another algorithm, a key we do not hold for that role, another type, another version, a bad
 * signature, or a payload that is not canonical; Expired when its `expires` has passed.
 */
export async function verifyRootSigned(jws: unknown, role: Role, type: string, trust: Trust, now: number, most = MAX_JWS): Promise<JsonObject> {
  try {
    return await verify(jws, role, type, trust, now, most);
  } catch (error) {
    if (error instanceof Untrusted || error instanceof Expired) throw error;
    throw new Untrusted(error instanceof Error ? error.message : "not a signed object");
  }
}

async function verify(jws: unknown, role: Role, type: string, trust: Trust, now: number, most: number): Promise<JsonObject> {
  if (typeof jws !== "string" || jws.length > most) throw new Untrusted("not a compact JWS");
  const parts = jws.split(".");
  const [head, body, tail] = parts;
  if (parts.length !== 3 || !head || !body || !tail) throw new Untrusted("not a compact JWS");
  // 1. The header names exactly the algorithm, a root that we hold for this role, and the type expected at this place.
  const header = readHeader(unb64u(head));
  if (header.alg !== "ES256") throw new Untrusted("another algorithm");
  if (header.typ !== `linkid+${type}`) throw new Untrusted("another type");
  const root = trust.roots[role].get(String(header.kid));
  if (root === undefined) throw new Untrusted("signed by a key that is not a root of this role");
  // 2. The signature stands over the bytes that came.
  if (!(await verifies(root, unb64u(tail, 64), utf8(`${head}.${body}`)))) throw new Untrusted("the signature does not hold");
  // 3. Only then are the bytes read.
  const payload = parseCanonical(unb64u(body));
  if (payload.v !== 1 || payload.type !== type) throw new Untrusted("another version or type");
  if (payload.expires !== undefined) {
    if (!Number.isSafeInteger(payload.expires)) throw new Untrusted("expires is not a time");
    if ((payload.expires as number) <= now) throw new Expired("the signed object has expired");
  }
  return payload;
}

/** The three members of the header, in any order and nothing else: the text is exactly as long as its canonical form. */
function readHeader(bytes: Uint8Array): Record<"alg" | "kid" | "typ", string> {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const { alg, kid, typ, ...others } = asObject(JSON.parse(text));
  if (typeof alg !== "string" || typeof kid !== "string" || typeof typ !== "string" || Object.keys(others).length > 0) {
    throw new Untrusted("a header with other members");
  }
  const header = { alg, kid, typ };
  // A duplicate key, white space or an escape would make it longer.
  if (text.length !== canonicalJson(header).length) throw new Untrusted("a header with two readings");
  return header;
}
