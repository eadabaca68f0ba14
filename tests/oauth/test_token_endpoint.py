"""The token endpoint under attack: clients that lie, codes that were stolen, proofs that prove nothing."""

import asyncio
import base64
from typing import Any

import pytest
from multidict import CIMultiDict

from foundation.ids import new_id, new_token
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.oauth.test_authorize_page import client_of, code_for
from tests.support.oauth_requests import CALLBACK, VERIFIER
from tests.support.signing_callers import ORIGIN, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

TOKEN = "/oauth2/token"


async def post(world: World, form: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """A token request."""
    async with world.client.post(TOKEN, data=form, headers=headers) as response:
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, await response.json()


def basic(user: str, password: str) -> str:
    """The header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# ---- integrators by themselves ---------------------------------------------------------------------------------------


async def test_a_secret_may_come_as_basic_or_in_the_body(world: World) -> None:
    """RFC 6749 section 2.3.1, both ways; the token is a bearer's, and opaque."""
    registered = await world.register()
    form = {"grant_type": "client_credentials"}
    secret = registered.secret or ""
    status, body = await post(world, form, Authorization=basic(registered.client.id, secret))
    assert status == 200
    assert (body["token_type"], body["scope"], body["expires_in"]) == ("Bearer", "service", 3600)
    assert body["access_token"].startswith("at_")
    status, _ = await post(world, {**form, "client_id": registered.client.id, "client_secret": secret})
    assert status == 200


@pytest.mark.parametrize("kind", ["wrong", "unknown", "malformed", "disabled", "none", "other"])
async def test_clients_that_do_not_prove_it_look_alike(world: World, kind: str) -> None:
    """Unknown client, wrong secret, no secret, shut out: one answer."""
    registered, other = await world.register(), await world.register()
    client_id, secret = registered.client.id, registered.secret
    if kind == "disabled":
        await world.clients.disable(client_id)
    form = {
        "grant_type": "client_credentials",
        "client_id": {"unknown": new_id("cli"), "malformed": "'; DROP TABLE"}.get(kind, client_id),
        "client_secret": {"wrong": "cls_wrong", "other": other.secret}.get(kind, secret),
    }
    if kind == "none":
        del form["client_secret"]
    status, body = await post(world, form)
    assert (status, body) == (
        401,
        {"error": "invalid_client", "error_description": "Client authentication failed."},
    )


async def test_a_new_secret_ends_the_old_one(world: World) -> None:
    """An operator who replaces a secret has shut the old one out."""
    registered = await world.register()
    fresh = await world.clients.new_secret(registered.client.id)
    form = {"grant_type": "client_credentials", "client_id": registered.client.id}
    assert (await post(world, {**form, "client_secret": registered.secret}))[0] == 401
    assert (await post(world, {**form, "client_secret": fresh}))[0] == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "x", "password": "y"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "unauthorized_client"),
        ({"grant_type": "client_credentials", "scope": "credential"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "scope": "service service"}, 400, "invalid_scope"),
        ([("grant_type", "client_credentials"), ("grant_type", "client_credentials")], 400, "invalid_request"),
        ([("grant_type", "client_credentials"), ("a", "b\0")], 400, "invalid_request"),
    ],
)
async def test_requests_that_are_none(world: World, form: Any, status: int, error: str) -> None:
    """Each mistake has RFC 6749's own word."""
    registered = await world.register()
    header = basic(registered.client.id, registered.secret or "")
    assert_status, body = await post(world, form or {"x": "y"}, Authorization=header)
    assert (assert_status, body["error"]) == (status, error)


async def test_two_ways_of_authentication_at_once_are_refused(world: World) -> None:
    """Section 2.3: a client uses one method; which of two would count is not guessed."""
    registered = await world.register()
    form = {
        "grant_type": "client_credentials",
        "client_id": registered.client.id,
        "client_secret": registered.secret,
    }
    status, body = await post(world, form, Authorization=basic(registered.client.id, registered.secret or ""))
    assert (status, body["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic %%%", "Basic " + "A" * 9, "Basic YTpié", "Bearer x", "Basic Og==", "Negotiate"]
)
async def test_malformed_authorization_headers(world: World, header: str) -> None:
    """A header that is none is a bad request, not a crash."""
    status, body = await post(world, {"grant_type": "client_credentials"}, Authorization=header)
    assert (status, body["error"]) == (400, "invalid_request")


