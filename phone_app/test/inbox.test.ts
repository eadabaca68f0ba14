import { beforeEach, describe, expect, test, vi } from "vitest";
import { Gateway } from "../src/api";
import { App } from "../src/app";
import { Ceremony, type Opened } from "../src/ceremony";
import type { PhoneDocument } from "../src/documents";
import type { Json, JsonObject } from "../src/encoding";
import { Inbox } from "../src/inbox";
import { makeSigningKey, type SigningKey } from "../src/keys";
import type { Keystore, Profile } from "../src/keystore";
import { isStill, keyIn } from "../src/screens/scan";
import { Untrusted } from "../src/trust";
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

async function inboxOf(hasScanned: (document: PhoneDocument) => boolean): Promise<Inbox> {
  const items: Json[] = [
    { statement: await statement(unasked("associate"), null) },
    { statement: await statement(unasked("identify"), null) },
    { statement: await statement(signDocument(), await proofRequest()) },
  ];
  return inboxWith(items, hasScanned);
}

async function inboxWith(items: Json[], hasScanned: (document: PhoneDocument) => boolean): Promise<Inbox> {
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ items }), { headers: { "Content-Type": "application/json" } }));
  const gateway = new Gateway("https://g.example", key);
  const inbox = new Inbox(gateway, new Ceremony(gateway, await trust(), key, () => profile()), hasScanned);
  await inbox.refresh();
  return inbox;
}

async function appWith(scan: Profile["scan"]): Promise<App> {
  return new App({} as Shell, await trust(), {} as Keystore, key, profile(scan === undefined ? {} : { scan }));
}

async function opened(document: JsonObject): Promise<Opened<"associate" | "identify">> {
  const gateway = new Gateway("https://g.example", key);
  return new Ceremony(gateway, await trust(), key, () => profile()).open(await statement(document, null), ["associate", "identify"]);
}

describe("what waits", () => {
  test("a computer or a system that nobody scanned is not shown, whatever the gateway lists", async () => {
    const inbox = await inboxOf(() => false);
    expect(inbox.items.map((one) => one.document.type)).toEqual(["sign"]);
  });

  test("after a scan it is there, also when the answer to the scan was lost", async () => {
    const inbox = await inboxOf(() => true);
    expect(inbox.items.map((one) => one.document.type).sort()).toEqual(["associate", "identify", "sign"]);
  });

  test("an application that rang is there, with its number; an association never, whatever the gateway calls it", async () => {
    const items: Json[] = [
      { statement: await statement(unasked("associate"), null), rung: true, shown_number: 4 },
      { statement: await statement(unasked("identify"), null), rung: true, shown_number: 4 },
    ];
    const inbox = await inboxWith(items, () => false);
    expect(inbox.items.map((one) => [one.document.type, inbox.digits(one.document.id)])).toEqual([["identify", 4]]);
    for (const digits of [0, 9, 4.5, "4", null, undefined]) {
      inbox.remember("doc_identify", { shown_number: digits as Json });
      expect(inbox.digits("doc_identify")).toBeNull();
    }
  });

  test("an association of another computer than the one scanned is not there", async () => {
    const app = await appWith({ at: NOW, key: "another" });
    const inbox = await inboxOf((document) => app.hasScanned(document));
    expect(inbox.items.map((one) => one.document.type)).toEqual(["sign"]);
  });

  test.each([
    [undefined, null, false, false],
    [NOW, null, true, true],
    [NOW - 300, null, true, true],
    [NOW - 301, null, false, false],
    [NOW + 301, null, false, false],
    [NOW, hash32, true, false],
    [NOW, "another", false, false],
    [NOW - 301, hash32, false, false],
  ])("a scan at %s with the key %s leads to the computer: %s, to the page: %s", async (at, key, computer, page) => {
    const app = await appWith(at === undefined ? undefined : { at, key });
    const { document: associate } = await opened(unasked("associate"));
    const { document: identify } = await opened(unasked("identify"));
    expect([app.hasScanned(associate), app.hasScanned(identify)]).toEqual([computer, page]);
  });
});

describe("the key in a frame", () => {
  test("a code that an application draws has none, and is known by its version", () => {
    const still = `https://a.example/l#2.${"t".repeat(22)}.${"m".repeat(22)}`;
    expect([keyIn(still, "https://a.example"), isStill(still, "https://a.example"), isStill(still, "https://b.example")]).toEqual([null, true, false]);
  });

  const frame = `https://a.example/l#1.${"t".repeat(22)}.7.${"m".repeat(22)}`;

  test.each([
    [frame, null],
    [`${frame}.${hash32}`, hash32],
    ["K7M2P-9XQ4T", null],
  ])("%s has %s", (text, key) => {
    expect(keyIn(text, "https://a.example")).toBe(key);
  });

  test.each([`${frame}.${hash32}.${hash32}`, `${frame}.`, `${frame}.short`, `https://a.example/l#1.${"t".repeat(22)}.7.${hash32}`, `${frame} ${hash32}`, `https://a.example/l#2.${frame.slice(24)}`])(
    "%s is refused: what follows must not be taken for the gateway's part",
    (text) => {
      expect(() => keyIn(text, "https://a.example")).toThrow(Untrusted);
    },
  );
});
