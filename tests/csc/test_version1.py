"""CSC API 1.0.4 over HTTP: the same approvals in other words, and a call that waits for the holder itself."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from foundation.encoding import b64u
from foundation.ids import new_id, new_token
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from protocol.algorithms import SIGN_ALGORITHMS
from tests.csc.test_hostile import raw
from tests.support.oauth_application import application
from tests.support.oauth_requests import CALLBACK, VERIFIER, answer_in, authorize_path, page_token
from tests.support.signing_callers import ORIGIN, BearerCaller, Computer
from tests.support.signing_neighbours import APP
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

SHA256 = "2.16.840.1.101.3.4.2.1"
RSA = "1.2.840.113549.1.1.11"
NOW_NOT = {"Prefer": "wait=0"}
METHODS = [
    "auth/revoke",
    "credentials/list",
    "credentials/info",
    "credentials/authorize",
    "credentials/extendTransaction",
    "credentials/sendOTP",
    "signatures/signHash",
]
Answer = tuple[int, dict[str, Any]]


def authorize(credential: str, *texts: str, **changes: Any) -> dict[str, Any]:
    """A body for credentials/authorize: API 1 names no algorithm."""
    body = {
        "credentialID": credential,
        "numSignatures": len(texts),
        "hash": [b64(digest(text)) for text in texts],
    }
    return {**body, **changes}


def sign(credential: str, sad: str, *texts: str, **changes: Any) -> dict[str, Any]:
    """A body for signHash."""
    hashes = [b64(digest(text)) for text in texts]
    return {"credentialID": credential, "SAD": sad, "hash": hashes, "signAlgo": RSA, **changes}


async def post(caller: Computer | BearerCaller, method: str, body: Any, **headers: str) -> Answer:
    """A call of API 1."""
    return await caller.call("POST", f"/csc/v1/{method}", body, **headers)


async def approved(world: World, caller: Computer | BearerCaller, body: dict[str, Any]) -> dict[str, Any]:
    """What authorize answers once the holder said yes, having waited for it."""
    rung = len(world.doorbell.rings)
    waiting = asyncio.create_task(post(caller, "credentials/authorize", body))
    while len(world.doorbell.rings) == rung and not waiting.done():
        await asyncio.sleep(0.01)
    if not waiting.done():
        world.sam.approve(world.sam.last)
        await world.decided(world.sam.last)
    status, answer = await waiting
    assert status == 200, answer
    return answer


# ---- one signature ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_algorithm", "oid", "name"),
    [
        ("RSA-2048", RSA, "RSA-PKCS1-SHA256"),
        ("P-256", "1.2.840.10045.4.3.2", "ECDSA-SHA256"),
    ],
)
async def test_the_call_that_asks_is_the_call_that_answers(
    world: World, key_algorithm: str, oid: str, name: str
) -> None:
    """List, info, authorize until the phone answered, sign: API 1's words, and signatures that verify."""
    credential = await world.credential(key_algorithm)
    computer = await world.computer(credential)
    assert await post(computer, "credentials/list", {}) == (200, {"credentialIDs": [credential]})
    status, info = await post(
        computer, "credentials/info", {"credentialID": credential, "certificates": "chain", "authInfo": True}
    )
    assert (status, info["authMode"], info["SCAL"], info["multisign"]) == (200, "implicit", "2", 100)
    assert (info["PIN"], info["OTP"]) == ({"presence": "false"}, {"presence": "false"})
    assert "auth" not in info
    assert oid in info["key"]["algo"]
    said = await approved(world, computer, authorize(credential, "a", "b", description="Contrato"))
    assert set(said) == {"SAD", "expiresIn"}
    assert [one["label"] for one in world.sam.held[world.sam.last].document.objects("documents")] == [
        "Documento 1",
        "Documento 2",
    ]
    wanted = sign(credential, said["SAD"], "b", "a", signAlgo=oid)
    status, signed = await post(computer, "signatures/signHash", wanted)
    assert status == 200, signed
    public: Any = x509.load_der_x509_certificate(base64.b64decode(info["cert"]["certificates"][0])).public_key()
    for signature, text in zip(signed["signatures"], ("b", "a"), strict=True):
        SIGN_ALGORITHMS[name].verify(public, base64.b64decode(signature), digest(text))
    assert await post(computer, "signatures/signHash", wanted) == (200, signed)