async def test_parameters_in_the_address_are_refused(world: World) -> None:
    """Secrets in an address end up in logs."""
    registered = await world.register()
    address = f"{TOKEN}?client_id={registered.client.id}&client_secret={registered.secret}"
    async with world.client.post(address, data={"grant_type": "client_credentials"}) as response:
        assert response.status == 400


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b'{"grant_type":"client_credentials"}', "application/json"),
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"a" * 20_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(1000)), "application/x-www-form-urlencoded"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
async def test_bodies_that_are_no_form(world: World, data: bytes, content_type: str) -> None:
    """Another type, another encoding, too much: refused in OAuth's own form."""
    async with world.client.post(TOKEN, data=data, headers={"Content-Type": content_type}) as response:
        assert response.status in (400, 413, 415)
        assert (await response.json())["error"] == "invalid_request"


async def test_a_flood_of_wrong_secrets_is_slowed(world: World) -> None:
    """After twenty failures in a minute an address hears 429; a right secret from there still works."""
    registered = await world.register()
    form = {"grant_type": "client_credentials", "client_id": registered.client.id}
    statuses = [(await post(world, {**form, "client_secret": "cls_x"}))[0] for _ in range(22)]
    assert statuses == [401] * 20 + [429] * 2
    assert (await post(world, {**form, "client_secret": registered.secret}))[0] == 200


# ---- codes -----------------------------------------------------------------------------------------------------------


async def code_form(world: World, **changes: Any) -> dict[str, str]:
    """A good exchange, changed."""
    client_id, secret = await client_of(world)
    form = {
        "grant_type": "authorization_code",
        "code": await code_for(world, client_id, await world.credential()),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": client_id,
        "client_secret": secret,
    }
    return {name: value for name, value in {**form, **changes}.items() if value is not None}


async def test_a_code_is_exchanged_once_among_fifty_rivals(world: World) -> None:
    """Fifty at once: one gets a token, and since the others prove a theft that token is worth nothing either."""
    form = await code_form(world)
    answers = await asyncio.gather(*(post(world, form) for _ in range(50)))
    good = [body for status, body in answers if status == 200]
    assert len(good) == 1
    assert {body["error"] for status, body in answers if status != 200} == {"invalid_grant"}
    async with world.client.post(
        "/csc/v2/credentials/list", json={}, headers={"Authorization": f"Bearer {good[0]['access_token']}"}
    ) as response:
        assert response.status == 401


async def test_a_code_used_again_takes_its_token_back(world: World) -> None:
    """RFC 6749 section 4.1.2: the second use revokes what the first gave."""
    form = await code_form(world)
    status, body = await post(world, form)
    assert status == 200
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert response.status == 200
    assert (await post(world, form))[0] == 400
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_grant"),
        ({"code_verifier": VERIFIER + "\n"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "x"}, "invalid_grant"),
        ({"code": new_token("ac").text}, "invalid_grant"),
        ({"code": "x" * 5000}, "invalid_grant"),
        ({"code": new_token("at").text}, "invalid_grant"),
    ],
)
async def test_a_code_without_what_belongs_to_it(world: World, changes: dict[str, Any], error: str) -> None:
    """No verifier, another one, another address: no token, and the code is used up by the attempt."""
    form = await code_form(world)
    status, body = await post(world, {k: v for k, v in {**form, **changes}.items() if v is not None})
    assert (status, body["error"]) == (400, error)
    if "code" not in changes:
        assert (await post(world, form))[1]["error"] == "invalid_grant"


async def test_anothers_code_is_no_code(world: World) -> None:
    """A client that intercepted a code cannot use it, and the rightful one still can."""
    form = await code_form(world)
    other_id, other_secret = await client_of(world)
    status, body = await post(world, {**form, "client_id": other_id, "client_secret": other_secret})
    assert (status, body["error"]) == (400, "invalid_grant")
    assert (await post(world, form))[0] == 200


