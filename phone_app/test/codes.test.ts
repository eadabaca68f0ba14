import { describe, expect, it } from "vitest";
import { codeAt, makeDeliveryKey, openDelivery, secondsLeft } from "../src/codes";
import { yesTo } from "../src/decision";
import { readDocument } from "../src/documents";
import { canonicalJson, unb64u, utf8, type JsonObject } from "../src/encoding";
import { readConsents } from "../src/screens/consents";
import { Untrusted } from "../src/trust";
import { NOW, sessionDocument } from "./signing";
import { vectors } from "./vectors";

const { codes, credential, delivery, generator, secret } = vectors("codes") as unknown as {
  codes: { at: number; code: string }[];
  credential: string;
  delivery: { private: JsonWebKey };
  generator: { sealed: string };
  secret: string;
};
const HMAC = { name: "HMAC", hash: "SHA-256" };
const deliveryKey = () => crypto.subtle.importKey("jwk", delivery.private, { name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]);

describe("codes without a network", () => {
  it("are those of the vectors", async () => {
    const key = await crypto.subtle.importKey("raw", unb64u(secret, 32), HMAC, false, ["sign"]);
    for (const one of codes) expect(await codeAt(key, one.at)).toBe(one.code);
  });

  it("come from a secret that only the delivery key opens, and that nobody reads again", async () => {
    const key = await openDelivery(await deliveryKey(), generator.sealed, credential);
    expect(key.extractable).toBe(false);
    expect(await codeAt(key, codes[0]!.at)).toBe(codes[0]!.code);
    await expect(openDelivery(await deliveryKey(), generator.sealed, "cred_other")).rejects.toThrow(Untrusted);
    await expect(openDelivery((await makeDeliveryKey()).privateKey, generator.sealed, credential)).rejects.toThrow(Untrusted);
    await expect(openDelivery(await deliveryKey(), "x.y", credential)).rejects.toThrow(Untrusted);
  });

  it("say how long they last", () => {
    expect([0, 29.9, 30, 59].map(secondsLeft)).toEqual([30, 1, 30, 1]);
  });
});

describe("a consent", () => {
  const application = { kind: "integrator", id: "cli_0123456789abcdefghjkmnpqrs", name: "Hospital" };
  const read = (change: JsonObject) => {
    const from = { ...sessionDocument(), type: "consent", caller: application, until: NOW + 30 * 86_400, ...change } as JsonObject;
    for (const name of ["session_key", "hash_algorithm", "sign_algorithm", "activation_key"]) delete from[name];
    return readDocument(utf8(canonicalJson(from)));
  };

  it("is read as it was signed, and its yes is the plain one", () => {
    expect(read({})).toMatchObject({ type: "consent", caller: application, until: NOW + 30 * 86_400 });
    expect(yesTo(read({}))).toBe("approve");
  });

  it.each([
    ["of no signature", { maximum: 0 }],
    ["of too many", { maximum: 100_001 }],
    ["that is over", { until: NOW }],
    ["of years", { until: NOW + 366 * 86_400 + 1 }],
    ["for a computer", { caller: { ...application, kind: "computer" } }],
    ["with a purpose that is no text", { purpose: 5 }],
  ])("%s is never shown", (_, change) => {
    expect(() => read(change as JsonObject)).toThrow();
  });

  it("that stands is listed with what the gateway says, whatever it says", () => {
    expect(readConsents(null)).toEqual([]);
    expect(readConsents([{ consent: "req_x", caller: { name: "Hospital" }, purpose: "", until: "1970-01-01T00:00:09Z", maximum: 5, used: "5", last_used: null }])).toEqual([
      { consent: "req_x", caller: "Hospital", purpose: "", until: 9, maximum: 5, used: 0, lastUsed: null },
    ]);
  });
});