async def test_info_has_what_version_1_requires(world: World) -> None:
    """Required members, no member of version 2, and an address under which the three token endpoints are."""
    status, body, _ = await raw(world, "/csc/v1/info")
    assert status == 200
    assert set(body) == {"specs", "name", "logo", "region", "lang", "description", "authType", "oauth2", "methods"}
    assert body["oauth2"] == f"{ORIGIN}/csc/v1/"
    assert body["logo"].startswith(APP)
    for method in body["methods"]:
        assert (await raw(world, f"/csc/v1/{method}"))[0] == 401


@pytest.mark.parametrize(("name", "length"), [("sha256", 32), ("sha384", 48), ("sha512", 64)])
async def test_the_digests_length_says_which_hash(world: World, name: str, length: int) -> None:
    """Nothing names an algorithm in API 1's authorize; digests of two lengths are no one hash's."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a", "b")
    body["hash"] = [b64(digest(text, name)) for text in ("a", "b")]
    status, _ = await post(caller, "credentials/authorize", body, **NOW_NOT)
    assert status == 429
    fixed = world.sam.held[world.sam.last].document
    assert fixed.text("hash_algorithm") == f"SHA-{length * 8}"
    body["hash"][1] = b64(bytes(length - 1))
    assert (await post(caller, "credentials/authorize", body))[1]["error_description"] == "Invalid digest value length"


# ---- a call that is cut off ------------------------------------------------------------------------------------------


async def test_the_same_call_again_finds_its_request(world: World) -> None:
    """Told to come back, it does, in whatever order it writes its members: one ring, one SAD, until all is signed."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a", clientData="pedido 42")
    for same in (body, dict(reversed(body.items()))):
        status, answer = await post(caller, "credentials/authorize", same, **NOW_NOT)
        assert (status, answer["error"], answer["linkid"]) == (429, "temporarily_unavailable", {"why": "undecided"})
    status, answer = await post(caller, "credentials/authorize", {**body, "clientData": "pedido 43"}, **NOW_NOT)
    assert (status, answer["linkid"]) == (429, {"why": "pending"})
    assert len(world.doorbell.rings) == 1
    world.sam.approve(world.sam.last)
    status, first = await post(caller, "credentials/authorize", body)
    assert status == 200
    status, again = await post(caller, "credentials/authorize", body)
    assert (status, again["SAD"]) == (200, first["SAD"])
    assert (await post(caller, "signatures/signHash", sign(credential, first["SAD"], "a")))[0] == 200
    assert (await post(caller, "credentials/authorize", body, **NOW_NOT))[0] == 429
    assert len(world.doorbell.rings) == 2


async def test_rivals_with_the_same_call_ring_once(world: World) -> None:
    """Ten at the same moment wait for one request, and get one SAD."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a")
    rivals = [asyncio.create_task(post(caller, "credentials/authorize", body)) for _ in range(10)]
    while sum(call == "documents/state" for call, _ in world.sam.bodies) < len(rivals):
        await asyncio.sleep(0.01)  # until each of them waits
    world.sam.approve(world.sam.last)
    await world.decided(world.sam.last)
    answers = await asyncio.gather(*rivals)
    assert {status for status, _ in answers} == {200}, answers
    assert len({answer["SAD"] for _, answer in answers}) == 1
    assert len(world.doorbell.rings) == 1


async def test_a_rival_that_looked_too_early(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It found nothing; meanwhile the other one's request was made and approved: it gets that SAD, nothing rings."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a")
    await post(caller, "credentials/authorize", body, **NOW_NOT)
    world.sam.approve(world.sam.last)
    found = world.signing.of_call
    looks = 0

    async def too_early(*asked: Any) -> str | None:
        nonlocal looks
        looks += 1
        return None if looks == 1 else await found(*asked)

    monkeypatch.setattr(world.signing, "of_call", too_early)
    status, answer = await post(caller, "credentials/authorize", body, **NOW_NOT)
    assert (status, answer["SAD"][:4], looks) == (200, "sad_", 3)
    assert len(world.doorbell.rings) == 1


async def test_a_no_that_nobody_heard_is_heard(world: World) -> None:
    """Refused while the client was gone: the same call hears of it and rings nobody; half a minute later it asks."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a")
    await post(caller, "credentials/authorize", body, **NOW_NOT)
    world.sam.refuse(world.sam.last, "refuse:changed-mind")
    for _ in range(2):
        status, answer = await post(caller, "credentials/authorize", body)
        assert (status, answer["error"], answer["linkid"]) == (
            400,
            "access_denied",
            {"reason": "refuse:changed-mind"},
        )
    assert len(world.doorbell.rings) == 1
    world.clock.advance(timedelta(seconds=31))
    assert (await post(caller, "credentials/authorize", body, **NOW_NOT))[0] == 429
    assert len(world.doorbell.rings) == 2