async def test_a_code_lives_a_minute(world: World) -> None:
    """Late is too late."""
    form = await code_form(world)
    world.clock.advance(60)
    assert (await post(world, form))[1]["error"] == "invalid_grant"


async def test_a_public_client_has_its_verifier_alone(world: World) -> None:
    """Without authentication PKCE ties the code to whoever asked; a secret that does not exist is not accepted."""
    client_id, _ = await client_of(world, method=ClientMethod.NONE)
    form = {
        "grant_type": "authorization_code",
        "code": await code_for(world, client_id, await world.credential()),
        "redirect_uri": CALLBACK,
        "client_id": client_id,
        "code_verifier": VERIFIER,
    }
    assert (await post(world, {**form, "client_secret": "x"}))[0] == 401
    assert (await post(world, form))[0] == 200


# ---- computers -------------------------------------------------------------------------------------------------------


async def send(world: World, computer: Computer, form: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """A computer's token request with a good proof, unless told otherwise."""
    sent = {"DPoP": computer.proof("POST", TOKEN), **headers}
    return await post(world, form or computer.token_form(), **{k: v for k, v in sent.items() if v})


async def test_a_computers_token_is_bound_to_its_key(world: World) -> None:
    """private_key_jwt and DPoP by the association key give a DPoP token; pairing hears that it came."""
    computer = await world.computer(log_in=False)
    status, body = await send(world, computer)
    assert status == 200, body
    assert body["token_type"] == "DPoP"
    assert world.computers.came == [computer.id]


async def test_client_id_may_be_left_to_the_assertion(world: World) -> None:
    """RFC 7521 section 4.2: the assertion names the client."""
    computer = await world.computer(log_in=False)
    assert (await send(world, computer, computer.token_form(client_id=None)))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.test/oauth2/token"},
        {"aud": []},
        {"iss": "cmp_00000000000000000000000000"},
        {"sub": "cmp_00000000000000000000000000"},
        {"exp": 1},
        {"exp": 10**11},
        {"jti": ""},
        {"iat": 10**11},
    ],
)
async def test_assertions_that_do_not_hold(world: World, changes: dict[str, Any]) -> None:
    """Another audience, another name, another time: invalid_client, without saying which."""
    computer = await world.computer(log_in=False)
    status, body = await send(world, computer, computer.token_form(client_assertion=computer.assertion(**changes)))
    assert (status, body["error"]) == (401, "invalid_client")
    assert body["error_description"] == "Client authentication failed."


async def test_an_assertion_serves_once(world: World) -> None:
    """A replayed client assertion is refused, also with a fresh proof."""
    computer = await world.computer(log_in=False)
    form = computer.token_form()
    assert (await send(world, computer, form))[0] == 200
    assert (await send(world, computer, form))[0] == 401


async def test_another_computers_key_is_not_mine(world: World) -> None:
    """An assertion for one computer by another's key; and a token for one bound to another's key."""
    computer, thief = await world.computer(log_in=False), await world.computer(log_in=False)
    thief_as_computer = thief.assertion(iss=computer.id, sub=computer.id)
    assert (await send(world, thief, computer.token_form(client_assertion=thief_as_computer)))[0] == 401
    # The right assertion, stolen before use, with the thief's proof.
    status, body = await send(world, thief, computer.token_form())
    assert (status, body["error"]) == (400, "invalid_dpop_proof")


@pytest.mark.parametrize("kind", ["missing", "twice", "replayed", "htu", "htm", "iat", "garbage"])
async def test_a_computer_without_a_good_proof_has_no_token(world: World, kind: str) -> None:
    """DPoP is compulsory for computers: missing, replayed, for another address, method or time."""
    computer = await world.computer(log_in=False)
    good = computer.proof("POST", TOKEN)
    proof = {
        "missing": "",
        "replayed": good,
        "htu": computer.proof("POST", TOKEN, htu="https://other.test" + TOKEN),
        "htm": computer.proof("GET", TOKEN),
        "iat": computer.proof("POST", TOKEN, iat=1),
        "garbage": "e30.e30.x",
        "twice": good,
    }[kind]
    if kind == "replayed":
        assert (await send(world, computer, DPoP=good))[0] == 200
    if kind == "twice":
        headers = CIMultiDict([("DPoP", good), ("DPoP", computer.proof("POST", TOKEN))])
        async with world.client.post(TOKEN, data=computer.token_form(), headers=headers) as response:
            status, body = response.status, await response.json()
    else:
        status, body = await send(world, computer, DPoP=proof)
    assert (status, body["error"]) == (400, "invalid_dpop_proof")


