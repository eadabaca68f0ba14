"""An owner's browser, and an operator's command line."""

from __future__ import annotations

import argparse
import html
import io
import re
from typing import Any

from aiohttp import ClientResponse

from foundation.audit import AuditChain
from hsm_service.psc import commands as psc
from hsm_service.registration.commands import Operator, arguments, perform
from hsm_service.registration.service.admission import AdmissionService
from tests.support.oauth_requests import page_token
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import World

MARIA, JOAO = "52998224725", "11144477735"
HOME = "/integradores"
_FORM = re.compile(r'name="form" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')
_SECRET = re.compile(r'id="secret">([^<]+)<')
_CLIENT = re.compile(r"cli_[0-9a-z]{26}")


def admission(world: World) -> AdmissionService:
    """As an operator's command has it."""
    audit = AuditChain(world.database, "gateway-operator", world.clock)
    return AdmissionService(world.database, world.clock, audit, world.clients)


async def operator(world: World, *words: str) -> str:
    """`linkid application …`: what it says. What is let in without ``--seen`` was read just before."""
    if words[0] == "admit" and "--seen" not in words:
        words = (*words, "--seen", seen_in(await operator(world, "list"), words[1]))
    parser = argparse.ArgumentParser()
    arguments(psc.arguments(parser))
    out = io.StringIO()
    assert await perform(parser.parse_args(words), Operator(admission(world), ORIGIN, out)) == 0
    return out.getvalue()


def seen_in(listed: str, name: str) -> str:
    """The code under one of a list."""
    found = re.search(rf"^{re.escape(name)}  .*?^    seen (\S+)$", listed, re.MULTILINE | re.DOTALL)
    return "0" if found is None else found[1]


class Browser:
    """Keeps one cookie, shows its origin on forms, and remembers the page it saw last."""

    def __init__(self, world: World, origin: str | None = ORIGIN) -> None:
        self.world = world
        self.origin = origin
        self.cookie = ""
        self.status = 0
        self.text = ""
        self.headers: dict[str, str] = {}

    async def get(self, path: str) -> str:
        """A page; it follows nothing."""
        async with self.world.client.get(path, headers=self._headers(), allow_redirects=False) as response:
            return await self._saw(response)

    async def post(self, path: str, _form: str | None = None, **fields: Any) -> str:
        """A form of the page seen last, unless it is said otherwise; a field that is None is left out."""
        form = {"form": self.form if _form is None else _form, "version": self.version, **fields}
        sent = {name: value for name, value in form.items() if value is not None}
        async with self.world.client.post(
            path, data=sent, headers=self.headers_of_a_form, allow_redirects=False
        ) as response:
            return await self._saw(response)

    @property
    def headers_of_a_form(self) -> dict[str, str]:
        """As a browser sends them."""
        return {**self._headers(), **({} if self.origin is None else {"Origin": self.origin})}

    @property
    def form(self) -> str:
        """What the last page's forms carry."""
        found = _FORM.search(self.text)
        return found[1] if found else ""

    @property
    def version(self) -> str | None:
        """Of the application on the last page."""
        found = _VERSION.search(self.text)
        return found[1] if found else None

    @property
    def secret(self) -> str | None:
        """The secret on the last page."""
        found = _SECRET.search(self.text)
        return found[1] if found else None

    @property
    def client(self) -> str:
        """The first application that the last page names."""
        found = _CLIENT.search(self.text)
        assert found is not None, self.text
        return found[0]

    async def approve(self, *credentials: str) -> str:
        """The phone's and the authorize page's part; where the browser is then sent."""
        self.world.links.last.state, self.world.links.last.credentials = "approved", credentials
        call = {"page": page_token(self.text), "code": "042"}
        async with self.world.client.post("/oauth2/authorize/check", json=call) as response:
            body = await response.json()
            assert response.status == 200, body
        return str(body["redirect"]).removeprefix(ORIGIN)

    def _headers(self) -> dict[str, str]:
        return {"Cookie": f"__Host-linkid-integradores={self.cookie}"} if self.cookie else {}

    async def _saw(self, response: ClientResponse) -> str:
        self.status, self.text = response.status, html.unescape(await response.text())
        self.headers = dict(response.headers)
        given = response.cookies.get("__Host-linkid-integradores")
        if given is not None:
            self.cookie = given.value
        return self.text


async def turned_on(world: World) -> None:
    """The page, by an operator."""
    await operator(world, "page")


async def owner(world: World, number: str = MARIA, name: str = "MARIA DA SILVA") -> Browser:
    """Somebody who signed in with their phone."""
    credential = await world.credential(subject=name, number=number)
    browser = Browser(world)
    await browser.get(f"{HOME}/entrar")
    back = await browser.approve(credential)
    await browser.get(back)
    assert browser.status == 303, browser.text
    await browser.get(HOME)
    assert "Suas aplicações" in browser.text
    return browser


WISH: dict[str, Any] = {
    "name": "Contratos SA",
    "about": "Portal; contato ti@contratos.test",
    "people": "1",
    "itself": "1",
    "redirects": "https://contratos.test/callback",
    "method": "secret",
}


async def registered(world: World, browser: Browser, **changes: Any) -> tuple[str, str | None]:
    """An application that waits: its id and secret."""
    await browser.get(f"{HOME}/nova")
    await browser.post(f"{HOME}/nova", **{**WISH, **changes})
    assert browser.status == 200, browser.text
    return browser.client, browser.secret


async def in_use(world: World, browser: Browser, **changes: Any) -> tuple[str, str | None]:
    """One that an operator let in."""
    client, secret = await registered(world, browser, **changes)
    await operator(world, "admit", client, "--name", str({**WISH, **changes}["name"]))
    await browser.get(f"{HOME}/{client}")
    return client, secret


async def token_status(world: World, client: str, secret: str | None) -> int:
    """What the token endpoint says to a secret."""
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": str(secret)}
    async with world.client.post("/oauth2/token", data=form) as response:
        return response.status
