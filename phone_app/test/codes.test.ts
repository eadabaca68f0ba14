import { describe, expect, it } from "vitest";
import { codeAt, makeDeliveryKey, openDelivery, secondsLeft } from "../src/codes";
import { unb64u } from "../src/encoding";
import { Untrusted } from "../src/trust";
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
