import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Gateway } from "../src/api";
import { Ceremony } from "../src/ceremony";
import { approves, decisionMessage, yesTo, type Choice } from "../src/decision";
import { readDocument, type SessionDocument } from "../src/documents";
import { b64u, canonicalJson, unb64u, utf8, type JsonObject } from "../src/encoding";
import { makeSigningKey, type SigningKey } from "../src/keys";
import { readSessions } from "../src/screens/sessions";
import { openStatement } from "../src/statement";
import { span } from "../src/strings";
import { Untrusted, type Trust } from "../src/trust";
import { hash32, NOW, proofRequest, sessionDocument, signDocument, statement } from "./signing";
import { entry, trust as testTrust, vectors } from "./vectors";

interface Case {
  name: string;
  jws: string;
  document: JsonObject;
  document_bytes: string;
  decision: Choice;
  proof: string;
  message: string;
  signature: string;
  bad: { decision: Choice };
}

const shared = vectors<{ now: number; documents: Case[] }>("session");
let trust: Trust;
let key: SigningKey;
beforeAll(async () => {
  trust = await testTrust();
  key = await makeSigningKey();
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW * 1000 });
});

const ceremony = (): Ceremony => new Ceremony(new Gateway("https://g.example", key), trust, key, () => ({ bound: [{ id: "cred_0123456789abcdefghjkmnpqrs", subject: "MARIA DA SILVA" }] }));

describe("the shared vectors", () => {
  test.each(shared.documents.map((one) => [one.name, one] as const))("a session %s opens, and its own yes is what the device signs", async (_, one) => {
    const opened = await openStatement(one.jws, ["sign", "session"], trust, shared.now);
    const { purpose, until, maximum, session_key } = one.document;
    expect(opened.document).toMatchObject({ type: "session", purpose, until, maximum, session_key });
    expect(opened.proof?.purpose).toBe("sign");
    expect(yesTo(opened.document)).toBe(one.decision);
    expect(yesTo(opened.document)).not.toBe(one.bad.decision);
    const message = await decisionMessage(unb64u(one.document_bytes), one.decision, one.proof);
    expect(b64u(message)).toBe(one.message);
    const device = await crypto.subtle.importKey("jwk", { ...entry("device").public }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    await expect(crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, device, unb64u(one.signature), message)).resolves.toBe(true);
  });
});

describe("the yes of a document", () => {
  test("without keys it is a word of its own; with them, and for listed documents, the plain one", () => {
    const read = (from: JsonObject) => readDocument(utf8(canonicalJson(from)));
    expect(yesTo(read(sessionDocument({ caller: { kind: "integrator", id: "cli_x", name: "X" }, session_key: [] })))).toBe("approve:without-key");
    expect(yesTo(read(sessionDocument()))).toBe("approve");
    expect(yesTo(read(signDocument()))).toBe("approve");
    expect([approves("approve"), approves("approve:without-key"), approves("refuse:not-me")]).toEqual([true, true, false]);
  });

  test.each([
    ["the plain yes to a session without keys", { caller: { kind: "integrator", id: "cli_x", name: "X" }, session_key: [] }, "approve"],
    ["the other yes to a session with a key", {}, "approve:without-key"],
  ] as const)("%s is never signed nor sent", async (_, change, choice) => {
    const sent = vi.fn();
    vi.stubGlobal("fetch", sent);
    const opened = await ceremony().open(await statement(sessionDocument({ ...change } as JsonObject), await proofRequest()), ["session"]);
    await expect(ceremony().answer(opened, choice, "Senha1234", () => undefined)).rejects.toThrow("another yes");
    expect(sent).not.toHaveBeenCalled();
  });
});

describe("sessions this app does not show", () => {
  test.each([
    ["no signatures", { maximum: 0 }],
    ["too many", { maximum: 100_001 }],
    ["a number that is none", { maximum: "5" }],
    ["an end before its answer", { until: NOW + 179 }],
    ["an end beyond a week", { until: NOW + 7 * 86_400 + 1 }],
    ["keys that are no list", { session_key: hash32 }],
    ["a key without a name", { session_key: ["x"] }],
    ["six keys", { session_key: Array.from({ length: 6 }, () => hash32) }],
    ["a computer without its key", { session_key: [] }],
    ["a purpose that is no text", { purpose: 5 }],
    ["an algorithm that does not agree", { hash_algorithm: "SHA-384" }],
    ["an activation key of another length", { activation_key: "AA" }],
    ["another kind of caller", { caller: { kind: "gateway", id: "x", name: "x" } }],
  ])("%s", async (_, change) => {
    await expect(openStatement(await statement(sessionDocument(change as JsonObject), await proofRequest()), ["session"], trust, NOW)).rejects.toThrow(Untrusted);
  });

  test("one of a credential that this phone never bound", async () => {
    const jws = await statement(sessionDocument({ credential: "cred_0000000000000000000000000" }), await proofRequest());
    await expect(ceremony().open(jws, ["session"])).rejects.toThrow("cred_");
  });

  test("one that asks for no password", async () => {
    await expect(openStatement(await statement(sessionDocument(), null), ["session"], trust, NOW)).rejects.toThrow(Untrusted);
  });

  test("a request of listed documents is none", async () => {
    const jws = await statement(signDocument(), await proofRequest());
    await expect(openStatement(jws, ["session"], trust, NOW)).rejects.toThrow(Untrusted);
    const opened = await openStatement(await statement(sessionDocument(), await proofRequest()), ["session"], trust, NOW);
    expect((opened.document as SessionDocument).maximum).toBe(200);
  });
});

describe("what the gateway lists", () => {
  test("is read member by member; what is missing or odd is shown as nothing", () => {
    const good = { activation: "act_x", caller: { kind: "computer", name: "N" }, purpose: "p", until: "2026-11-23T20:00:00Z", maximum: 9, used: 3, with_key: true };
    expect(readSessions([good])).toEqual([{ activation: "act_x", caller: "N", kind: "computer", purpose: "p", until: 1795464000, maximum: 9, used: 3, withKey: true }]);
    expect(readSessions([{ caller: {}, used: "9", until: 5, with_key: 1 }])).toEqual([{ activation: "", caller: "", kind: "integrator", purpose: "", until: 0, maximum: 0, used: 0, withKey: false }]);
    expect(readSessions(undefined)).toEqual([]);
  });
});

test.each([
  [0, "menos de um minuto"],
  [59, "menos de um minuto"],
  [60, "1 minuto"],
  [3_599, "59 minutos"],
  [3_600, "1 hora"],
  [28_860, "8 horas e 1 minuto"],
  [86_400, "1 dia"],
  [2 * 86_400 + 3_700, "2 dias e 1 hora"],
])("%i seconds are %s", (seconds, words) => {
  expect(span(seconds)).toBe(words);
});
