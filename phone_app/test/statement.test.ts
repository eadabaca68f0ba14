import { beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../src/encoding";
import { b64u, canonicalJson, utf8 } from "../src/encoding";
import { openStatement } from "../src/statement";
import { Expired, Untrusted, verifyRootSigned, type Trust } from "../src/trust";
import { hash32, nonce, NOW, proofRequest, rootSigned, signDocument, statement } from "./signing";
import { signingKey, trust as testTrust, vectors } from "./vectors";

interface Vectors {
  now: number;
  good: { jws: string; payload: JsonObject; document: JsonObject }[];
  bad: { why: string; jws: string }[];
}

const shared = vectors<Vectors>("statement");
let trust: Trust;
beforeAll(async () => {
  trust = await testTrust();
});

const open = (jws: unknown, now = NOW) => openStatement(jws, ["sign"], trust, now);

describe("the shared vectors", () => {
  test.each(shared.good.map((one, index) => [index, one] as const))("good statement %i carries its root's signature", async (_, one) => {
    await expect(verifyRootSigned(one.jws, "sam", "statement", trust, shared.now)).resolves.toEqual(one.payload);
  });

  test("a statement for the phone opens to the document's very members", async () => {
    const { jws, document } = shared.good[0] as Vectors["good"][0];
    const opened = await openStatement(jws, ["sign", "pair"], trust, shared.now);
    expect(opened.document).toMatchObject({ id: document.id, verification_code: "27", documents: document.documents, nonce: document.nonce });
    expect(opened.proof?.purpose).toBe("sign");
  });

  test("the statement that a caller gets, without a proof, is none for a phone: signing always wants the password", async () => {
    const withoutProof = shared.good.find((one) => one.payload.proof === null);
    await expect(openStatement(withoutProof?.jws, ["sign"], trust, shared.now)).rejects.toThrow(Untrusted);
  });

  test.each(shared.bad.map((one) => [one.why, one.jws] as const))("refused: %s", async (_, jws) => {
    await expect(openStatement(jws, ["sign", "pair"], trust, shared.now)).rejects.toSatisfy((error) => error instanceof Untrusted || error instanceof Expired);
  });
});

describe("who signed", () => {
  test("a key of the other role is no root here", async () => {
    const jws = await statement(signDocument(), await proofRequest());
    await expect(verifyRootSigned(jws, "ac", "statement", trust, NOW)).rejects.toThrow(Untrusted);
  });

  test.each([
    ["a duplicate member", '{"alg":"ES256","alg":"ES256","kid":"K","typ":"linkid+statement"}'],
    ["white space", '{"alg":"ES256", "kid":"K","typ":"linkid+statement"}'],
    ["a jwk of its own", '{"alg":"ES256","jwk":{},"kid":"K","typ":"linkid+statement"}'],
    ["no kid", '{"alg":"ES256","typ":"linkid+statement"}'],
    ["no object", '"alg"'],
    ["no JSON", "{"],
  ])("a header with %s is refused although signed", async (_, head) => {
    const root = await signingKey("sam-root");
    const payload = { v: 1, type: "statement", document: "", expires: NOW + 10, proof: null };
    const jws = await rootSigned(payload, { head: head.replace("K", root.jkt) });
    await expect(open(jws)).rejects.toThrow(Untrusted);
  });

  test("members in another order are the same header", async () => {
    const root = await signingKey("sam-root");
    const document = signDocument();
    const payload = { v: 1, type: "statement", document: b64u(utf8(canonicalJson(document))), expires: NOW + 10, proof: await proofRequest() };
    const jws = await rootSigned(payload, { head: `{"typ":"linkid+statement","kid":"${root.jkt}","alg":"ES256"}` });
    await expect(open(jws)).resolves.toMatchObject({ expires: NOW + 10 });
  });

  test("a signed payload that is not canonical is refused", async () => {
    const jws = await rootSigned({ v: 1, type: "statement" }, { body: '{"v":1,"type":"statement","v":1}' });
    await expect(open(jws)).rejects.toThrow(Untrusted);
  });

  test.each([null, 7, "", "..", "a.b", "a.b.c.d", "x".repeat(300_000)])("%j is no statement", async (jws) => {
    await expect(open(jws)).rejects.toThrow(Untrusted);
  });
});

describe("what it is about", () => {
  test("a document of another type than this place expects is refused", async () => {
    const jws = await statement(signDocument(), await proofRequest());
    await expect(openStatement(jws, ["pair", "test"], trust, NOW)).rejects.toThrow(Untrusted);
  });

  test("it opens until the last second and not at the end", async () => {
    const jws = await statement(signDocument(), await proofRequest());
    await expect(open(jws, NOW + 179)).resolves.toBeDefined();
    await expect(open(jws, NOW + 180)).rejects.toThrow(Expired);
  });

  test("a statement that outlives its document is refused", async () => {
    await expect(open(await statement(signDocument(), await proofRequest(), { expires: NOW + 181 }))).rejects.toThrow(Untrusted);
  });

  test("a statement without an end is refused", async () => {
    const payload = { v: 1, type: "statement", document: b64u(utf8(canonicalJson(signDocument()))), proof: await proofRequest() };
    await expect(open(await rootSigned(payload))).rejects.toThrow(Untrusted);
  });

  test.each<[string, JsonObject]>([
    ["another version", { v: 2 }],
    ["a session, whose limits cannot be shown yet", { scope: "session" }],
    ["a count that is not that of the documents", { count: 2 }],
    ["single with two documents", { count: 2, documents: [0, 1].map(() => ({ label: "a", size: 1, hash: hash32 })) }],
    ["no documents", { count: 0, documents: [], scope: "multi" }],
    ["a hash of another length", { documents: [{ label: "a", size: 1, hash: nonce }] }],
    ["algorithms that disagree", { sign_algorithm: "RSA-PKCS1-SHA512" }],
    ["an unknown hash", { hash_algorithm: "MD5", sign_algorithm: "RSA-PKCS1-MD5" }],
    ["an unknown caller", { caller: { kind: "bank", id: "x", name: "y" } }],
    ["no label", { documents: [{ size: 1, hash: hash32 }] }],
    ["a size that is text", { documents: [{ label: "a", size: "1", hash: hash32 }] }],
    ["no nonce", { nonce: "" }],
    ["a name that never ends", { subject: "A".repeat(1001) }],
    ["a type from the language's own objects", { type: "constructor" }],
  ])("a signed document with %s is refused", async (_, change) => {
    await expect(open(await statement(signDocument(change), await proofRequest()))).rejects.toThrow(Untrusted);
  });

  test("a hundred documents are shown, a hundred and one are not", async () => {
    const many = (count: number) => signDocument({ scope: "multi", count, documents: Array.from({ length: count }, () => ({ label: "a", size: null, hash: hash32 })) });
    await expect(open(await statement(many(100), await proofRequest()))).resolves.toBeDefined();
    await expect(open(await statement(many(101), await proofRequest()))).rejects.toThrow(Untrusted);
  });
});

describe("what it asks of the password", () => {
  test.each<[string, JsonObject]>([
    ["too little memory", { argon2: { m: 19455, t: 2, p: 1 } }],
    ["too few passes", { argon2: { m: 19456, t: 1, p: 1 } }],
    ["no lanes", { argon2: { m: 19456, t: 2, p: 0 } }],
    ["more memory than a phone has", { argon2: { m: 262145, t: 2, p: 1 } }],
    ["too many passes", { argon2: { m: 19456, t: 11, p: 1 } }],
    ["too many lanes", { argon2: { m: 19456, t: 2, p: 5 } }],
    ["numbers as text", { argon2: { m: "19456", t: 2, p: 1 } }],
    ["a part of a pass", { argon2: { m: 19456, t: 2, p: 1, x: 0 }, salt: "" }],
    ["a short salt", { salt: b64u(new Uint8Array(8)) }],
    ["another purpose", { purpose: "pair" }],
    ["a transport key with a private half", { transport_key: { kty: "EC", crv: "P-256", x: hash32, y: hash32, d: hash32 } }],
    ["a transport key of another curve", { transport_key: { kty: "EC", crv: "P-384", x: hash32, y: hash32 } }],
  ])("%s is refused although signed", async (_, change) => {
    await expect(open(await statement(signDocument(), await proofRequest(change)))).rejects.toThrow(Untrusted);
  });

  test("a document that takes no password must not ask for it", async () => {
    const document = { v: 1, type: "test", id: "doc_x", device: "dev_x", device_key: "k", credential: "cred_x", subject: "M", created: NOW, expires: NOW + 9, nonce };
    await expect(openStatement(await statement(document, null), ["test"], trust, NOW)).resolves.toMatchObject({ proof: null });
    await expect(openStatement(await statement(document, await proofRequest()), ["test"], trust, NOW)).rejects.toThrow(Untrusted);
  });
});
