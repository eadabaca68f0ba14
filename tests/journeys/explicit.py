"""An application that sends the holder's factors: its calls, in the words of each dialect."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.world import World
from sandbox_phone.loopback import connector
from sandbox_phone.phone import SandboxPhone

SHA256 = "2.16.840.1.101.3.4.2.1"


class Application:
    """Registered by the operator; talks to the gateway."""

    def __init__(self, world: World, session: aiohttp.ClientSession, client: dict[str, Any]) -> None:
        self.world, self.session, self.client = world, session, client
        self._step = 0
        self._token = ""
        self.callback = ""
        self.posted: asyncio.Queue[Any] = asyncio.Queue()
        """What was POSTed to it."""

    @classmethod
    @asynccontextmanager
    async def registered(cls, world: World) -> AsyncIterator[Application]:
        posted: asyncio.Queue[Any] = asyncio.Queue()

        async def take(request: web.Request) -> web.Response:
            posted.put_nowait(await request.json())
            return web.Response(status=204)

        receiver = web.Application()
        receiver.router.add_post("/callback", take)
        async with TestServer(receiver, host="127.0.0.1") as server:
            callback = f"http://127.0.0.1:{server.port}/callback"
            words = ["integrator", "new", "--name", "Contratos SA", "--redirect", callback]
            said = json.loads(await world.stack.linkid(*words, "--by-itself", "--json"))
            async with aiohttp.ClientSession(connector=connector()) as session:
                made = cls(world, session, said)
                made.callback, made.posted = callback, posted
                yield made

    async def post(self, path: str, body: Any, token: str | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        sent = more or {"json": body}
        async with self.session.post(self.world.stack.gateway + path, headers=headers, **sent) as answer:
            return answer.status, await answer.json()

    @property
    def _proof(self) -> dict[str, str]:
        return {"client_id": self.client["client_id"], "client_secret": self.client["client_secret"]}

    # --- PSC

    async def consented(self, phone: SandboxPhone, password: str) -> str:
        """authorize-ca, and the phone's yes, which is posted as well; the consent."""
        wish = {**self._proof, "login_hint": self.world.holder.cpf, "max_signatures": 10, "state": "abc",
                "redirect_uri": self.callback}  # fmt: skip
        status, begun = await self.post("/v0/oauth/authorize-ca", wish)
        assert (status, begun["state"]) == (202, "abc"), begun
        statement = await phone.wait_for("consent")
        assert (statement.content["maximum"], statement.content["caller"]["name"]) == (10, "Contratos SA")
        await phone.approve(statement, password)
        async with asyncio.timeout(60):  # nobody asks before it came
            posted = await self.posted.get()
        assert (set(posted), posted["identifierCA"], posted["state"]) == (
            {"identifierCA", "state", "expirationDate", "serialNumber"}, begun["identifierCA"], "abc",
        )  # fmt: skip
        headers = {"Authorization": f"Bearer {begun['identifierCA']}"}
        address = self.world.stack.gateway + "/v0/oauth/authorize-ca"
        async with self.session.get(address, headers=headers) as answer:
            told = await answer.json()
            assert (answer.status, told["status"], told["state"]) == (200, "approved", "abc"), told
        consent: str = told["consent"]
        return consent

    async def password_grant(self, factors: str, **more: Any) -> tuple[int, dict[str, Any]]:
        grant = {**self._proof, "grant_type": "password", "username": self.world.holder.cpf, "password": factors}
        return await self.post("/v0/oauth/pwd_authorize", {**grant, **more})

    async def psc_signature(self, token: str, digest: bytes) -> bytes:
        one = {"id": "1", "alias": "a", "hash": base64.b64encode(digest).decode(), "hash_algorithm": SHA256}
        status, made = await self.post("/v0/oauth/signature", {"hashes": [one]}, token)
        assert status == 200, made
        return base64.b64decode(made["signatures"][0]["raw_signature"])

    # --- CSC

    async def allowed(self, credential: str) -> None:
        """An operator lets it name the certificate by itself."""
        await self.world.stack.linkid("integrator", "allow", self.client["client_id"], credential)
        form = {**self._proof, "grant_type": "client_credentials"}
        status, said = await self.post("/oauth2/token", None, data=form)
        assert status == 200, said
        self._token = said["access_token"]

    async def csc(self, version: str, call: str, body: dict[str, Any]) -> dict[str, Any]:
        status, said = await self.post(f"/csc/{version}/{call}", body, self._token)
        assert status == 200, said
        return said

    async def csc_signature(
        self, version: str, member: str, credential: str, digest: bytes, factors: dict[str, Any]
    ) -> bytes:
        hashes = [base64.b64encode(digest).decode()]
        asked = {"credentialID": credential, "numSignatures": 1, member: hashes, **factors}
        sad = await self.csc(version, "credentials/authorize", asked)
        algorithm = {"hashAlgorithmOID" if version == "v2" else "hashAlgo": SHA256}
        body = {"credentialID": credential, "SAD": sad["SAD"], member: hashes, "signAlgo": "1.2.840.113549.1.1.1"}
        made = await self.csc(version, "signatures/signHash", {**body, **algorithm})
        return base64.b64decode(made["signatures"][0])

    # --- codes

    def next_code(self, phone: SandboxPhone, credential: str) -> str:
        """One that is later than every one before, and within the window: three of them need no waiting."""
        current = int(time.time()) // 30
        self._step = max(self._step + 1, current - 1)
        assert self._step <= current + 1, "more codes than the window has"
        return phone.code(credential, at=self._step * 30)