async def test_a_computer_whose_association_ended_is_nobody(world: World) -> None:
    """No new token, and the old one is worth nothing from that moment."""
    credential = await world.credential()
    computer = await world.computer(credential)
    assert (await computer.call("POST", "/csc/v2/credentials/list", {}))[0] == 200
    del world.computers.rows[computer.id]
    assert (await computer.call("POST", "/csc/v2/credentials/list", {}))[0] == 401
    assert (await send(world, computer))[0] == 401


async def test_a_computer_has_no_secret_and_no_code(world: World) -> None:
    """A computer is its key: a secret is refused, and so is the code grant."""
    computer = await world.computer(log_in=False)
    form = {"grant_type": "client_credentials", "client_id": computer.id, "client_secret": "x"}
    assert (await send(world, computer, form))[0] == 401
    code = computer.token_form(grant_type="authorization_code", code=new_token("ac").text, code_verifier=VERIFIER)
    status, body = await send(world, computer, code)
    assert (status, body["error"]) == (400, "unauthorized_client")


# ---- integrators with a key, revocation, metadata --------------------------------------------------------------------


async def test_an_integrator_may_have_a_key_too(world: World) -> None:
    """private_key_jwt for integrators; with a proof the token is bound, without one it is a bearer's."""
    computer = Computer(world.client, world.clock, ORIGIN)
    registered = await world.register(method=ClientMethod.KEY, keys=[computer.key.jwk])
    computer.id = registered.client.id
    status, body = await post(world, computer.token_form())
    assert (status, body["token_type"]) == (200, "Bearer")
    status, body = await send(world, computer)
    assert (status, body["token_type"]) == (200, "DPoP")
    assert (await post(world, {"grant_type": "client_credentials", "client_id": computer.id}))[0] == 401


async def test_revoking_ends_a_token_of_ones_own(world: World) -> None:
    """RFC 7009: 200 whatever happens; only the client's own token ends."""
    mine, other = await world.register(), await world.register()
    form = {"grant_type": "client_credentials", "client_id": mine.client.id, "client_secret": mine.secret}
    token = (await post(world, form))[1]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    async def revoke(client: Any, text: str) -> int:
        data = {"token": text, "client_id": client.client.id, "client_secret": client.secret}
        async with world.client.post("/oauth2/revoke", data=data) as response:
            return response.status

    assert await revoke(other, token) == 200
    assert await revoke(mine, "nonsense") == 200
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert response.status == 200
    assert await revoke(mine, token) == 200
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert response.status == 401
    async with world.client.post("/oauth2/revoke", data={"token": token}) as response:
        assert response.status == 400


async def test_shutting_an_integrator_out_ends_its_tokens(world: World) -> None:
    """Disabled: no new token, the old ones end."""
    caller = await world.integrator()
    assert (await caller.call("POST", "/csc/v2/credentials/list", {}))[0] == 200
    client = (await world.clients.all())[0]
    await world.clients.disable(client.id)
    assert (await caller.call("POST", "/csc/v2/credentials/list", {}))[0] == 401


async def test_the_metadata_says_what_there_is(world: World) -> None:
    """RFC 8414: addresses that answer, S256 alone, ES256 alone, iss in answers."""
    async with world.client.get("/.well-known/oauth-authorization-server") as response:
        said = await response.json()
    assert said["issuer"] == ORIGIN
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    for name in ("token_endpoint", "revocation_endpoint"):
        async with world.client.post(said[name].removeprefix(ORIGIN), data={}) as response:
            assert response.status == 400
    assert GrantType.CODE.value in said["grant_types_supported"]