async def test_a_request_nobody_decided_lapses_in_version_1_too(world: World) -> None:
    """The same call after three minutes: expired_token, once; then it asks anew."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    body = authorize(credential, "a")
    await post(caller, "credentials/authorize", body, **NOW_NOT)
    world.clock.advance(timedelta(seconds=181))
    status, answer = await post(caller, "credentials/authorize", body)
    assert (status, answer["error"]) == (400, "expired_token")
    assert (await post(caller, "credentials/authorize", body, **NOW_NOT))[1]["linkid"] == {"why": "undecided"}
    assert len(world.doorbell.rings) == 2


async def test_a_request_is_found_by_its_own_token_alone(world: World) -> None:
    """The same words with another token, of the same client or of another, are another call: no SAD of this one."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    row = await world.owner.fetchval("SELECT client FROM oauth.tokens")
    stranger = await world.integrator(credential, name="Outra SA")
    body = authorize(credential, "a")
    await post(caller, "credentials/authorize", body, **NOW_NOT)
    world.sam.approve(world.sam.last)
    secret = await world.clients.new_secret(row)
    form = {"grant_type": "client_credentials", "client_id": row, "client_secret": secret}
    async with world.client.post("/oauth2/token", data=form) as response:
        other_token = BearerCaller(world.client, (await response.json())["access_token"])
    for other in (stranger, other_token):
        status, answer = await post(other, "credentials/authorize", body, **NOW_NOT)
        assert status == 429, answer
        assert "SAD" not in answer
    status, answer = await post(caller, "credentials/authorize", body, **NOW_NOT)
    assert (status, answer["SAD"][:4]) == (200, "sad_")


# ---- what a holder knows does not come through here ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"PIN": "1234"}, "invalid_pin", "The PIN is invalid"),
        ({"PIN": 1234}, "invalid_pin", "The PIN is invalid"),
        ({"OTP": "123456"}, "invalid_otp", "The OTP is invalid"),
        ({"OTP": ["1"]}, "invalid_otp", "The OTP is invalid"),
    ],
)
async def test_no_pin_and_no_otp(world: World, changes: dict[str, Any], error: str, sentence: str) -> None:
    """A PIN or an OTP is refused, not passed over; and none is sent."""
    credential = await world.credential()
    caller = await world.integrator(credential)
    answer = await post(caller, "credentials/authorize", authorize(credential, "a", **changes))
    assert answer == (400, {"error": error, "error_description": sentence})
    status, said = await post(caller, "credentials/sendOTP", {"credentialID": credential})
    assert (status, said["error"]) == (400, "invalid_request")
    assert (await post(caller, "credentials/sendOTP", {"credentialID": new_id("cred")}))[1]["error_description"] == (
        "Invalid parameter credentialID"
    )
    assert world.doorbell.rings == []


