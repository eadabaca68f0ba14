"""Flows of one call each, which are timed: a token, a session's signature through the Brazilian API, the live channel;
and the bare handler that each is held against.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode, urlsplit

from aiohttp import ClientSession

from bench.client_side import SHA256_OID, Integrator, Phone, b64, read_statement
from bench.flows import Flow, HttpCaller, Refused
from bench.people import Crowd, Lane
from bench.wire import Connection, request

_VIDAAS: Final = "/psc/vidaas"
_POLLS: Final = 400
_POLL_SECONDS: Final = 0.05


class HttpToken(HttpCaller):
    """A token by client credentials and private_key_jwt, again and again, as integrators do that keep none."""

    async def once(self) -> int:
        """One call, with a fresh assertion."""
        await self.token()
        return 1


class PscSession(Flow):
    """`POST /v0/oauth/signature` with the token of a session: one RSA-2048 signature a call.

    The session is asked for by the lane's application as VIDaaS's applications do (`push://`), and approved by the
    phone; every other call is the norm's.
    """

    async def prepare(self) -> None:
        """The session: rung for, approved, its token fetched."""
        parts = urlsplit(self.crowd.gateway)
        self.host, self._origin = parts.netloc, f"http://127.0.0.1:{parts.port or 80}"
        self.integrator = Integrator(self.lane, self.crowd.gateway)
        self.phone = Phone(self.lane, self.crowd.gateway)
        self.line = await Connection.open(port=parts.port or 80)
        if not self.lane.application:
            raise Refused("these people are of an older run: measure without --again")
        async with ClientSession(headers={"Host": self.host}) as session:
            self._authorization = f"Authorization: Bearer {await self._token(session)}\r\n"

    @property
    def lines(self) -> list[Connection]:
        """The application's."""
        return [self.line]

    async def once(self) -> int:
        """One call with a fresh hash; the signature is verified."""
        digest = secrets.token_bytes(32)
        one = {"id": "1", "alias": "Nota fiscal", "hash": b64(digest), "hash_algorithm": SHA256_OID}
        body = {"hashes": [{**one, "signature_format": "RAW"}]}
        content = json.dumps(body, separators=(",", ":")).encode("ascii")
        status, said = await self.line.call(
            request("POST", "/v0/oauth/signature", self._authorization, content, self.host)
        )
        if status != 200:
            raise Refused(f"signature: {status} {said[:500]!r}")
        (signed,) = json.loads(said)["signatures"]
        self.integrator.verify(digest, b64decode(signed["raw_signature"]))
        return 1

    async def _token(self, session: ClientSession) -> str:
        verifier = secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")
        asked = {
            "response_type": "code",
            "client_id": self.lane.application,
            "redirect_uri": "push://",
            "scope": "signature_session",
            "login_hint": self.lane.cpf,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        rung = (await self._said(session, "GET", f"{_VIDAAS}/v0/oauth/authorize?{urlencode(asked)}")).decode("ascii")
        await self._approve_session(session)
        polling = f"{_VIDAAS}/valid/api/v1/trusted-services/authentications?{rung}"
        code = json.loads(await self._said(session, "GET", polling, again=304))["authorizationToken"]
        form = {
            "grant_type": "authorization_code",
            "client_id": self.lane.application,
            "client_secret": self.lane.application_secret,
            "code": code,
            "redirect_uri": "push://",
            "code_verifier": verifier,
        }
        told = json.loads(await self._said(session, "POST", f"{_VIDAAS}/v0/oauth/token", form))
        return str(told["access_token"])

    async def _approve_session(self, session: ClientSession) -> None:
        """The phone asks what waits, as after a ring, and says yes to the session of this credential."""
        for _ in range(_POLLS):
            path = "/phone/v1/waiting"
            waiting = json.loads(await self._phone(session, "GET", path))
            for item in waiting["items"]:
                statement = read_statement(item["statement"])
                if json.loads(statement.document)["credential"] == self.lane.credential:
                    path = f"/phone/v1/documents/{statement.id}/decision"
                    await self._phone(session, "POST", path, self.phone.approve(statement, "approve:without-key"))
                    return
            await asyncio.sleep(_POLL_SECONDS)
        raise Refused("no session waits on the phone")

    async def _phone(self, session: ClientSession, method: str, path: str, body: object = None) -> bytes:
        lines = [line.partition(": ") for line in self.phone.headers(method, path).split("\r\n") if line]
        headers = {name: value for name, _, value in lines}
        async with session.request(method, self._origin + path, json=body, headers=headers) as answer:
            return _good(answer.status, await answer.read(), path)

    async def _said(
        self, session: ClientSession, method: str, path: str, form: Mapping[str, str] | None = None, again: int = 0
    ) -> bytes:
        """``again``: the status of an answer that has nothing to say yet."""
        for _ in range(_POLLS):
            async with session.request(method, self._origin + path, data=form) as answer:
                if answer.status != again:
                    return _good(answer.status, await answer.read(), path)
            await asyncio.sleep(_POLL_SECONDS)
        raise Refused(f"{path}: {again} again and again")


class SizedEcho(Flow):
    """The bare handler, with a body and an answer as long as those of the calls it is held against."""

    algorithm = None
    ports: tuple[int, ...] = ()
    sizes: tuple[int, int] = (0, 0)

    async def prepare(self) -> None:
        """A connection to one of the processes."""
        self.line = await Connection.open(port=self.ports[self.at % len(self.ports)])

    @property
    def lines(self) -> list[Connection]:
        """The one."""
        return [self.line]

    async def once(self) -> int:
        """One call with a fresh hash, which must come back."""
        digest = b64(secrets.token_bytes(32))
        asked, answered = self.sizes
        empty = json.dumps({"hash": digest, "fill": ""}, separators=(",", ":"))
        body = json.dumps({"hash": digest, "fill": "x" * max(0, asked - len(empty))}, separators=(",", ":"))
        data = request("POST", f"/sized?answer={answered}", "", body.encode("ascii"))
        status, said = await self.line.call(data)
        if status != 200 or json.loads(said)["hash"] != digest:
            raise Refused("the echo is another's")
        return 1


API_FLOWS: Final[Mapping[str, Callable[[Crowd, Lane, int], Flow]]] = {
    "http_token": HttpToken,
    "psc_session": PscSession,
    "sized_echo": SizedEcho,
}


def _good(status: int, body: bytes, what: str) -> bytes:
    if status not in (200, 204):
        raise Refused(f"{what}: {status} {body[:500].decode('utf-8', 'replace')}")
    return body
