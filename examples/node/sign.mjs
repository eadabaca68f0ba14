#!/usr/bin/env node
// Has a holder sign a file through the signing API. Node 18 or newer, no library.
//
//     LINKID_URL=… CLIENT_ID=… CLIENT_SECRET=… node examples/node/sign.mjs FILE [CREDENTIAL]
//
// Writes FILE.sig and FILE.crt, and verifies the one with the other.
import { createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const SHA256 = "2.16.840.1.101.3.4.2.1";
const { LINKID_URL = "http://localhost:8441", CLIENT_ID, CLIENT_SECRET } = process.env;
const [file, wanted] = process.argv.slice(2);
if (!file || !CLIENT_ID) {
  console.error("usage: CLIENT_ID=… CLIENT_SECRET=… node sign.mjs FILE [CREDENTIAL]");
  process.exit(2);
}

/** One call; an error ends the program with the service's own words. */
async function post(path, body, headers) {
  const answer = await fetch(LINKID_URL + path, { method: "POST", body, headers });
  const said = await answer.json();
  if (!answer.ok) {
    console.error(`${path}: ${answer.status} ${JSON.stringify(said)}`);
    process.exit(1);
  }
  return said;
}

const basic = Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString("base64");
const { access_token: token } = await post(
  "/oauth2/token", new URLSearchParams({ grant_type: "client_credentials" }), { Authorization: `Basic ${basic}` },
);
const csc = (method, body) => post(`/csc/v2/${method}`, JSON.stringify(body), {
  Authorization: `Bearer ${token}`, "Content-Type": "application/json", Prefer: "wait=25",
});

const credentialID = wanted ?? (await csc("credentials/list", { onlyValid: true })).credentialIDs[0];
const info = await csc("credentials/info", { credentialID });
const certificate = new X509Certificate(Buffer.from(info.cert.certificates[0], "base64"));

const content = readFileSync(file);
const one = { credentialID, hashes: [createHash("sha256").update(content).digest("base64")], hashAlgorithmOID: SHA256 };
let asked = await csc("credentials/authorize", {
  ...one, numSignatures: 1,
  clientData: JSON.stringify({ documents: [{ label: basename(file), size: content.length }] }), // what the phone shows
});
console.log(`approve on the phone of ${info.description}; verification code ${asked.linkid.verification_code}`);
while (!asked.SAD) asked = await csc("credentials/authorizeCheck", { handle: asked.handle }); // the newest handle

const signAlgo = info.key.curve ? "1.2.840.10045.4.3.2" : "1.2.840.113549.1.1.11"; // ECDSA or RSA, with SHA-256
const { signatures: [signature] } = await csc("signatures/signHash", { ...one, SAD: asked.SAD, signAlgo });
if (!verify("sha256", content, certificate.publicKey, Buffer.from(signature, "base64"))) {
  console.error("the signature does not verify");
  process.exit(1);
}
writeFileSync(`${file}.sig`, Buffer.from(signature, "base64"));
writeFileSync(`${file}.crt`, certificate.raw);
console.log(`signed and verified: ${file}.sig, by ${file}.crt`);