def basic(text: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "body", "status", "error", "sentence"),
    [
        (basic("maria:senha"), {}, 400, "authentication_error", "An error occurred during authentication process"),
        (basic(":"), {}, 400, "authentication_error", "An error occurred during authentication process"),
        ('Digest username="maria"', {}, 400, "authentication_error", "An error occurred during authentication process"),
        (basic("maria"), {}, 400, "invalid_request", "Malformed username-password."),
        ("Basic %%%", {}, 400, "invalid_request", "Malformed username-password."),
        ("Basic", {}, 401, "invalid_request", "Malformed authentication parameter."),
        ("Bearer at_x", {}, 401, "invalid_request", "Malformed authentication parameter."),
        (None, {}, 401, "invalid_request", "Malformed authentication parameter."),
        (None, {"refresh_token": 1}, 400, "invalid_request", "Invalid string parameter: refresh_token"),
        (None, {"refresh_token": ""}, 400, "invalid_request", "Invalid string parameter: refresh_token"),
        (None, {"refresh_token": "x" * 5000}, 400, "invalid_request", "Invalid refresh_token"),
        (None, {"refresh_token": "rt_x", "rememberMe": "yes"}, 400, "invalid_request", "Invalid parameter rememberMe"),
    ],
)
async def test_nobody_logs_in_with_a_password(
    world: World, header: str | None, body: dict[str, Any], status: int, error: str, sentence: str
) -> None:
    """auth/login in the standard's sentences: no holder has a password here, an integrator's secret is none either."""
    headers = {} if header is None else {"Authorization": header}
    got, said, _ = await raw(world, "/csc/v1/auth/login", json.dumps(body).encode(), **headers)
    assert (got, said) == (status, {"error": error, "error_description": sentence})


async def test_an_integrators_secret_is_no_password(world: World) -> None:
    """Right or wrong, known or not: one answer, so that nothing is learnt by trying."""
    registered = await world.register()
    good = await raw(world, "/csc/v1/auth/login", Authorization=basic(f"{registered.client.id}:{registered.secret}"))
    wrong = await raw(world, "/csc/v1/auth/login", Authorization=basic(f"{new_id('cli')}:x"))
    assert good[:2] == wrong[:2]
    assert good[0] == 400


async def test_a_token_is_revoked_by_its_own_client(world: World) -> None:
    """204 whatever the token is; only a token of the caller's own client ends."""
    caller, other = await world.integrator(), await world.integrator()
    for token in (other.token, new_token("at").text, "x", "\0"):
        assert (await post(caller, "auth/revoke", {"token": token}))[0] == 204
    assert (await post(other, "credentials/list", {}))[0] == 200
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "Missing (or invalid type) string parameter token"),
        ({"token": 1}, "Missing (or invalid type) string parameter token"),
        ({"token": "x", "token_type_hint": 1}, "Invalid parameter token_type_hint"),
    ]
    for body, sentence in wrong:
        assert (await post(caller, "auth/revoke", body))[1]["error_description"] == sentence
    status, said = await post(caller, "auth/revoke", {"token": "x", "token_type_hint": "cookie"})
    assert (status, said["error"]) == (400, "unsupported_token_type")
    body = {"token": caller.token, "token_type_hint": "access_token", "clientData": "x"}
    assert await post(caller, "auth/revoke", body) == (204, {})
    assert (await post(caller, "credentials/list", {}))[0] == 401


# ---- pages of a list -------------------------------------------------------------------------------------------------


async def test_a_list_comes_in_pages(world: World) -> None:
    """maxResults at a time, each once, whatever is sent as a page's name that is none."""
    wanted = [await world.credential("P-256") for _ in range(5)]
    foreign = await world.credential("P-256")
    caller = await world.integrator(*wanted)
    found: list[str] = []
    token: str | None = None
    for expected in (2, 2, 1):
        status, page = await post(caller, "credentials/list", {"maxResults": 2, "pageToken": token})
        assert (status, len(page["credentialIDs"])) == (200, expected)
        found += page["credentialIDs"]
        token = page.get("nextPageToken")
    assert token is None
    assert sorted(found) == sorted(wanted)
    no_token: list[Any] = [foreign, "x", "\0", 1, True, []]
    no_number: list[Any] = [0, -1, "2", 1.5, True]
    for bad in no_token:
        status, said = await post(caller, "credentials/list", {"pageToken": bad})
        assert (status, said["error_description"]) == (400, "Invalid parameter pageToken")
    for bad in no_number:
        status, said = await post(caller, "credentials/list", {"maxResults": bad})
        assert (status, said["error_description"]) == (400, "Invalid parameter maxResults")
    status, said = await post(caller, "credentials/list", {"userID": "maria"})
    assert (status, said["error_description"]) == (400, "userID parameter MUST be null")


