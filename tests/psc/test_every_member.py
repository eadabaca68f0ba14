"""Every published member of every endpoint, with everything that it should not be: the dialect's own error, and no word
too many. What members there are: published.toml.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.norm import SHA256
from tests.psc.people import CALLBACK, COMPANY, MARIA, application, granted, ring
from tests.support.oauth_requests import CHALLENGE
from tests.support.signing_world import IN_MODULES_LOOP, World, digest
from tools.psc_vendors_page import members, published

pytestmark = IN_MODULES_LOOP

WRONG: tuple[Any, ...] = (7, True, [], {"a": 1}, "\u0000'; DROP TABLE psc.tokens; --", "x" * 5000)
"""Of another type, or text that is none of ours."""
FREE = {"state", "id", "alias", "comments", "message"}
"""Text of the application's own: any will do, but nothing that is no text."""
PREFIX = "/psc/birdid"
TOKEN_CALLS = ("POST /v0/oauth/signature", "PUT /v0/oauth/client_maintenance")
FORMS = ("POST /v0/oauth/token", "POST /v0/oauth/client_token", "POST /v0/oauth/revoke")
HASH = {"id": "1", "alias": "a", "hash": digest("a").hex(), "hash_algorithm": SHA256, "signature_format": "RAW"}


def right(app: BirdIdApplication) -> dict[str, dict[str, Any]]:
    """A body of each endpoint that takes one, of which a member at a time is spoilt."""
    who = {"client_id": app.client_id, "client_secret": app.client_secret}
    described = {"name": "ERP", "comments": "c", "redirect_uris": [CALLBACK], "email": "a@erp.example"}
    return {
        "POST /v0/oauth/token": {**who, "grant_type": "authorization_code", "code": "x", "code_verifier": "x"},
        "POST /v0/oauth/client_token": {**who, "grant_type": "client_credentials"},
        "POST /v0/oauth/revoke": {**who, "token": "x"},
        "POST /v0/oauth/user-discovery": {**who, "user_cpf_cnpj": "CPF", "val_cpf_cnpj": MARIA},
        "POST /v0/oauth/signature": {"hashes": [HASH]},
        "POST /v0/oauth/pwd_authorize": {**who, "grant_type": "password", "username": MARIA, "password": "x"},
        "POST /v0/oauth/authorize-ca": {"client_id": app.client_id, "login_hint": MARIA},
        "POST /v0/oauth/application": described,
        "PUT /v0/oauth/client_maintenance": {**described, "client_id": app.client_id},
        "POST /async-signature": {**who, "username": MARIA, "message": "m", "hashes": [digest("a").hex()]},
        "POST /oauth/start": {**who, "username": MARIA, "callback_url": CALLBACK},
        "POST /oauth/notify": {"username": MARIA, "short_token": "x"},
    }


def spoilt(body: dict[str, Any], member: str) -> Iterator[dict[str, Any]]:
    """The same body with one member wrong."""
    for value in WRONG:
        if member.rpartition(".")[2] in FREE and isinstance(value, str):
            continue
        if member == "lifetime" and value == 7:
            continue
        if member.startswith("hashes[]."):
            yield {**body, "hashes": [{**HASH, member.removeprefix("hashes[]."): value}]}
        else:
            yield {**body, member: value}


async def call(world: World, endpoint: str, token: str | None, **sent: Any) -> tuple[int, str]:
    """Status and text."""
    method, path = endpoint.split()
    headers = {"Authorization": f"Bearer {token}", **sent.pop("headers", {})} if token else sent.pop("headers", {})
    async with world.client.request(method, PREFIX + path, headers=headers, **sent) as response:
        return response.status, await response.text()


def check(endpoint: str, status: int, text: str, secret: str) -> None:
    """An error of the dialect that tells nothing."""
    assert status in (400, 401, 403, 413, 429), (endpoint, status, text)
    body = json.loads(text)
    assert {"error", "error_description", "message"} <= set(body), (endpoint, body)
    for kept in (MARIA, COMPANY, secret, "Traceback", "psc.tokens", ".py", "asyncpg"):
        assert kept not in text, (endpoint, kept, text)


