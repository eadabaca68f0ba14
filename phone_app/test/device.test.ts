import { beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, Gateway } from "../src/api";
import { Ceremony, NotForThisDevice } from "../src/ceremony";
import { dpopProof } from "../src/dpop";
import { b64u, parseCanonical, sha256, unb64u, utf8, type Bytes, type Json } from "../src/encoding";
import { makeSigningKey, publicJwk, verifies, type SigningKey } from "../src/keys";
import { Keystore, type Profile } from "../src/keystore";
import { EventReader } from "../src/live";
import { isOurs, normaliseCode, requestIn } from "../src/screens/scan";
import { formatNumber, normaliseNumber } from "../src/telephone";
import { Untrusted } from "../src/trust";
import { plain } from "../src/ui/dom";
import { inAbout, product, size } from "../src/strings";
import { hash32, nonce, proofRequest, signDocument, statement } from "./signing";
import { trust } from "./vectors";

describe("the device key", () => {
  test("is kept, is the same next time, and its private half cannot be had", async () => {
    const store = await Keystore.open();
    const key = await store.deviceKey();
    expect((await store.deviceKey()).jkt).toBe(key.jkt);
    expect(key.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey("pkcs8", key.privateKey)).rejects.toThrow();
    await store.clear();
    expect((await store.deviceKey()).jkt).not.toBe(key.jkt);
  });

  test("a public key has four members and no more", () => {
    expect(() => publicJwk({ kty: "EC", crv: "P-256", x: hash32, y: hash32, ext: true })).toThrow();
    expect(() => publicJwk({ kty: "EC", crv: "P-256", x: hash32, y: nonce })).toThrow();
  });
});

describe("DPoP", () => {
  test("names method, address without query, token and time, under the key it carries", async () => {
    const key = await makeSigningKey();
    const proof = await dpopProof(key, "POST", "https://g.example/phone/v1/scan?x=1#y", 1_790_000_000, "dvt_a_b");
    const [head, body, signature] = proof.split(".") as [string, string, string];
    const header = parseCanonical(unb64u(head));
    expect(header).toMatchObject({ typ: "dpop+jwt", alg: "ES256", jwk: key.jwk });
    const claims = parseCanonical(unb64u(body));
    expect(claims).toMatchObject({ htm: "POST", htu: "https://g.example/phone/v1/scan", iat: 1_790_000_000, ath: b64u(await sha256(utf8("dvt_a_b"))) });
    expect(await verifies(key.jwk, unb64u(signature, 64), utf8(`${head}.${body}`))).toBe(true);
    const again = await dpopProof(key, "POST", "https://g.example/phone/v1/scan", 1_790_000_000);
    expect(parseCanonical(unb64u(again.split(".")[1])).jti).not.toBe(claims.jti);
  });
});

/** A gateway that answers from a list, and notes what it was asked. */
class Answers {
  readonly asked: { method: string; url: string; body: unknown }[] = [];
  constructor(private readonly answers: Response[]) {
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      this.asked.push({ method: String(init.method), url, body: init.body === undefined ? null : JSON.parse(String(init.body)) });
      const next = this.answers.shift();
      if (next === undefined) throw new TypeError("no answer left");
      return next;
    });
  }
}
const json = (value: Json, status = 200): Response => new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });

describe("deciding", () => {
  let key: SigningKey;
  let ceremony: Ceremony;
  let stretchings: number;
  const profile: Profile = { bound: [{ id: "cred_0123456789abcdefghjkmnpqrs", subject: "MARIA DA SILVA" }] };

  beforeEach(async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000, toFake: ["Date"] });
    key = await makeSigningKey();
    stretchings = 0;
    const stretch = async (): Promise<Bytes> => {
      stretchings += 1;
      return new Uint8Array(32).fill(5);
    };
    ceremony = new Ceremony(new Gateway("https://g.example", key), await trust(), key, () => profile, stretch);
    return () => {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    };
  });

  test("a request for a credential this phone never bound is not shown, whoever signed it", async () => {
    const jws = await statement(signDocument({ credential: "cred_other" }), await proofRequest());
    await expect(ceremony.open(jws, ["sign"])).rejects.toThrow(NotForThisDevice);
  });

  test("a pairing for another key is not shown", async () => {
    const document = { v: 1, type: "test", id: "doc_x", device: "dev_x", device_key: "another", credential: "cred_x", subject: "M", created: 1_790_000_000, expires: 1_790_000_100, nonce };
    await expect(ceremony.open(await statement(document, null), ["test"])).rejects.toThrow(NotForThisDevice);
  });

  test("a document other than the one asked for is refused", async () => {
    new Answers([json({ statement: await statement(signDocument(), await proofRequest()) })]);
    await expect(ceremony.fetch("req_another", ["sign"])).rejects.toThrow(Untrusted);
  });

  test("an approval carries a proof, a refusal none and no stretching", async () => {
    const opened = await ceremony.open(await statement(signDocument(), await proofRequest()), ["sign"]);
    const answers = new Answers([json({ state: "approved" }), json({ state: "refused" })]);
    await ceremony.answer(opened, "approve", "Senha1234", () => undefined);
    await ceremony.answer(opened, "refuse:not-me", null, () => undefined);
    const [yes, no] = answers.asked.map((one) => one.body as { decision: string; proof: string | null });
    expect(yes?.decision).toBe("approve");
    expect(yes?.proof?.split(".")).toHaveLength(5);
    expect(no).toMatchObject({ decision: "refuse:not-me", proof: null });
    expect(stretchings).toBe(1);
  });

  test("after transport_key_retired the same document is proved again to the newer key, without stretching again", async () => {
    const opened = await ceremony.open(await statement(signDocument(), await proofRequest()), ["sign"]);
    const newer = await statement(signDocument(), await proofRequest());
    const answers = new Answers([json({ code: "transport_key_retired" }, 409), json({ statement: newer }), json({ state: "approved" })]);
    const outcome = await ceremony.answer(opened, "approve", "Senha1234", () => undefined);
    expect(outcome.state).toBe("approved");
    expect(answers.asked.map((one) => one.method)).toEqual(["POST", "GET", "POST"]);
    expect(stretchings).toBe(1);
  });

  test("a document that changed under the same id meanwhile is not decided, whoever signed it", async () => {
    const opened = await ceremony.open(await statement(signDocument(), await proofRequest()), ["sign"]);
    const swapped = await statement(signDocument({ verification_code: "28" }), await proofRequest());
    const answers = new Answers([json({ code: "transport_key_retired" }, 409), json({ statement: swapped })]);
    await expect(ceremony.answer(opened, "approve", "Senha1234", () => undefined)).rejects.toThrow(Untrusted);
    expect(answers.asked.filter((one) => one.method === "POST")).toHaveLength(1);
  });

  test("a refusal by the gateway is data: code, tries left, when to try again", async () => {
    const opened = await ceremony.open(await statement(signDocument(), await proofRequest()), ["sign"]);
    new Answers([json({ code: "password_wrong", message: "<b>ligue para nós</b>", tries_left: 2 }, 403)]);
    await expect(ceremony.answer(opened, "approve", "Senha1234", () => undefined)).rejects.toSatisfy(
      (error) => error instanceof ApiError && error.code === "password_wrong" && error.number("tries_left") === 2,
    );
  });
});