# ---- strangers and somebody else's -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
async def test_strangers_learn_nothing_in_version_1(world: World, method: str) -> None:
    """A malformed header is 400, no or a bad token 401, and a body is not looked at before."""
    for header, status in ((None, 401), ("Bearer at_x", 401), ("Bearer", 400), (basic("a:b"), 400)):
        headers = {} if header is None else {"Authorization": header}
        got, body, _ = await raw(world, f"/csc/v1/{method}", b"not json", **headers)
        assert (got, set(body)) == (status, {"error", "error_description"})
    caller = await world.integrator()
    good = {"Authorization": f"Bearer {caller.token}"}
    assert (await raw(world, f"/csc/v1/{method}", b"x" * 10_000_000, **good))[0] == 413
    assert (await raw(world, f"/csc/v1/{method}", b"[" * 100_000, **good))[0] == 400
    async with world.client.get(f"/csc/v1/{method}") as response:
        assert response.status == 405


@pytest.mark.parametrize("path", ["signatures/signDoc", "credentials/authorizeCheck", "signatures/signPolling", "a/b"])
async def test_what_version_1_does_not_have(world: World, path: str) -> None:
    """501, as the standard says."""
    status, body, _ = await raw(world, f"/csc/v1/{path}")
    assert (status, body["error"]) == (501, "invalid_request")


async def test_somebody_elses_things_do_not_exist_in_version_1(world: World) -> None:
    """Another's credential and SAD: the answers for what is not there; what was approved is what is signed."""
    credential, foreign = await world.credential(), await world.credential()
    mine, thief = await world.integrator(credential), await world.integrator(foreign)
    sad = (await approved(world, mine, authorize(credential, "a")))["SAD"]
    for wanted in (credential, new_id("cred")):
        for method, body in (
            ("credentials/info", {"credentialID": wanted}),
            ("credentials/authorize", authorize(wanted, "a")),
            ("credentials/sendOTP", {"credentialID": wanted}),
            ("credentials/extendTransaction", sign(wanted, sad, "a")),
            ("signatures/signHash", sign(wanted, sad, "a")),
        ):
            status, said = await post(thief, method, body)
            assert (status, said["error_description"]) == (400, "Invalid parameter credentialID")
    for method in ("signatures/signHash", "credentials/extendTransaction"):
        status, said = await post(thief, method, sign(foreign, sad, "a"))
        assert (status, said["error_description"]) == (400, "Invalid parameter SAD")
    status, said = await post(mine, "signatures/signHash", sign(credential, sad, "b"))
    assert (status, said["error_description"]) == (400, "Hash is not authorized by the SAD.")
    status, said = await post(mine, "credentials/authorize", authorize(credential, *map(str, range(101))))
    assert (status, said["error_description"]) == (400, "Numbers of signatures is too high")
    assert (await post(mine, "credentials/authorize", authorize(credential, *map(str, range(10_000)))))[0] == 413
    assert all(call != "signatures/sign" or body["caller"] == {"kind": "integrator", "id": world.sam.held[
        world.sam.last].caller["id"]} for call, body in world.sam.bodies)  # fmt: skip


# ---- API 1's own token addresses -------------------------------------------------------------------------------------


