/** P-256 keys: public ones as JWK with exactly kty, crv, x, y, named by their thumbprint (docs/protocol.md section 1). */

import { asObject, b64u, BadEncoding, canonicalJson, sha256, unb64u, utf8, type Bytes } from "./encoding";

export interface PublicJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
}

/** A key that signs for this phone or this page. The private half cannot be read by anybody, only used. */
export interface SigningKey {
  privateKey: CryptoKey;
  jwk: PublicJwk;
  /** RFC 7638 thumbprint of `jwk`. */
  jkt: string;
}

const ECDSA = { name: "ECDSA", namedCurve: "P-256" } as const;

/** Makes a key whose private half is not extractable (pairing, step 0). */
export async function makeSigningKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey(ECDSA, false, ["sign", "verify"]);
  const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const jwk = publicJwk({ kty: exported.kty, crv: exported.crv, x: exported.x, y: exported.y });
  return { privateKey: pair.privateKey, jwk, jkt: await thumbprint(jwk) };
}

/** `value` as a P-256 public key with exactly four members. Throws BadEncoding. Whether the point is on the curve is seen at import. */
export function publicJwk(value: unknown): PublicJwk {
  const { kty, crv, x, y, ...others } = asObject(value);
  if (kty !== "EC" || crv !== "P-256" || Object.keys(others).length > 0) throw new BadEncoding("not a P-256 public key");
  unb64u(x, 32);
  unb64u(y, 32);
  return { kty, crv, x: x as string, y: y as string };
}

export async function thumbprint(jwk: PublicJwk): Promise<string> {
  return b64u(await sha256(utf8(canonicalJson({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }))));
}

/** ECDSA with SHA-256, raw `r || s`, 64 bytes. */
export async function sign(key: SigningKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, message));
}

/** Whether `signature` (raw, 64 bytes) over `message` is by `jwk`. A point outside the curve verifies nothing. */
export async function verifies(jwk: PublicJwk, signature: Bytes, message: Bytes): Promise<boolean> {
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("jwk", { ...jwk }, ECDSA, false, ["verify"]);
  } catch {
    return false;
  }
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, message);
}
