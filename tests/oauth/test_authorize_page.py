"""The authorize page on the wire: who may be sent where, what a client is told, and whose page it is."""

import re
from datetime import timedelta
from typing import Any

import pytest

from foundation.ids import new_id, new_token
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.oauth_application import ask
from tests.support.oauth_requests import CALLBACK, VERIFIER, answer_in, authorize_path, page_token
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


async def client_of(world: World, **changes: Any) -> tuple[str, str]:
    """Id and secret of an application that sends people here."""
    registered = await world.register(
        **{"method": ClientMethod.SECRET, "grants": [GrantType.CODE], "redirects": [CALLBACK], **changes}
    )
    return registered.client.id, registered.secret or ""


async def opened(world: World, client_id: str) -> str:
    """The secret of a page just opened."""
    async with world.client.get(authorize_path(client_id)) as response:
        assert response.status == 200
        return page_token(await response.text())


async def code_for(world: World, client_id: str, *credentials: str) -> str:
    """Go through the page as a holder does."""
    page = await opened(world, client_id)
    world.links.last.state, world.links.last.credentials = "approved", credentials
    status, body = await ask(world, "check", {"page": page, "code": "042"})
    assert status == 200, body
    return answer_in(body["redirect"])["code"]


async def test_the_token_reaches_only_what_the_holder_approved(world: World) -> None:
    """Identified with one of two credentials: the other does not exist for this token."""
    approved, other = await world.credential(), await world.credential("P-256")
    client_id, secret = await client_of(world)
    form = {
        "grant_type": "authorization_code",
        "code": await code_for(world, client_id, approved),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": client_id,
        "client_secret": secret,
    }
    async with world.client.post("/oauth2/token", data=form) as response:
        token = (await response.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
        assert (await response.json())["credentialIDs"] == [approved]
    async with world.client.post("/csc/v2/credentials/info", json={"credentialID": other}, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["error_description"] == "Invalid parameter credentialID"


async def test_pairing_is_told_who_asks(world: World) -> None:
    """The phone will show the registered name and the visitor's address, neither of which the request can choose."""
    client_id, _ = await client_of(world, name="Contratos SA")
    await opened(world, client_id)
    link = world.links.last
    assert (link.client, link.client_name, link.scope) == (client_id, "Contratos SA", "service")
    assert link.address == "127.0.0.1"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "cli_00000000000000000000000000"},
        {"client_id": "x" * 5000},
        {"redirect_uri": "https://evil.test/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK.upper()},
        {"redirect_uri": "https://contratos.test:443/callback"},
        {"redirect_uri": "https://contratos.test/callback/../other"},
        {"redirect_uri": "https://contratos.test@evil.test/callback"},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": CALLBACK + "#code"},
        {"redirect_uri": "https://contratos.test:8443/callback"},
        {"redirect_uri": "https://contratos.test\\@evil.test/callback"},
        {"redirect_uri": "https://cоntratos.test/callback"},
        {"redirect_uri": "//evil.test/callback"},
        {"redirect_uri": "https://contratos.test/%63allback"},
        {"redirect_uri": CALLBACK + "\r\nLocation: https://evil.test"},
        {"redirect_uri": ""},
        {"redirect_uri": [CALLBACK, "https://evil.test/"]},
        {"client_id": ["cli_1", "cli_2"]},
    ],
)
async def test_nobody_is_sent_to_an_address_we_do_not_know(world: World, changes: dict[str, Any]) -> None:
    """Anything wrong with client or address is shown to the person and never followed."""
    client_id, _ = await client_of(world, redirects=[CALLBACK, "https://contratos.test/other"])
    async with world.client.get(authorize_path(client_id, **changes), allow_redirects=False) as response:
        text = await response.text()
        assert response.status == 400, text
        assert response.content_type == "text/html"
        assert "evil.test" not in text
    assert not world.links.links


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "credential"}, "invalid_request"),
        ({"scope": "credential service"}, "invalid_scope"),
        ({"hashes": "x"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"scope": "service admin"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "=" * 43}, "invalid_request"),
        ({"state": "x" * 513}, "invalid_request"),
    ],
)
async def test_a_clients_own_mistakes_travel_back_to_it(world: World, changes: dict[str, Any], error: str) -> None:
    """With a good address the client is told, with its state and our name (RFC 9207); no link is opened."""
    client_id, _ = await client_of(world)
    async with world.client.get(authorize_path(client_id, **changes), allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        address = response.headers["Location"]
    assert address.startswith(CALLBACK + "?")
    answer = answer_in(address)
    assert (answer["error"], answer["iss"]) == (error, ORIGIN)
    assert answer["state"] == changes.get("state", "xyz & 1")
    assert not world.links.links


async def test_a_client_without_the_code_grant_is_told(world: World) -> None:
    """A client that only acts for itself has no return address: it is not sent anywhere at all."""
    registered = await world.register()
    async with world.client.get(authorize_path(registered.client.id), allow_redirects=False) as response:
        assert response.status == 400


async def test_a_single_address_may_be_left_out(world: World) -> None:
    """RFC 6749 section 3.1.2.3: with one registered address the request need not repeat it."""
    client_id, _ = await client_of(world)
    async with world.client.get(authorize_path(client_id, redirect_uri=None)) as response:
        assert response.status == 200


async def test_the_page_carries_a_strict_policy_and_no_cookie(world: World) -> None:
    """Nothing inline runs, nobody frames it, nothing is kept."""
    client_id, _ = await client_of(world, name='<script>alert("x")</script>')
    async with world.client.get(authorize_path(client_id)) as response:
        html = await response.text()
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response.headers
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>alert" not in html
    assert "style=" not in html
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []


async def test_its_files_are_kept_for_ever_and_only_by_their_digest(world: World) -> None:
    """The address of a file has its digest; another one is not there."""
    client_id, _ = await client_of(world)
    async with world.client.get(authorize_path(client_id)) as response:
        paths = re.findall(r'(?:src|href)="(/oauth2/assets/[^"]+)"', await response.text())
    assert len(paths) == 3
    for path in paths:
        async with world.client.get(path) as response:
            assert response.status == 200
            assert "immutable" in response.headers["Cache-Control"]
        async with world.client.get(path.replace("/assets/", "/assets/0")) as response:
            assert response.status == 404


@pytest.mark.parametrize("path", ["state", "check", "cancel"])
@pytest.mark.parametrize(
    "page",
    [None, 1, "", "x" * 3000, "pag_00000000000000000000000000_abc", "at_00000000000000000000000000_abc", ["a"]],
)
async def test_a_page_is_its_secrets_own(world: World, path: str, page: Any) -> None:
    """Without the page's secret there is no page, whatever is sent in its place."""
    status, _ = await ask(world, path, {"page": page, **({"code": "042"} if path == "check" else {})})
    assert status in (400, 404)


async def test_another_pages_secret_opens_nothing(world: World) -> None:
    """The id of one page with the secret of another is no page."""
    client_id, _ = await client_of(world)
    one, other = await opened(world, client_id), await opened(world, client_id)
    mixed = one.rsplit("_", 1)[0] + "_" + other.rsplit("_", 1)[1]
    assert (await ask(world, "state", {"page": mixed}))[0] == 404
    assert (await ask(world, "state", {"page": new_token("pag").text}))[0] == 404


async def test_a_finished_page_is_over(world: World) -> None:
    """One code for each page: a second check and a cancel find nothing; a look hears for a minute where it led to."""
    client_id, _ = await client_of(world)
    page = await opened(world, client_id)
    world.links.last.state, world.links.last.credentials = "approved", [await world.credential()]
    assert (await ask(world, "check", {"page": page, "code": "042"}))[0] == 200
    assert (await ask(world, "state", {"page": page}))[1]["state"] == "done"
    world.clock.advance(timedelta(seconds=60))
    for path in ("state", "check", "cancel"):
        body = {"page": page, **({"code": "042"} if path == "check" else {})}
        assert (await ask(world, path, body))[0] == 410


async def test_a_page_outlives_its_link_by_little(world: World) -> None:
    """An old page is over, and says so."""
    client_id, _ = await client_of(world)
    page = await opened(world, client_id)
    world.clock.advance(timedelta(minutes=6))
    status, body = await ask(world, "state", {"page": page})
    assert status == 410
    assert "comece de novo" in body["message"]


async def test_a_flood_of_pages_is_slowed(world: World) -> None:
    """One address opens twenty pages a minute, and then waits."""
    client_id, _ = await client_of(world)
    statuses = []
    for _ in range(22):
        async with world.client.get(authorize_path(client_id)) as response:
            statuses.append(response.status)
            told = await response.text()
    assert statuses[:20] == [200] * 20
    assert statuses[20:] == [429, 429]
    assert "Muitas páginas abertas" in told
    world.clock.advance(61)
    async with world.client.get(authorize_path(client_id)) as response:
        assert response.status == 200


async def test_an_unknown_link_id_never_reaches_the_database_as_text(world: World) -> None:
    """A NUL or a lone surrogate in a parameter is a bad request and not a database error."""
    client_id, _ = await client_of(world)
    for changes in ({"state": "a\0b"}, {"client_id": "a\0b"}, {"scope": "service\0"}):
        async with world.client.get(authorize_path(client_id, **changes), allow_redirects=False) as response:
            assert response.status == 400
    async with world.client.get(authorize_path(client_id) + "&x=%ED%A0%80", allow_redirects=False) as response:
        assert response.status in (200, 400)
    async with world.client.get(authorize_path(new_id("cli")) + "&state=%ED%A0%80", allow_redirects=False) as response:
        assert response.status == 400