async def test_a_token_by_the_addresses_of_version_1(world: World) -> None:
    """The page, the code, the token, and a revocation that answers 204: under info's oauth2 address."""
    credential = await world.credential()
    registered = await world.register(grants=[GrantType.CODE], redirects=[CALLBACK])
    path = "/csc/v1" + authorize_path(registered.client.id, lang="pt-BR", clientData="x")
    async with world.client.get(path) as response:
        assert response.status == 200
        page = page_token(await response.text())
    world.links.last.state, world.links.last.credentials = "approved", [credential]
    async with world.client.post("/oauth2/authorize/check", json={"page": page, "code": "042"}) as response:
        code = answer_in((await response.json())["redirect"])["code"]
    client = {"client_id": registered.client.id, "client_secret": registered.secret or ""}
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    async with world.client.post("/csc/v1/oauth2/token", data={**form, **client}) as response:
        issued = await response.json()
        assert (response.status, issued["token_type"]) == (200, "Bearer"), issued
    caller = BearerCaller(world.client, issued["access_token"])
    assert (await post(caller, "credentials/list", {}))[1] == {"credentialIDs": [credential]}
    async with world.client.post("/csc/v1/oauth2/revoke", data={**client, "token": caller.token}) as response:
        assert (response.status, await response.read()) == (204, b"")
    assert (await post(caller, "credentials/list", {}))[0] == 401


async def test_a_key_may_name_the_address_it_is_sent_to(world: World) -> None:
    """A client assertion for API 1's token address is good there; errors have RFC 6749's codes."""
    program = Computer(world.client, world.clock, ORIGIN)
    program.id = (await world.register(method=ClientMethod.KEY, keys=[program.key.jwk])).client.id
    form = program.token_form(client_assertion=program.assertion(aud=f"{ORIGIN}/csc/v1/oauth2/token"))
    async with world.client.post("/csc/v1/oauth2/token", data=form) as response:
        assert response.status == 200, await response.text()
    for path in ("token", "revoke"):
        async with world.client.post(f"/csc/v1/oauth2/{path}", data={"client_id": new_id("cli")}) as response:
            assert (response.status, (await response.json())["error"]) == (401, "invalid_client")
        async with world.client.get(f"/csc/v1/oauth2/{path}") as response:
            assert response.status == 405
    async with world.client.get("/csc/v1" + authorize_path(new_id("cli"))) as response:
        assert response.status == 400
        assert "Location" not in response.headers


async def test_the_token_address_speaks_in_version_1s_sentences(world: World) -> None:
    """8.3.3, word for word, also where RFC 6749 has another code; and nothing tells who exists. At the RFCs' own
    address the same mistakes are told in ours."""
    app = await application(world, grants=[GrantType.CODE, GrantType.REFRESH])
    credential = await world.credential()
    code, refresh = new_token("ac").text, new_token("rt").text

    async def good_code() -> str:
        page = await app.opened(authorize_path(app.id))
        world.links.last.state, world.links.last.credentials = "approved", [credential]
        async with world.client.post("/oauth2/authorize/check", json={"page": page, "code": "042"}) as response:
            return answer_in((await response.json())["redirect"])["code"]

    async def said(form: dict[str, str], version: str = "/csc/v1") -> tuple[int, str, str]:
        async with world.client.post(f"{version}/oauth2/token", data=form) as response:
            body = await response.json()
            assert set(body) == {"error", "error_description"}
            return response.status, body["error"], body["error_description"]

    me = {"client_id": app.id, "client_secret": app.secret}
    by_code = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **me}
    by_refresh = {"grant_type": "refresh_token", **me}
    other = {**by_code, "code": await good_code(), "redirect_uri": "https://other.test/"}
    mismatch = "redirect_uri parameter does not match redirect_uri parameter of authorization request"
    cases: list[tuple[dict[str, str], int, str, str]] = [
        ({"grant_type": "client_credentials"}, 400, "invalid_request", "Missing parameter client_id"),
        (me, 400, "invalid_request", "Missing parameter grant_type"),
        ({**me, "grant_type": "password"}, 400, "invalid_request", "Invalid parameter grant_type"),
        (by_code, 400, "invalid_request", "Missing parameter code"),
        (by_refresh, 400, "invalid_request", "Missing parameter refresh_token"),
        ({**by_code, "code": "x"}, 400, "invalid_grant", "Authorization code is invalid or expired"),
        ({**by_code, "code": code}, 400, "invalid_grant", "Authorization code is invalid or expired"),
        ({**by_refresh, "refresh_token": refresh}, 400, "invalid_grant", "Invalid parameter refresh_token"),
        ({**by_refresh, "refreshToken": refresh}, 400, "invalid_grant", "Invalid parameter refresh_token"),
        (other, 400, "invalid_grant", mismatch),
        ({**by_code, "client_secret": "cls_x"}, 401, "invalid_client", "Client authorization required"),
        ({**by_code, "client_id": new_id("cli")}, 401, "invalid_client", "Client authorization required"),
        (
            {"grant_type": "client_credentials", "client_id": app.id},
            401,
            "invalid_client",
            "Client authorization required",
        ),
    ]
    for form, status, error, sentence in cases:
        assert await said(form) == (status, error, sentence), form
    assert (await said({**me, "grant_type": "password"}, ""))[1] == "unsupported_grant_type"
    assert (await said({**by_refresh, "refreshToken": refresh}, ""))[2] == "refresh_token is missing"
    both = {**by_refresh, "refreshToken": refresh, "refresh_token": refresh}
    assert (await said(both))[:2] == (400, "invalid_request")
    async with world.client.post("/csc/v1/oauth2/token", data={**by_code, "code": await good_code()}) as response:
        issued = await response.json()
    form = {**by_refresh, "refreshToken": issued["refresh_token"]}
    async with world.client.post("/csc/v1/oauth2/token", data=form) as response:
        assert response.status == 200, "the name of the standard's own sample"
    assert (await said(form))[2] == "Invalid parameter refresh_token", "once"


