/**
 * Codes that this phone makes without a network (RFC 6238, docs/protocol.md section 6.1).
 *
 * The secret comes once, encrypted to a key made for that moment, and becomes at once a key that the browser uses and never
 * gives out.
 */

import { compactDecrypt } from "jose";
import { asObject, BadEncoding, unb64u, type Bytes } from "./encoding";
import { publicJwk, thumbprint, type PublicJwk } from "./keys";
import { Untrusted } from "./trust";

export const PERIOD = 30;
const DIGITS = 6;
const SECRET_BYTES = 32;
const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** A key that is good for one delivery. Its private half cannot be read by anybody, only used. */
export interface DeliveryKey {
  privateKey: CryptoKey;
  jwk: PublicJwk;
  jkt: string;
}

export async function makeDeliveryKey(): Promise<DeliveryKey> {
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);
  const exported = await crypto.subtle.exportKey("jwk", pair.publicKey);
  const jwk = publicJwk({ kty: exported.kty, crv: exported.crv, x: exported.x, y: exported.y });
  return { privateKey: pair.privateKey, jwk, jkt: await thumbprint(jwk) };
}

/** The delivered secret, as a key. Throws Untrusted when it is not for this delivery, or not of this form. */
export async function openDelivery(privateKey: CryptoKey, sealed: string, credential: string): Promise<CryptoKey> {
  let secret: Bytes;
  try {
    const { plaintext } = await compactDecrypt(sealed, privateKey, { keyManagementAlgorithms: ["ECDH-ES"], contentEncryptionAlgorithms: ["A256GCM"] });
    const told = asObject(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plaintext)));
    if (told.v !== 1 || told.type !== "generator" || told.credential !== credential) throw new BadEncoding("another generator");
    if (told.algorithm !== "SHA-256" || told.digits !== DIGITS || told.period !== PERIOD) throw new BadEncoding("codes of another form");
    secret = unb64u(told.secret, SECRET_BYTES);
  } catch (error) {
    throw new Untrusted(error instanceof Error ? error.message : "what was delivered is not for this phone");
  }
  return crypto.subtle.importKey("raw", secret, HMAC, false, ["sign"]);
}

/** The code of the step that `seconds` (since 1970) lies in: HOTP of RFC 4226 with HMAC-SHA-256. */
export async function codeAt(key: CryptoKey, seconds: number): Promise<string> {
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(seconds / PERIOD)));
  const digest = new DataView(await crypto.subtle.sign(HMAC, key, counter.buffer));
  const offset = digest.getUint8(31) & 15;
  const number = digest.getUint32(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, "0");
}

/** Whole seconds until the next code. */
export function secondsLeft(seconds: number): number {
  return PERIOD - (Math.floor(seconds) % PERIOD);
}
