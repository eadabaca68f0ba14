import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, Gateway } from "../src/api";
import { Ceremony, type Stage } from "../src/ceremony";
import { readDocument } from "../src/documents";
import { b64u, sameBytes, unb64u, type Bytes, type Json } from "../src/encoding";
import type { Profile } from "../src/keystore";
import { challengeFor, NotUnlocked, type Assertion } from "../src/passkey";
import { nonce, proofRequest, signDocument, statement } from "./signing";
import { signingKey, trust, vectors } from "./vectors";

const passkey = vectors<{ id: string; key: { jkt: string }; enrolment: { document: string; challenge: string }; request: { document: string; challenge: string; passkey: Assertion } }>("passkey");
const WORD = passkey.request.passkey;

describe("what a passkey is asked", () => {
  it("is that of the vectors", async () => {
    for (const one of [passkey.enrolment, passkey.request]) expect(b64u(await challengeFor(unb64u(one.document)))).toBe(one.challenge);
  });

  it("is put in force by a document that names it", () => {
    expect(readDocument(unb64u(passkey.enrolment.document))).toMatchObject({ type: "passkey", passkey: { id: passkey.id, key: passkey.key.jkt } });
  });
});

describe("an approval on a phone with a passkey", () => {
  let profile: Profile;
  let ceremony: Ceremony;
  let asked: { body: { passkey?: Json } }[];
  let unlocked: [string, Bytes][];
  let stages: Stage[];
  let answers: Response[];
  let unlock: () => Promise<Assertion>;

  beforeEach(async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000, toFake: ["Date"] });
    [asked, unlocked, stages, answers] = [[], [], [], []];
    unlock = async () => WORD;
    vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
      asked.push({ body: JSON.parse(String(init.body)) as { passkey?: Json } });
      return answers.shift() ?? json({ state: "approved" });
    });
    profile = { bound: [{ id: "cred_0123456789abcdefghjkmnpqrs", subject: "MARIA DA SILVA" }], passkey: passkey.id };
    const key = await signingKey("device");
    const stretch = async (): Promise<Bytes> => new Uint8Array(32).fill(5);
    ceremony = new Ceremony(new Gateway("https://g.example", key), await trust(), key, () => profile, stretch, (id, document) => {
      unlocked.push([id, document]);
      return unlock();
    }, (learnt) => (profile = { ...profile, passkey: learnt }));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const json = (value: Json, status = 200): Response => new Response(JSON.stringify(value), { status });
  const request = async () => ceremony.open(await statement(signDocument(), await proofRequest()), ["sign"]);
  const approve = async (opened: Awaited<ReturnType<typeof request>>) => ceremony.answer(opened, "approve", "Senha1234", (stage) => stages.push(stage));

  it("asks for the screen lock before anything is done with the password, over the bytes that are signed", async () => {
    const opened = await request();
    await approve(opened);
    expect(stages).toEqual(["unlocking", "stretching", "sending"]);
    expect(unlocked).toHaveLength(1);
    expect(unlocked[0]![0]).toBe(passkey.id);
    expect(sameBytes(unlocked[0]![1], opened.bytes)).toBe(true);
    expect(asked[0]!.body.passkey).toEqual(WORD);
  });

  it("sends nothing when it stays locked", async () => {
    unlock = async () => Promise.reject(new NotUnlocked("NotAllowedError"));
    await expect(approve(await request())).rejects.toThrow(NotUnlocked);
    expect(asked).toEqual([]);
    expect(stages).toEqual(["unlocking"]);
  });

  it("asks no second time for one request whose password was mistyped, and does when the word was refused", async () => {
    const opened = await request();
    answers.push(json({ code: "password_wrong", tries_left: 2 }, 403), json({ code: "passkey_invalid" }, 403));
    for (const times of [1, 1, 2]) {
      await approve(opened).catch((error: unknown) => expect(error).toBeInstanceOf(ApiError));
      expect(unlocked).toHaveLength(times);
    }
    await approve(opened);
    expect(unlocked).toHaveLength(3); // what was taken is not kept
  });

  it("asks nothing for a no, a test, or where there is no passkey", async () => {
    await ceremony.answer(await request(), "refuse:not-me", null, () => undefined);
    const { jkt } = await signingKey("device");
    const test = { v: 1, type: "test", id: "doc_x", device: "dev_x", device_key: jkt, credential: "cred_x", subject: "M", created: 1_790_000_000, expires: 1_790_000_100, nonce };
    await ceremony.answer(await ceremony.open(await statement(test, null), ["test"]), "approve", null, () => undefined);
    delete profile.passkey;
    await approve(await request());
    expect(unlocked).toEqual([]);
    expect(asked.map((one) => "passkey" in one.body)).toEqual([false, false, false]);
  });

  it("learns of a passkey that it forgot, once, and exchanges none that it knows", async () => {
    answers.push(json({ code: "passkey_needed", passkey: "another" }, 403));
    await expect(approve(await request())).rejects.toThrow(ApiError);
    expect(profile.passkey).toBe(passkey.id);
    delete profile.passkey;
    answers.push(json({ code: "passkey_needed", passkey: passkey.id }, 403));
    const opened = await request();
    await expect(approve(opened)).rejects.toThrow(ApiError);
    expect(profile.passkey).toBe(passkey.id);
    await approve(opened);
    expect(asked.at(-1)!.body.passkey).toEqual(WORD);
  });

  it.each([
    ["an id that is no base64url", { id: "+/=", key: "k" }],
    ["an id longer than any", { id: "A".repeat(1368), key: "k" }],
    ["no key", { id: "AAAA" }],
    ["nothing", null],
  ])("shows no document with %s", async (_, shown) => {
    const { jkt } = await signingKey("device");
    const document = { v: 1, type: "passkey", id: "doc_x", device: "dev_x", device_key: jkt, credential: "cred_x", subject: "M", passkey: shown, created: 1_790_000_000, expires: 1_790_000_100, nonce };
    await expect(ceremony.open(await statement(document, await proofRequest({ purpose: "passkey" })), ["passkey"])).rejects.toThrow();
  });
});
