// oauth4webapi as an integrator would use it: nothing of it is replaced, no check of it is turned off.
import { isDeepStrictEqual } from "node:util";
import * as oauth from "oauth4webapi";
import { check, finish, privateKey, settings, visit } from "./stage.mjs";

const issuer = new URL(settings.issuer);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2" }),
);
const JSON_TYPE = new Headers({ "Content-Type": "application/json" });

async function pushed(client, auth, parameters, options) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const told = await oauth.processPushedAuthorizationResponse(
    as,
    client,
    await oauth.pushedAuthorizationRequest(
      as,
      client,
      auth,
      {
        response_type: "code",
        redirect_uri: settings.redirect,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: "S256",
        state,
        ...parameters,
      },
      options,
    ),
  );
  const address = new URL(as.authorization_endpoint);
  address.searchParams.set("client_id", client.client_id);
  address.searchParams.set("request_uri", told.request_uri);
  const answer = oauth.validateAuthResponse(as, client, await visit(address), state);
  return oauth.processAuthorizationCodeResponse(
    as,
    client,
    await oauth.authorizationCodeGrantRequest(as, client, auth, answer, settings.redirect, verifier, options),
  );
}

async function introspected(client, auth, token) {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token));
}

async function revoked(client, auth, token) {
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token));
}

async function call(token, path, body, options) {
  const url = new URL(`${settings.issuer}${path}`);
  const response = await oauth.protectedResourceRequest(token, "POST", url, JSON_TYPE, JSON.stringify(body), options);
  check(response.status === 200, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

// A client with a key of its own, DPoP on everything: PAR, code with PKCE, refresh, introspection, revocation.
async function identifies() {
  const client = { client_id: settings.keyed };
  const auth = oauth.PrivateKeyJwt(await privateKey(settings.jwk));
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
  const first = await pushed(client, auth, { scope: "service" }, { DPoP });
  check(first.token_type === "dpop" && first.scope === "service", "token type and scope");
  const listed = await call(first.access_token, "/csc/v2/credentials/list", {}, { DPoP });
  check(listed.credentialIDs.join() === settings.credential, "the credential of the holder who identified");
  const second = await oauth.processRefreshTokenResponse(
    as,
    client,
    await oauth.refreshTokenGrantRequest(as, client, auth, first.refresh_token, { DPoP }),
  );
  check(second.refresh_token !== first.refresh_token, "refresh tokens rotate");
  const seen = await introspected(client, auth, second.access_token);
  check(seen.active && seen.client_id === client.client_id && seen.cnf.jkt, "introspection");
  await revoked(client, auth, second.refresh_token);
  check(!(await introspected(client, auth, second.access_token)).active, "revocation");
}

// Authorization details: what the phone approved, as the token's answer repeats it, signs.
async function signs() {
  const client = { client_id: settings.secret.id };
  const auth = oauth.ClientSecretBasic(settings.secret.text);
  const details = [
    {
      type: "credential",
      credentialID: settings.credential,
      documentDigests: [{ hash: settings.hash, label: "contrato.pdf" }],
      hashAlgorithmOID: "2.16.840.1.101.3.4.2.1",
    },
  ];
  const asked = { scope: "credential", authorization_details: JSON.stringify(details) };
  const token = await pushed(client, auth, asked, undefined);
  check(isDeepStrictEqual(token.authorization_details, details), "details as granted");
  const signed = await call(token.access_token, "/csc/v2/signatures/signHash", {
    credentialID: settings.credential,
    hashes: [settings.hash],
    hashAlgorithmOID: "2.16.840.1.101.3.4.2.1",
    signAlgo: "1.2.840.113549.1.1.11",
  });
  check(signed.signatures.length === 1, "one signature");
}

// By itself, with its secret in the body.
async function byItself() {
  const client = { client_id: settings.alone.id };
  const auth = oauth.ClientSecretPost(settings.alone.text);
  const token = await oauth.processClientCredentialsResponse(
    as,
    client,
    await oauth.clientCredentialsGrantRequest(as, client, auth, {}),
  );
  check((await introspected(client, auth, token.access_token)).active, "active");
  await revoked(client, auth, token.access_token);
  check(!(await introspected(client, auth, token.access_token)).active, "no longer");
}

await finish(async () => {
  await byItself();
  await identifies();
  await signs();
});
