/** DPoP (RFC 9449): every call proves that it comes from the holder of a key, so a stolen token is worth nothing. */

import { b64u, canonicalJson, sha256, utf8 } from "./encoding";
import { sign, type SigningKey } from "./keys";

/**
 * The `DPoP` header for one call. `url` without query and fragment counts (section 4.2); `token` is the access token that goes
 * along, if any; `now` in seconds since 1970.
 */
export async function dpopProof(key: SigningKey, method: string, url: string, now: number, token?: string, nonce?: string): Promise<string> {
  const target = new URL(url);
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: { ...key.jwk } };
  const claims = {
    jti: b64u(crypto.getRandomValues(new Uint8Array(16))),
    htm: method,
    htu: target.origin + target.pathname,
    iat: now,
    ...(token === undefined ? {} : { ath: b64u(await sha256(utf8(token))) }),
    ...(nonce === undefined ? {} : { nonce }),
  };
  const signed = `${b64u(utf8(canonicalJson(header)))}.${b64u(utf8(canonicalJson(claims)))}`;
  return `${signed}.${b64u(await sign(key, utf8(signed)))}`;
}