async def test_every_member_of_another_type(world: World) -> None:
    """400 in the dialect's words (or 429, where somebody asks too often); nobody is rung, and nothing is used up."""
    credential = await world.credential(number=MARIA)
    app: BirdIdApplication = await application(world, BirdIdApplication, PREFIX)
    token = (await granted(world, app, "multi_signature", credential))["access_token"]
    own = (await app.own_token())["access_token"]
    asked = 0
    for endpoint, body in right(app).items():
        bearer = {TOKEN_CALLS[0]: token, TOKEN_CALLS[1]: own}.get(endpoint)
        for member in members(published()[endpoint]):
            if member.startswith("→ "):
                continue
            for sent in spoilt(body, member):
                if endpoint in FORMS:  # a form has text only: of no other type, and once
                    data = urlencode({**sent, member: str(sent[member])}).encode()
                    form = {"Content-Type": "application/x-www-form-urlencoded"}
                    status, text = await call(world, endpoint, bearer, data=data, headers=form)
                else:
                    status, text = await call(world, endpoint, bearer, json=sent)
                if (endpoint, member) != ("POST /v0/oauth/revoke", "token"):  # any token is taken back, RFC 7009
                    check(f"{endpoint} {member}", status, text, app.client_secret)
                asked += 1
    assert asked > 300
    assert not world.doorbell.rings
    assert (await world.owner.fetchval("SELECT count(*) FROM psc.tokens WHERE use_digest IS NOT NULL")) == 0
    status, _ = await call(world, TOKEN_CALLS[0], token, json={"hashes": [HASH]})
    assert (status, len(world.doorbell.rings)) == (503, 1)
    assert world.sam.held[ring(world)].document.objects("documents")[0]["label"] == "a"


async def test_every_body_too_large(world: World) -> None:
    """Ten megabytes, ten thousand hashes, a hundred thousand brackets, no JSON, no object: refused everywhere."""
    app: BirdIdApplication = await application(world, BirdIdApplication, PREFIX)
    token = (await granted(world, app, "multi_signature", await world.credential(number=MARIA)))["access_token"]
    own = (await app.own_token())["access_token"]
    types = {True: {"Content-Type": "application/x-www-form-urlencoded"}, False: {"Content-Type": "application/json"}}
    many = json.dumps({"hashes": [HASH] * 10_000}).encode()
    for endpoint in right(app):
        bearer = {TOKEN_CALLS[0]: token, TOKEN_CALLS[1]: own}.get(endpoint)
        for data in (
            b'{"a": "' + b"x" * 10_000_000 + b'"}',
            b"[" * 100_000,
            b"{",
            b"[]",
            b"\xff",
            b'{"a":1,"a":2}',
            many,
        ):
            status, text = await call(world, endpoint, bearer, data=io.BytesIO(data), headers=types[endpoint in FORMS])
            check(endpoint, status, text, app.client_secret)
            assert status != 413 or len(data) >= 100_000
    assert not world.doorbell.rings


async def test_somebody_elses_certificate_and_token(world: World) -> None:
    """An alias of another holder's is none of this token's; a token of another application changes nothing of ours."""
    mine, other = await world.credential(number=MARIA), await world.credential("P-256", number=COMPANY)
    app: BirdIdApplication = await application(world, BirdIdApplication, PREFIX)
    stranger: BirdIdApplication = await application(world, BirdIdApplication, PREFIX)
    token = (await granted(world, app, "multi_signature", mine))["access_token"]
    answers = {
        await call(world, TOKEN_CALLS[0], token, json={"hashes": [HASH], "certificate_alias": alias})
        for alias in (other, "cred_" + "0" * 26)
    }
    assert len(answers) == 1, "whether it exists is not told"
    own = (await stranger.own_token())["access_token"]
    body = {**right(app)[TOKEN_CALLS[1]], "client_id": app.client_id}
    assert (await call(world, TOKEN_CALLS[1], own, json=body))[0] == 400
    assert (await call(world, TOKEN_CALLS[0], own, json={"hashes": [HASH]}))[0] == 403
    assert (await call(world, TOKEN_CALLS[1], token, json=body))[0] == 403


async def test_every_parameter_of_an_authorize_request(world: World) -> None:
    """By redirect or by a page, never a 5xx, and nobody goes anywhere but where the application registered."""
    app: BirdIdApplication = await application(world, BirdIdApplication, PREFIX)
    asked = {
        "response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK, "state": "s",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256", "login_hint": MARIA, "lifetime": "300",
        "scope": "single_signature",
    }  # fmt: skip
    for member in members(published()["GET /v0/oauth/authorize"]):
        for value in WRONG[3:]:
            query = urlencode({**asked, member: str(value)})
            address = f"{PREFIX}/v0/oauth/authorize?{query}"
            async with world.client.get(address, allow_redirects=False) as response:
                text = await response.text()
                if member not in ("state", "integration") and not member.startswith("→"):
                    assert response.status in (302, 400), (member, response.status)
                assert response.status < 500
                assert MARIA not in text
                assert response.headers.get("Location", CALLBACK).startswith(CALLBACK)
