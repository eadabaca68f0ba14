// openid-client against a plain OAuth authorization server: discovery by RFC 8414, PAR, DPoP, refresh, revocation.
import * as client from "openid-client";
import { check, finish, privateKey, settings, visit } from "./stage.mjs";

await finish(async () => {
  const config = await client.discovery(
    new URL(settings.issuer),
    settings.keyed,
    undefined,
    client.PrivateKeyJwt(await privateKey(settings.jwk)),
    { algorithm: "oauth2" },
  );
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const address = await client.buildAuthorizationUrlWithPAR(
    config,
    {
      redirect_uri: settings.redirect,
      scope: "service",
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: expectedState,
    },
    { DPoP },
  );
  const back = await visit(address);
  const first = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState }, undefined, { DPoP });
  const url = new URL(`${settings.issuer}/csc/v2/credentials/list`);
  const headers = new Headers({ "Content-Type": "application/json" });
  const response = await client.fetchProtectedResource(config, first.access_token, url, "POST", "{}", headers, { DPoP });
  check((await response.json()).credentialIDs.join() === settings.credential, "the holder's credential");
  const second = await client.refreshTokenGrant(config, first.refresh_token, undefined, { DPoP });
  check((await client.tokenIntrospection(config, second.access_token)).active, "active");
  await client.tokenRevocation(config, second.refresh_token);
  check(!(await client.tokenIntrospection(config, second.access_token)).active, "no longer");
});
