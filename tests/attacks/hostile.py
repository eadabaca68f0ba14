"""A gateway of the attacker's own: everybody's calls pass through it, and it answers whatever it likes.

Link ID is told that its gateway's public address is this one, so phones, pages and computers are pinned to it and their
proofs of possession are made for it. Behind it stands the real gateway; beside it, the private sockets of SAM and AC
and the gateway's database role, which the attacker has as well.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from demo.stack import Stack
from foundation.channel import PrivateClient
from foundation.encoding import b64u, canonical_json, unb64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from issuance.operator import order_client
from linkid.operators import context as operator_context
from protocol.keys import P256Key, sign_raw
from sandbox_phone.loopback import LocalResolver

Answer: TypeAlias = dict[str, Any]
Lie: TypeAlias = Callable[[Answer], Answer | Awaitable[Answer]]
_NOT_PASSED: Final = {"transfer-encoding", "content-length", "connection", "content-encoding", "keep-alive"}


@dataclass
class HostileGateway:
    """An async context manager. Honest until it is told to lie: ``with gateway.lying("/phone/v1/documents/", fn)``."""

    port: int
    target: str = ""
    """Address of the real gateway."""
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    """Every call that passed: method, path, body."""
    _lies: list[tuple[str, Lie]] = field(default_factory=list)
    _inventions: list[tuple[str, int, Answer]] = field(default_factory=list)
    _runner: web.AppRunner | None = None
    _session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """What everybody takes for the gateway."""
        return f"http://localhost:{self.port}"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, resolver=LocalResolver()),
        )
        app = web.Application(client_max_size=2**21)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    @contextmanager
    def lying(self, path: str, lie: Lie) -> Iterator[None]:
        """Good answers on paths that begin so are changed by ``lie`` while the block runs."""
        entry = (path, lie)
        self._lies.append(entry)
        try:
            yield
        finally:
            self._lies.remove(entry)

    @contextmanager
    def answering(self, part: str, status: int, answer: Answer) -> Iterator[None]:
        """Calls to paths with ``part`` in them are kept, and answered so, while the block runs."""
        entry = (part, status, answer)
        self._inventions.append(entry)
        try:
            yield
        finally:
            self._inventions.remove(entry)

    def bodies(self, part: str) -> list[Any]:
        """What was sent to paths with ``part`` in them, oldest first."""
        return [body for _, path, body in self.seen if part in path]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        sent = await request.read()
        self.seen.append((request.method, request.path, _json(sent)))
        for part, status, invented in self._inventions:
            if part in request.path:
                return web.json_response(invented, status=status)
        async with self._session.request(
            request.method, self.target + request.path_qs, data=sent, headers=request.headers, allow_redirects=False
        ) as answer:
            headers = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED}
            if answer.content_type == "text/event-stream":
                return await _stream(request, answer, headers)
            content = await answer.read()
            if answer.status < 300:
                for path, lie in self._lies:
                    if request.path.startswith(path):
                        said = lie(_json(content) or {})
                        content = json.dumps(await said if isinstance(said, Awaitable) else said).encode()
            return web.Response(status=answer.status, body=content, headers=headers)


async def _stream(request: web.Request, answer: aiohttp.ClientResponse, headers: dict[str, str]) -> web.StreamResponse:
    passed = web.StreamResponse(headers=headers)
    await passed.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await passed.write(chunk)
    except (ConnectionError, aiohttp.ClientError, asyncio.CancelledError):
        pass
    return passed


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


class Inside:
    """The private calls of SAM and AC, with anything in them."""

    def __init__(self, stack: Stack) -> None:
        """Opens nothing yet."""
        self._stack = stack
        self._clients = {
            "sam": PrivateClient(stack.settings.sam_targets()),
            "ac": PrivateClient(stack.settings.ac_address),
        }

    async def close(self) -> None:
        """Both connections."""
        for client in self._clients.values():
            await client.close()

    async def integrator(
        self, name: str = "Cartório Exemplo", key: P256Key | None = None, client: str | None = None, **state: Any
    ) -> Answer:
        """An integrator that a real operator made known to the SAM: as a caller. In its name its gateway may ask."""
        id_ = client or new_id("cli")
        keys = [key.jwk] if key is not None else []
        await order_client(operator_context(self._stack.settings), client=id_, name=name, keys=keys, **state)
        return {"kind": "integrator", "id": id_}

    async def call(self, process: str, name: str, /, **body: Any) -> Any:
        """The answer. Raises LinkIdError."""
        return await self._clients[process].call(name, body)

    async def refused(self, process: str, name: str, /, **body: Any) -> str:
        """The code of the refusal; an answer fails the test."""
        try:
            answer = await self.call(process, name, **body)
        except LinkIdError as error:
            return error.code
        raise AssertionError(f"{process} {name} answered {sorted(answer)}")


# --- what can be done to a root-signed object without the root's key -------------------------------------------------


def parts(jws: str) -> tuple[Answer, Answer, str]:
    """Header, payload, signature (b64u)."""
    head, body, tail = jws.split(".")
    return _json(unb64u(head, max_len=10_000)), _json(unb64u(body, max_len=300_000)), tail


def joined(header: Answer, payload: Answer, tail: str) -> str:
    """Parts put together again."""
    return f"{b64u(canonical_json(header))}.{b64u(canonical_json(payload))}.{tail}"


def signed_by(key: ec.EllipticCurvePrivateKey, header: Answer, payload: Answer) -> str:
    """Signed by a key of his own."""
    signed = f"{b64u(canonical_json(header))}.{b64u(canonical_json(payload))}"
    return f"{signed}.{b64u(sign_raw(key, signed.encode()))}"


def own_key() -> tuple[ec.EllipticCurvePrivateKey, P256Key]:
    """A key pair of his own."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, P256Key.from_public(key.public_key())
