#!/usr/bin/env node
// Receives events of Link ID and believes only what it signed. Node 18 or newer, no library.
//
//     LINKID_URL=… CLIENT_ID=… node examples/node/receive_webhook.mjs [PORT]
import { createPublicKey, verify } from "node:crypto";
import { createServer } from "node:http";

const { LINKID_URL = "http://localhost:8441", CLIENT_ID } = process.env;
const TOLERANCE = 300; // seconds between their clock and ours, delivery included
const seen = new Set(); // a server of yours keeps it where all its processes look, for a day
const { keys } = await (await fetch(`${LINKID_URL}/.well-known/linkid-webhook-keys`)).json();
const known = keys.map((key) => createPublicKey({ key, format: "jwk" }));

/** The event, or null when we had it before; throws for what is not to be believed. */
function take(headers, body) {
  const { "webhook-id": id = "", "webhook-timestamp": sent = "", "webhook-signature": given = "" } = headers;
  const signed = Buffer.concat([Buffer.from(`${id}.${sent}.`), body]);
  const signatures = given.split(" ").filter((one) => one.startsWith("v1a,")).map((one) => Buffer.from(one.slice(4), "base64"));
  if (!known.some((key) => signatures.some((one) => verify(null, signed, key, one)))) throw Error("not signed by the service");
  if (!(Math.abs(Date.now() / 1000 - Number(sent)) <= TOLERANCE)) throw Error("too old");
  const event = JSON.parse(body);
  if (event.application !== CLIENT_ID) throw Error("for somebody else"); // one key signs for every application
  if (seen.has(event.id)) return null;
  seen.add(event.id);
  return event;
}

createServer(async (request, answer) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  try {
    const event = take(request.headers, Buffer.concat(parts));
    if (event) console.log([event.type, event.request, event.reason].filter(Boolean).join(" "));
    answer.writeHead(204).end();
  } catch (wrong) {
    console.log(`refused: ${wrong.message}`);
    answer.writeHead(400).end();
  }
}).listen(Number(process.argv[2] ?? 8766), "127.0.0.1", function () {
  console.log(`listening: http://127.0.0.1:${this.address().port}/`);
});
