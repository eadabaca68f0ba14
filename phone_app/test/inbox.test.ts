import { beforeEach, describe, expect, test, vi } from "vitest";
import { Gateway } from "../src/api";
import { App } from "../src/app";
import { Ceremony } from "../src/ceremony";
import type { Json, JsonObject } from "../src/encoding";
import { Inbox } from "../src/inbox";
import { makeSigningKey, type SigningKey } from "../src/keys";
import type { Keystore, Profile } from "../src/keystore";
import type { Shell } from "../src/ui/shell";
import { hash32, nonce, NOW, proofRequest, signDocument, statement } from "./signing";
import { trust } from "./vectors";

let key: SigningKey;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW * 1000 });
  key = await makeSigningKey();
});

const profile = (change: Partial<Profile> = {}): Profile => ({ bound: [{ id: "cred_0123456789abcdefghjkmnpqrs", subject: "MARIA DA SILVA" }], ...change });

function unasked(type: "associate" | "identify"): JsonObject {
  const common = { v: 1, type, id: `doc_${type}`, device: "dev_x", device_key: key.jkt, credentials: [], created: NOW, expires: NOW + 300, nonce };
  if (type === "associate") return { ...common, computer: { id: "cmp_x", name: "Notebook da Maria", os: "Linux", key: hash32, address: "192.0.2.1" } };
  return { ...common, integrator: { id: "cli_x", name: "Cartório" }, scope: "service", address: "192.0.2.1" };
}

async function inboxOf(hasScanned: boolean): Promise<Inbox> {
  const items: Json[] = [
    { statement: await statement(unasked("associate"), null) },
    { statement: await statement(unasked("identify"), null) },
    { statement: await statement(signDocument(), await proofRequest()) },
  ];
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ items }), { headers: { "Content-Type": "application/json" } }));
  const gateway = new Gateway("https://g.example", key);
  const inbox = new Inbox(gateway, new Ceremony(gateway, await trust(), key, () => profile()), () => hasScanned);
  await inbox.refresh();
  return inbox;
}

describe("what waits", () => {
  test("a computer or a system that nobody scanned is not shown, whatever the gateway lists", async () => {
    const inbox = await inboxOf(false);
    expect(inbox.items.map((one) => one.document.type)).toEqual(["sign"]);
  });

  test("after a scan it is there, also when the answer to the scan was lost", async () => {
    const inbox = await inboxOf(true);
    expect(inbox.items.map((one) => one.document.type).sort()).toEqual(["associate", "identify", "sign"]);
  });

  test.each([
    [undefined, false],
    [NOW, true],
    [NOW - 300, true],
    [NOW - 301, false],
    [NOW + 301, false],
  ])("a scan at %s counts: %s", async (scannedAt, counts) => {
    const app = new App({} as Shell, await trust(), {} as Keystore, key, profile(scannedAt === undefined ? {} : { scannedAt }));
    expect(app.hasScanned).toBe(counts);
  });
});
