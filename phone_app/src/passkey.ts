/**
 * A passkey in front of the device key: the phone's screen lock says, for each approval, that its owner is there
 * (docs/protocol.md section 6.2). The SAM verifies it; without it this phone's key approves nothing.
 *
 * The passkey speaks for one document, over a challenge made of that document's bytes.
 */

import { b64u, concat, sha256, unb64u, utf8, type Bytes } from "./encoding";
import { publicJwk, type PublicJwk } from "./keys";

/** What a decision carries of it. */
export interface Assertion {
  authenticator_data: string;
  client_data: string;
  signature: string;
}

export interface NewPasskey {
  /** What the authenticator calls it, b64u. */
  id: string;
  key: PublicJwk;
}

/** The holder did not unlock: turned away, waited too long, or this phone does not have the passkey any more. */
export class NotUnlocked extends Error {
  override name = "NotUnlocked";
}

/** Makes a passkey speak. Replaceable, because the unit tests have no authenticator. */
export type Unlock = (id: string, document: Bytes) => Promise<Assertion>;

const SEPARATOR = utf8("linkid-passkey-v1\0");
/** As long as somebody needs to find the finger that the sensor knows. */
const TIMEOUT_MS = 60_000;
const ES256 = -7;

/** Whether this browser can ask for the phone's screen lock. An address that is a number has no name to make a passkey for. */
export async function canProtect(): Promise<boolean> {
  if (!("PublicKeyCredential" in window) || /^[\d.]+$|:/.test(location.hostname)) return false;
  try {
    return await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable();
  } catch {
    return false;
  }
}

/** A new one, kept by this phone and used behind its screen lock. `name`: how the phone lists it. Throws NotUnlocked. */
export async function createPasskey(name: string): Promise<NewPasskey> {
  const made = await unlocked(() =>
    navigator.credentials.create({
      publicKey: {
        rp: { name: "Link ID" },
        // Another account each time: nothing that this phone has is ever written over.
        user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
        // Nobody verifies what is said at the creation: the key proves itself by its first word.
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
        // Not discoverable where the platform lets us choose: such a one stays on this phone.
        authenticatorSelection: { authenticatorAttachment: "platform", residentKey: "discouraged", userVerification: "required" },
        attestation: "none",
        timeout: TIMEOUT_MS,
      },
    }),
  );
  const response = made.response as AuthenticatorAttestationResponse;
  const spki = response.getPublicKey();
  if (spki === null || response.getPublicKeyAlgorithm() !== ES256) throw new NotUnlocked("a key of another kind");
  const key = await crypto.subtle.importKey("spki", spki, { name: "ECDSA", namedCurve: "P-256" }, true, ["verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", key);
  return { id: b64u(new Uint8Array(made.rawId)), key: publicJwk({ kty, crv, x, y }) };
}

/** What the passkey is asked to sign for a document. */
export async function challengeFor(document: Bytes): Promise<Bytes> {
  return sha256(concat(SEPARATOR, await sha256(document)));
}

/** The phone asks for the screen lock; then the passkey's word over these bytes. Throws NotUnlocked. */
export const unlock: Unlock = async (id, document) => {
  const challenge = await challengeFor(document);
  const made = await unlocked(() =>
    navigator.credentials.get({
      publicKey: {
        challenge,
        allowCredentials: [{ type: "public-key", id: unb64u(id), transports: ["internal"] }],
        userVerification: "required",
        timeout: TIMEOUT_MS,
      },
    }),
  );
  const response = made.response as AuthenticatorAssertionResponse;
  return {
    authenticator_data: b64u(new Uint8Array(response.authenticatorData)),
    client_data: b64u(new Uint8Array(response.clientDataJSON)),
    signature: b64u(new Uint8Array(response.signature)),
  };
};

async function unlocked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let made: Credential | null;
  try {
    made = await ask();
  } catch (error) {
    throw new NotUnlocked(error instanceof Error ? error.name : "no passkey");
  }
  if (!(made instanceof PublicKeyCredential)) throw new NotUnlocked("no passkey");
  return made;
}
