/** The vectors that every implementation is held against: tests/vectors, built by tests/vectors/build_vectors.py. */

import argon2 from "../../tests/vectors/argon2.json";
import codes from "../../tests/vectors/codes.json";
import decision from "../../tests/vectors/decision.json";
import keysFile from "../../tests/vectors/keys.json";
import passkey from "../../tests/vectors/passkey.json";
import proof from "../../tests/vectors/proof.json";
import session from "../../tests/vectors/session.json";
import statementFile from "../../tests/vectors/statement.json";
import usagePassword from "../../tests/vectors/usage_password.json";
import type { PublicJwk, SigningKey } from "../src/keys";
import { readTrust, type Trust } from "../src/trust";

export interface KeyEntry {
  public: PublicJwk;
  private: JsonWebKey;
  jkt: string;
}

const FILES = { argon2, codes, decision, keys: keysFile, passkey, proof, session, statement: statementFile, usage_password: usagePassword };

export function vectors<T>(name: keyof typeof FILES): T {
  return FILES[name] as unknown as T;
}

export const keys = vectors<{ keys: Record<string, KeyEntry>; signature: { by: string; message: string; signature: string } }>("keys");

export function entry(name: string): KeyEntry {
  const found = keys.keys[name];
  if (found === undefined) throw new Error(`no key ${name}`);
  return found;
}

export function trust(): Promise<Trust> {
  return readTrust({
    v: 1,
    environment: "test",
    gateway: "http://localhost:8441",
    app: "http://localhost:8440",
    sam: [entry("sam-root").public],
    ac: [entry("ac-root").public],
  });
}

/** A key of the vectors as this app holds its own. */
export async function signingKey(name: string): Promise<SigningKey> {
  const { jkt, private: secret, public: jwk } = entry(name);
  const privateKey = await crypto.subtle.importKey("jwk", secret, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return { privateKey, jwk, jkt };
}