describe("what people type", () => {
  test.each([
    ["(31) 99999-1234", "+5531999991234"],
    ["31999991234", "+5531999991234"],
    ["031 99999 1234", "+5531999991234"],
    ["+55 31 99999-1234", "+5531999991234"],
    ["5531999991234", "+5531999991234"],
    ["3133271234", "+553133271234"],
    ["+1 415 555 0100", "+14155550100"],
    ["99999-1234", null],
    ["+55 1", null],
    ["abc", null],
    ["319999912345678", null],
  ])("the number %j is %j", (typed, expected) => {
    expect(normaliseNumber(typed)).toBe(expected);
  });

  test("a number is shown as people write it", () => {
    expect(formatNumber("+5531999991234")).toBe("(31)\u00a099999-1234");
    expect(formatNumber("+14155550100")).toBe("+14155550100");
  });

  test.each([
    ["k7m2p-9xq4t", "K7M2P-9XQ4T"],
    ["K7M2P 9XQ4T", "K7M2P-9XQ4T"],
    ["OIL2P9XQ4T", "0112P-9XQ4T"],
    ["K7M2P-9XQ4", null],
    ["K7M2P-9XQ4U", null],
    ["", null],
  ])("the link code %j is %j", (typed, expected) => {
    expect(normaliseCode(typed)).toBe(expected);
  });

  test.each([
    ["https://app.example/l#1.tok.5.mac", true],
    ["https://app.example/r#1.req_x", true],
    ["https://app.example.evil.com/l#1.tok.5.mac", false],
    ["https://evil.com/https://app.example/l#", false],
    ["http://app.example/l#1.tok.5.mac", false],
    ["WIFI:S:x;;", false],
  ])("the QR code %j is ours: %j", (text, ours) => {
    expect(isOurs(text, "https://app.example")).toBe(ours);
  });
});

describe("a scanned text", () => {
  test.each([
    ["https://app.example/r#1.req_x", "req_x"],
    [" https://app.example/r#1.req_x ", "req_x"],
    ["https://app.example/l#1.tok.5.mac", null],
    ["https://evil.example/r#1.req_x", null],
    ["K7M2P-9XQ4T", null],
  ])("%j names the request %j", (text, request) => {
    expect(requestIn(text, "https://app.example")).toBe(request);
  });
});

describe("what people read", () => {
  test("characters that hide or reorder become visible", () => {
    expect(plain("fatura\u202efdp.exe")).toBe("fatura\ufffdfdp.exe");
    expect(plain("a\u200bb\nc\u2066d")).toBe("a\ufffdb\ufffdc\ufffdd");
    expect(plain("contrato de locação.pdf")).toBe("contrato de locação.pdf");
  });

  test.each([
    [null, "tamanho não informado"],
    [0, "0 B"],
    [999, "999 B"],
    [48213, "48,2 kB"],
    [999_950, "1 MB"],
    [5_400_000, "5,4 MB"],
  ])("%j bytes are %j", (bytes, words) => {
    expect(size(bytes)).toBe(words);
  });

  test.each([
    ["person", "Pessoa física"],
    ["company", "Pessoa jurídica"],
    ["e-cpf-a3", "e-CPF A3"],
    ["", ""],
    ["outro", "outro"],
    ["constructor", "constructor"],
  ])("the certificate's kind %j is %j", (kind, words) => {
    expect(product(kind)).toBe(words);
  });

  test("a wait is told in the unit that fits", () => {
    expect([inAbout(30), inAbout(600), inAbout(10_800)]).toEqual(["em 30 segundos", "em 10 minutos", "em 3 horas"]);
  });
});

test("events are read from a stream however it is cut", () => {
  const text = ': heartbeat\n\nevent: hello\ndata: {}\n\nevent: doorbell\r\ndata: {"id":"not_x"}\r\n\r\n';
  const bytes = utf8(text);
  for (const cut of [1, 7, bytes.length]) {
    const reader = new EventReader();
    const events: string[] = [];
    for (let at = 0; at < bytes.length; at += cut) events.push(...reader.feed(bytes.slice(at, at + cut)));
    expect(events).toEqual(["hello", "doorbell"]);
  }
});
