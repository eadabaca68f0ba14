"""Requests pushed ahead (RFC 9126), the keys that codes are bound to, and what other sites cannot do."""

import asyncio
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hsm_service.oauth.domain.client import ClientMethod
from tests.support.oauth_application import application, ask
from tests.support.oauth_requests import CALLBACK, PUSH, VERIFIER, answer_in, authorize_path, page_token
from tests.support.signing_callers import ORIGIN, Computer
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

UNPUSHABLE: list[tuple[dict[str, Any], int, str]] = [
    ({"client_secret": "cls_wrong"}, 401, "invalid_client"),
    ({"client_secret": None}, 401, "invalid_client"),
    ({"redirect_uri": "https://evil.test/"}, 400, "invalid_request"),
    ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, 400, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, 400, "request_not_supported"),
    ({"code_challenge_method": "plain"}, 400, "invalid_request"),
    ({"code_challenge": None}, 400, "invalid_request"),
    ({"scope": "openid"}, 400, "invalid_scope"),
    ({"response_type": "token"}, 400, "unsupported_response_type"),
]


async def test_a_pushed_request_opens_once_for_its_own_client(world: World) -> None:
    """Fifty browsers at once: one page. Another client's, an old one and one that is none lead nowhere."""
    app, other = await application(world), await application(world, name="Outra SA")
    path = await app.pushed()

    async def status_of(address: str) -> int:
        async with world.client.get(address, allow_redirects=False) as response:
            assert "Location" not in response.headers
            return response.status

    assert await status_of(path.replace(app.id, other.id)) == 400
    world.clock.advance(timedelta(hours=1))
    old, path = path, await app.pushed()
    found = await asyncio.gather(*(status_of(path) for _ in range(15)))
    assert sorted(found) == [200, *[400] * 14]
    assert [await status_of(one) for one in (old, path, path[:-1], path + "x")] == [400] * 4
    evil = f"/oauth2/authorize?client_id={app.id}&request_uri=https://evil.test/request.jwt"
    assert await status_of(evil) == 400


async def test_what_is_pushed_is_the_whole_request(world: World) -> None:
    """Parameters beside request_uri change nothing (RFC 9126 section 4): no other address, no other challenge."""
    app = await application(world, redirects=[CALLBACK, "https://contratos.test/other"])
    path = await app.pushed(state="original")
    page = await app.opened(path + "&redirect_uri=https://contratos.test/other&state=evil&scope=credential")
    _, body = await ask(world, "cancel", {"page": page})
    assert urlsplit(body["redirect"])._replace(query="").geturl() == CALLBACK
    assert answer_in(body["redirect"])["state"] == "original"


async def test_what_cannot_be_pushed(world: World) -> None:
    """Each mistake in OAuth's own words, before any person is sent."""
    app = await application(world)
    form = {"response_type": "code", "redirect_uri": CALLBACK, "code_challenge": "x" * 43}
    for changes, expected, error in UNPUSHABLE:
        status, told = await app.post(PUSH, {**form, "code_challenge_method": "S256", **changes})
        assert (status, told["error"]) == (expected, error), changes


async def test_huge_and_repeated_pushes_are_refused_cheaply(world: World) -> None:
    """10 MB is refused by its length, and a parameter that stands there twice is nobody's guess."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with world.client.post(PUSH, data=io.BytesIO(b"a=" + b"x" * 10_000_000), headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (413, "invalid_request")
    async with world.client.post(PUSH, data=b"scope=service&scope=credential", headers=headers) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


async def test_a_code_bound_to_a_key_is_redeemed_by_it_alone(world: World) -> None:
    """RFC 9449 section 10: a proof with the pushed request, or `dpop_jkt`, names the key; two names must be one."""
    app = await application(world)
    own, thief = (Computer(world.client, world.clock, ORIGIN) for _ in range(2))
    credential = await world.credential()

    async def push(by: Computer | None, **changes: Any) -> tuple[int, dict[str, Any]]:
        form = dict(parse_qsl(authorize_path(app.id, **changes).partition("?")[2]))
        headers = {} if by is None else {"DPoP": by.proof("POST", PUSH)}
        sent = {**form, "client_secret": app.secret}
        async with world.client.post(PUSH, data=sent, headers=headers) as response:
            return response.status, await response.json()

    for jkt in ("x", "x" * 44, "x" * 42 + "é"):
        assert (await push(None, dpop_jkt=jkt))[1]["error"] == "invalid_request"
    assert (await push(own, dpop_jkt="x" * 43))[1]["error"] == "invalid_dpop_proof"
    replayed = own.proof("POST", PUSH)
    for proof, error in ((own.proof("POST", "/oauth2/token"), "invalid_dpop_proof"), (replayed, "invalid_request"),
                         (replayed, "invalid_dpop_proof")):  # fmt: skip
        sent = {"client_id": app.id, "client_secret": app.secret, "request_uri": "x"}
        async with world.client.post(PUSH, data=sent, headers={"DPoP": proof}) as response:
            assert (await response.json())["error"] == error

    async def exchange(by: Computer | None, address: str) -> tuple[int, dict[str, Any]]:
        page = await app.opened(f"/oauth2/authorize?client_id={app.id}&request_uri={address}")
        world.links.last.state, world.links.last.credentials = "approved", [credential]
        _, body = await ask(world, "check", {"page": page, "code": "042"})
        form = {
            "grant_type": "authorization_code",
            "client_id": app.id,
            "client_secret": app.secret,
            "code": answer_in(body["redirect"])["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        headers = {} if by is None else {"DPoP": by.proof("POST", "/oauth2/token")}
        async with world.client.post("/oauth2/token", data=form, headers=headers) as response:
            return response.status, await response.json()

    for by in (thief, None):
        _, told = await push(own)
        assert (await exchange(by, told["request_uri"]))[1]["error"] == "invalid_grant"
    _, told = await push(own)
    assert (await exchange(own, told["request_uri"]))[0] == 200


async def test_applications_without_a_secret_push_at_a_persons_pace(world: World) -> None:
    """Whoever knows a public client's id could fill our tables with its requests; twenty a minute from an address."""
    app = await application(world, method=ClientMethod.NONE)
    form = dict(parse_qsl(authorize_path(app.id).partition("?")[2]))
    found = []
    for _ in range(22):
        async with world.client.post(PUSH, data=form) as response:
            found.append(response.status)
    assert found == [201] * 20 + [429] * 2


async def test_other_sites_cannot_act_for_a_person(world: World) -> None:
    """No cookie is ever set, what a form of another site can send is not taken, and no other origin reads an answer."""
    app = await application(world)
    async with world.client.get(authorize_path(app.id)) as response:
        assert "Set-Cookie" not in response.headers
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        page = page_token(await response.text())
    evil = {"Origin": "https://evil.test"}
    for path in ("state", "check", "finish", "cancel"):
        for content_type in ("text/plain", "application/x-www-form-urlencoded"):
            sent = {**evil, "Content-Type": content_type}
            body = json.dumps({"page": page, "code": "042"})
            async with world.client.post(f"/oauth2/authorize/{path}", data=body, headers=sent) as response:
                assert response.status == 415
        async with world.client.options(
            f"/oauth2/authorize/{path}", headers={**evil, "Access-Control-Request-Method": "POST"}
        ) as response:
            assert "Access-Control-Allow-Origin" not in response.headers
        async with world.client.get(f"/oauth2/authorize/{path}?page={page}") as response:
            assert response.status in (404, 405)
    assert (await ask(world, "state", {"page": page}))[1]["state"] == "waiting"
