"""Refresh tokens (rotating, one family for each identification), introspection, and taking tokens back."""

import asyncio
from datetime import timedelta
from typing import Any

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.oauth_application import Application, application, ask
from tests.support.oauth_requests import VERIFIER, answer_in, authorize_path
from tests.support.signing_callers import ORIGIN, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

GRANTS = [GrantType.CODE, GrantType.REFRESH]


async def identified(app: Application, credential: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    """A holder identified: the code, and what it was exchanged for."""
    page = await app.opened(authorize_path(app.id))
    app.world.links.last.state, app.world.links.last.credentials = "approved", [credential]
    _, body = await ask(app.world, "check", {"page": page, "code": "042"})
    code = answer_in(body["redirect"])["code"]
    status, told = await app.exchanged(code, **changes)
    assert status == 200, told
    return code, told


async def refreshed(app: Application, token: str, **changes: Any) -> tuple[int, dict[str, Any]]:
    """The next pair."""
    return await app.post("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": token, **changes})


async def works(world: World, token: str) -> bool:
    """Whether an access token still opens the API."""
    headers = {"Authorization": f"Bearer {token}"}
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        return response.status == 200


async def test_refresh_tokens_rotate_and_a_stolen_one_ends_the_family(world: World) -> None:
    """Each is good once; the second use of any of them, however old, takes all tokens of that identification back."""
    credential = await world.credential()
    app = await application(world, grants=GRANTS)
    _, first = await identified(app, credential)
    status, second = await refreshed(app, first["refresh_token"])
    assert (status, second["scope"]) == (200, "service")
    assert second["refresh_token"] != first["refresh_token"]
    status, third = await refreshed(app, second["refresh_token"], scope="service")
    assert status == 200
    assert await works(world, third["access_token"])
    status, told = await refreshed(app, first["refresh_token"])
    assert (status, told["error"]) == (400, "invalid_grant")
    for one in (first, second, third):
        assert not await works(world, one["access_token"])
    assert (await refreshed(app, third["refresh_token"]))[0] == 400


async def test_fifty_rivals_with_one_refresh_token(world: World) -> None:
    """One gets the pair, and since the others prove a theft it is worth nothing."""
    app = await application(world, grants=GRANTS)
    _, first = await identified(app, await world.credential())
    answers = await asyncio.gather(*(refreshed(app, first["refresh_token"]) for _ in range(50)))
    good = [told for status, told in answers if status == 200]
    assert len(good) == 1
    assert {told["error"] for status, told in answers if status != 200} == {"invalid_grant"}
    assert not await works(world, good[0]["access_token"])
    assert (await refreshed(app, good[0]["refresh_token"]))[0] == 400


async def test_who_gets_refresh_tokens_and_for_how_long(world: World) -> None:
    """Only whom the operator allowed; unused for seven days, or thirty days after the identification, they are over; a
    code that comes again ends them too; a wider scope, another client and nonsense are refused."""
    credential = await world.credential()
    plain = await application(world)
    _, told = await identified(plain, credential)
    assert "refresh_token" not in told
    assert (await refreshed(plain, "rt_x"))[1]["error"] == "unauthorized_client"

    app = await application(world, grants=GRANTS)
    code, told = await identified(app, credential)
    for scope in ("credential", "service credential", "admin"):
        assert (await refreshed(app, told["refresh_token"], scope=scope))[1]["error"] == "invalid_scope"
    for token in (told["access_token"], "rt_", "x", told["refresh_token"][:-1] + "!", "rt_" + "0" * 300):
        assert (await refreshed(app, token))[1]["error"] == "invalid_grant"
    assert (await app.exchanged(code))[0] == 400
    assert (await refreshed(app, told["refresh_token"]))[0] == 400

    _, told = await identified(app, credential)
    token = told["refresh_token"]
    for _ in range(4):
        world.clock.advance(timedelta(days=6, hours=23))
        status, told = await refreshed(app, token)
        assert status == 200
        token = told["refresh_token"]
    world.clock.advance(timedelta(days=3))
    assert (await refreshed(app, token))[0] == 400
    _, told = await identified(app, credential)
    world.clock.advance(timedelta(days=7, seconds=1))
    assert (await refreshed(app, told["refresh_token"]))[0] == 400

    # Shown by another client, it has been stolen.
    other = await application(world, name="Outra SA", grants=GRANTS)
    _, told = await identified(app, credential)
    assert (await refreshed(other, told["refresh_token"]))[0] == 400
    assert not await works(world, told["access_token"])


