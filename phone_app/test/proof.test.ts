import { argon2id } from "hash-wasm";
import { compactDecrypt, decodeProtectedHeader, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import { b64u, canonicalJson, parseCanonical, unb64u, type JsonObject } from "../src/encoding";
import { decisionMessage, decide, type Choice } from "../src/decision";
import { thumbprint, verifies } from "../src/keys";
import { isPassword, MAX_PROOF, proveStretched } from "../src/proof";
import { openStatement } from "../src/statement";
import { proofRequest, rootSigned, signDocument, NOW } from "./signing";
import { entry, keys, signingKey, trust, vectors } from "./vectors";
import { utf8 } from "../src/encoding";

interface Argon2Vectors {
  cases: { password: string; salt: string; argon2: { m: number; t: number; p: number }; stretched: string }[];
  bad_passwords: string[];
}
interface DecisionVectors {
  document: string;
  cases: { decision: Choice; proof: string | null; message: string; signature: string }[];
}

const argon2 = vectors<Argon2Vectors>("argon2");
const decisions = vectors<DecisionVectors>("decision");
const proofs = vectors<{ jwe: string; plaintext: JsonObject }>("proof");

test.each(Object.entries(keys.keys))("the thumbprint of %s is that of RFC 7638", async (_, key) => {
  expect(await thumbprint(key.public)).toBe(key.jkt);
});

test("a raw signature made elsewhere verifies, and not over other bytes", async () => {
  const { by, message, signature } = keys.signature;
  expect(await verifies(entry(by).public, unb64u(signature), unb64u(message))).toBe(true);
  expect(await verifies(entry(by).public, unb64u(signature), utf8("another"))).toBe(false);
});

test("a point outside the curve verifies nothing", async () => {
  const { by, message, signature } = keys.signature;
  const off = { ...entry(by).public, y: entry("transport").public.y };
  expect(await verifies(off, unb64u(signature), unb64u(message))).toBe(false);
});

describe("the usage password", () => {
  test.each(argon2.cases)("is stretched as everywhere else (m=$argon2.m)", async ({ password, salt, argon2: { m, t, p }, stretched }) => {
    // the same call as in workers/argon2.worker.ts
    const made = await argon2id({ password, salt: unb64u(salt), memorySize: m, iterations: t, parallelism: p, hashLength: 32, outputType: "binary" });
    expect(b64u(made)).toBe(stretched);
  });

  test.each(argon2.bad_passwords)("%j cannot be one", (text) => {
    expect(isPassword(text)).toBe(false);
  });

  test.each(["Senha1234", "12345678", "abcDEF123456789"])("%j can be one", (text) => {
    expect(isPassword(text)).toBe(true);
  });
});

describe("a decision", () => {
  test.each(decisions.cases)("$decision is signed over exactly the agreed bytes", async ({ decision, proof, message, signature }) => {
    const bytes = unb64u(decisions.document);
    expect(b64u(await decisionMessage(bytes, decision, proof))).toBe(message);
    expect(await verifies(entry("device").public, unb64u(signature), unb64u(message))).toBe(true);
    const made = await decide(bytes, decision, proof, await signingKey("device"));
    expect(await verifies(entry("device").public, unb64u(made.signature, 64), unb64u(message))).toBe(true);
  });
});

describe("a password proof", () => {
  async function prove(): Promise<string> {
    const document = signDocument();
    const payload = { v: 1, type: "statement", document: b64u(utf8(canonicalJson(document))), expires: NOW + 180, proof: await proofRequest() };
    const statement = await openStatement(await rootSigned(payload), ["sign"], await trust(), NOW);
    return proveStretched(unb64u(argon2.cases[0]?.stretched), statement, entry("device").jkt);
  }

  test("opens with the transport key only, and says purpose, document, hash, device and nonce in canonical JSON", async () => {
    const { plaintext, protectedHeader } = await compactDecrypt(await prove(), await importJWK(entry("transport").private as never, "ECDH-ES"));
    const said = parseCanonical(plaintext);
    expect(Object.keys(said).sort()).toEqual(Object.keys(proofs.plaintext).sort());
    expect(said).toMatchObject({ v: 1, purpose: "sign", device: entry("device").jkt, document: "req_0123456789abcdefghjkmnpqrs" });
    expect(Object.keys(protectedHeader).sort()).toEqual(["alg", "enc", "epk", "kid"]);
  });

  test("has the header the SAM takes: exactly these members, epk with exactly four, and is short enough", async () => {
    const jwe = await prove();
    const header = decodeProtectedHeader(jwe);
    expect(header).toMatchObject({ alg: "ECDH-ES", enc: "A256GCM", kid: entry("transport").jkt });
    expect(Object.keys(header.epk as object).sort()).toEqual(["crv", "kty", "x", "y"]);
    expect(jwe.split(".")[1]).toBe("");
    expect(jwe.length).toBeLessThan(MAX_PROOF);
  });

  test("is never the same twice", async () => {
    expect(await prove()).not.toBe(await prove());
  });

  test("the shared proof opens here too", async () => {
    const { plaintext } = await compactDecrypt(proofs.jwe, await importJWK(entry("transport").private as never, "ECDH-ES"));
    expect(parseCanonical(plaintext)).toEqual(proofs.plaintext);
  });
});
