"""An application as its developers wrote it: it sends people to the authorize page, and exchanges what they bring."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.oauth_requests import CALLBACK, PUSH, VERIFIER, answer_in, authorize_path, page_token
from tests.support.signing_world import World


async def ask(world: World, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    """One of the page's own calls."""
    async with world.client.post(f"/oauth2/authorize/{path}", json=body) as response:
        return response.status, await response.json()


@dataclass
class Application:
    """A confidential application whose people come to the page."""

    world: World
    id: str
    secret: str

    async def post(self, path: str, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """One of its own calls, authenticated."""
        sent = {"client_id": self.id, "client_secret": self.secret, **form}
        sent = {name: value for name, value in sent.items() if value is not None}
        async with self.world.client.post(path, data=sent) as response:
            body = await response.read()
            return response.status, json.loads(body) if body else {}

    async def pushed(self, **changes: Any) -> str:
        """A pushed request's address on our page."""
        query = authorize_path(self.id, **changes).partition("?")[2]
        status, told = await self.post(PUSH, dict(parse_qsl(query)))
        assert status == 201, told
        assert told["expires_in"] == 90
        return f"/oauth2/authorize?client_id={self.id}&request_uri={told['request_uri']}"

    async def opened(self, path: str) -> str:
        """The secret of the page at an address."""
        async with self.world.client.get(path, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == 200, (response.headers.get("Location"), text)
            return page_token(text)

    async def exchanged(self, code: str, **changes: Any) -> tuple[int, dict[str, Any]]:
        """A code for a token."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return await self.post("/oauth2/token", {**form, **changes})

    async def service_token(self, *credentials: str) -> str:
        """A bearer of the scope `service`, by a holder's identification."""
        page = await self.opened(authorize_path(self.id))
        self.world.links.last.state, self.world.links.last.credentials = "approved", credentials
        _, body = await ask(self.world, "check", {"page": page, "code": "042"})
        _, told = await self.exchanged(answer_in(body["redirect"])["code"])
        return str(told["access_token"])

    async def code(self, path: str) -> str:
        """Open a page, let the phone approve, and go on: the code."""
        page = await self.opened(path)
        status, view = await ask(self.world, "state", {"page": page})
        assert (status, view["state"]) == (200, "asked"), view
        self.world.sam.approve(self.world.doorbell.rings[-1][0])
        _, view = await ask(self.world, "state", {"page": page})
        assert view["state"] == "granted"
        status, body = await ask(self.world, "finish", {"page": page})
        assert status == 200, body
        return answer_in(body["redirect"])["code"]


async def application(world: World, **changes: Any) -> Application:
    """Registered by an operator."""
    data: dict[str, Any] = {"method": ClientMethod.SECRET, "grants": [GrantType.CODE], "redirects": [CALLBACK]}
    registered = await world.register(**{**data, **changes})
    return Application(world, registered.client.id, registered.secret or "")
