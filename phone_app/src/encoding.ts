/**
 * Bytes as text and text as bytes, with exactly one spelling for each value (docs/protocol.md section 1).
 *
 * What was signed is verified as the bytes that came, and then parsed here. A second spelling of the same thing would be a
 * second meaning, so everything that has two spellings is refused.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Bytes in memory of their own: what WebCrypto takes. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Text that is not the one spelling of anything. */
export class BadEncoding extends Error {
  override name = "BadEncoding";
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Base64url without padding, RFC 4648 section 5. */
export function b64u(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The bytes of `text`. Throws BadEncoding for padding, white space, another alphabet, leftover bits, or a length other than `length`. */
export function unb64u(text: unknown, length?: number): Bytes {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new BadEncoding("not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
  if (b64u(bytes) !== text) throw new BadEncoding("base64url with leftover bits");
  if (length !== undefined && bytes.length !== length) throw new BadEncoding(`${bytes.length} bytes instead of ${length}`);
  return bytes;
}

/** RFC 8785. JSON.stringify already writes numbers and strings as it demands; what is left is the order of members. */
export function canonicalJson(value: Json): string {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new BadEncoding("a number that is not a safe integer");
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value).sort(); // by UTF-16 code units, as the RFC has it
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`).join(",")}}`;
}

/**
 * The object that `bytes` spell. Signed things are canonical when they are made, so anything else is refused here; that
 * covers what JSON parsers disagree about: duplicate keys, NaN, lone surrogates, odd numbers, white space.
 */
export function parseCanonical(bytes: Uint8Array): JsonObject {
  let text: string;
  let value: Json;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text) as Json;
  } catch {
    throw new BadEncoding("not JSON");
  }
  if (canonicalJson(value) !== text) throw new BadEncoding("not canonical JSON");
  return asObject(value);
}

export function asObject(value: unknown): JsonObject {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new BadEncoding("not an object");
  return value as JsonObject;
}

export async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

export function concat(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