async def test_a_public_clients_refresh_token_is_bound_to_its_key(world: World) -> None:
    """RFC 9449 section 5: without a secret the key is what ties it; another key ends the family."""
    app = await application(world, method=ClientMethod.NONE, grants=GRANTS)
    app.secret = ""
    own, thief = (Computer(world.client, world.clock, ORIGIN) for _ in range(2))
    page = await app.opened(authorize_path(app.id))
    world.links.last.state, world.links.last.credentials = "approved", [await world.credential()]
    _, body = await ask(world, "check", {"page": page, "code": "042"})
    form: dict[str, Any] = {
        "grant_type": "authorization_code",
        "client_id": app.id,
        "code": answer_in(body["redirect"])["code"],
        "redirect_uri": "https://contratos.test/callback",
        "code_verifier": VERIFIER,
    }

    async def post(by: Computer | None, sent: dict[str, Any]) -> tuple[int, Any]:
        headers = {} if by is None else {"DPoP": by.proof("POST", "/oauth2/token")}
        async with world.client.post("/oauth2/token", data=sent, headers=headers) as response:
            return response.status, await response.json()

    status, told = await post(own, form)
    assert (status, told["token_type"]) == (200, "DPoP")
    again = {"grant_type": "refresh_token", "client_id": app.id}
    status, told = await post(own, {**again, "refresh_token": told["refresh_token"]})
    assert status == 200
    for by in (thief, own, None):
        assert (await post(by, {**again, "refresh_token": told["refresh_token"]}))[1]["error"] == "invalid_grant"


async def test_introspection_tells_the_client_and_its_readers(world: World) -> None:
    """Everything that is good is told to its own client and to the resource servers an operator named; to everybody
    else, and of everything else, one answer: not active."""
    credential = await world.credential()
    app, stranger = await application(world, grants=GRANTS), await application(world, name="Outra SA")
    reader = await application(world, name="Recursos SA")
    _, told = await identified(app, credential)

    async def seen(by: Application, token: str) -> dict[str, Any]:
        status, answer = await by.post("/oauth2/introspect", {"token": token, "token_type_hint": "nonsense"})
        assert status == 200
        return answer

    own = await seen(app, told["access_token"])
    now = int(world.clock.now().timestamp())
    assert own == {
        "active": True,
        "iss": ORIGIN,
        "client_id": app.id,
        "scope": "service",
        "token_type": "Bearer",
        "iat": now,
        "exp": now + 3600,
    }
    assert (await seen(app, told["refresh_token"]))["active"]
    for token in (told["access_token"], told["refresh_token"]):
        assert await seen(stranger, token) == {"active": False}
        assert await seen(reader, token) == {"active": False}
    await world.clients.let_read(reader.id, app.id)
    assert (await seen(reader, told["access_token"]))["client_id"] == app.id
    assert (await seen(reader, told["refresh_token"]))["active"]
    await world.clients.stop_reading(reader.id, app.id)
    assert await seen(reader, told["access_token"]) == {"active": False}
    for token in ("x", "at_x", "rt_", told["access_token"] + "0", "at_" + "0" * 26 + "_" + "0" * 52, "é" * 300):
        assert await seen(app, token) == {"active": False}
    status, answer = await app.post("/oauth2/introspect", {"token": told["access_token"], "client_secret": "cls_x"})
    assert (status, answer["error"]) == (401, "invalid_client")
    public = await application(world, name="App", method=ClientMethod.NONE)
    status, answer = await public.post("/oauth2/introspect", {"token": told["access_token"], "client_secret": None})
    assert (status, answer["error"]) == (401, "invalid_client")
    await world.clients.disable(app.id)
    await world.clients.let_read(reader.id, stranger.id)
    assert await seen(reader, told["access_token"]) == {"active": False}


async def test_revoking_a_refresh_token_takes_its_family_an_access_token_goes_alone(world: World) -> None:
    """RFC 7009 section 2.1, CSC 8.3.5; a stranger's token stays as it is, and he cannot tell."""
    credential = await world.credential()
    app, stranger = await application(world, grants=GRANTS), await application(world, name="Outra SA", grants=GRANTS)
    _, first = await identified(app, credential)
    for token in (first["refresh_token"], first["access_token"]):
        assert (await stranger.post("/oauth2/revoke", {"token": token}))[0] == 200
    assert await works(world, first["access_token"])
    hinted = {"token": first["access_token"], "token_type_hint": "refresh_token"}
    assert (await app.post("/oauth2/revoke", hinted))[0] == 200
    assert not await works(world, first["access_token"])
    status, second = await refreshed(app, first["refresh_token"])
    assert status == 200
    assert (await app.post("/oauth2/revoke", {"token": second["refresh_token"]}))[0] == 200
    assert not await works(world, second["access_token"])
    assert (await refreshed(app, second["refresh_token"]))[0] == 400


async def test_metadata_says_what_there_is(world: World) -> None:
    """RFC 8414: every endpoint it names answers, and none of what it leaves out is claimed."""
    async with world.client.get("/.well-known/oauth-authorization-server") as response:
        told = await response.json()
    assert told["issuer"] == ORIGIN
    for name, address in told.items():
        if name.endswith("_endpoint"):
            path = address.removeprefix(ORIGIN)
            async with world.client.request("GET" if path == "/oauth2/authorize" else "POST", path) as response:
                assert response.status in (400, 415), name
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "mtls_endpoint_aliases" not in told
    assert "tls_client_auth" not in told["token_endpoint_auth_methods_supported"]