async def test_a_credential_token_of_version_1_is_a_sad(world: World) -> None:
    """Another program's way through API 1: service token, then scope credential with a hash that names no algorithm;
    the token's type is SAD, it signs beside the service token, and it is worth nothing once it was given back."""
    credential = await world.credential()
    app, stranger = await application(world), await application(world, name="Outra SA")
    service, foreign = await app.service_token(credential), await stranger.service_token(credential)
    path = "/csc/v1" + authorize_path(
        app.id, scope="credential", credentialID=credential, numSignatures=1, hash=b64u(digest("a")), description="x"
    )
    status, told = await app.post(
        "/csc/v1/oauth2/token",
        {
            "grant_type": "authorization_code",
            "code": await app.code(path),
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        },
    )
    assert (status, told["token_type"], "refresh_token" in told) == (200, "SAD", False), told
    mine, thief = BearerCaller(world.client, service), BearerCaller(world.client, foreign)
    body = sign(credential, told["access_token"], "a")
    assert (await post(thief, "signatures/signHash", body))[0] == 401
    status, said = await post(mine, "signatures/signHash", sign(credential, told["access_token"], "b"))
    assert (status, said["error_description"]) == (400, "Hash is not authorized by the SAD.")
    status, signed = await post(mine, "signatures/signHash", body)
    assert status == 200, signed
    alone = BearerCaller(world.client, told["access_token"])
    assert (await post(alone, "credentials/info", {"credentialID": credential}))[0] == 200
    assert await post(alone, "signatures/signHash", {**body, "SAD": None}) == (200, signed)
    assert (await post(alone, "credentials/list", {}))[0] == 400
    assert (await post(alone, "credentials/authorize", authorize(credential, "c")))[0] == 400
    assert (await app.post("/csc/v1/oauth2/revoke", {"token": told["access_token"]}))[0] == 204
    assert (await post(mine, "signatures/signHash", body))[0] == 401


@pytest.mark.parametrize("hashes", ["x", "%%", b64u(bytes(31)), b64u(bytes(32)) + "," + b64u(bytes(48)), "," * 99])
async def test_hashes_of_no_length_ring_nobody(world: World, hashes: str) -> None:
    """What is no hash of ours goes back to the application as its mistake."""
    credential = await world.credential()
    app = await application(world)
    await app.service_token(credential)
    path = "/csc/v1" + authorize_path(app.id, scope="credential", credentialID=credential, hash=hashes)
    async with world.client.get(path, allow_redirects=False) as response:
        assert response.status == 302
        assert answer_in(response.headers["Location"])["error"] == "invalid_request"
    assert world.doorbell.rings == []
