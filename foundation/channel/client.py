"""The client's end: a call is an answer, the other side's error raised again, or one of ours about the wire."""

import asyncio
import itertools
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import aiohttp
import structlog

from foundation.channel.waiting import pauses
from foundation.channel.wire import (
    MAX_MESSAGE,
    AnswerLost,
    BadAnswer,
    ErrorRegistry,
    NotDelivered,
    TlsAddress,
    UnixAddress,
    parse_address,
)
from foundation.encoding import strict_json
from foundation.errors import Internal, JsonObject, LinkIdError
from foundation.tls import TlsFiles, private_client_context

DEADLINE: Final = 10.0
"""Seconds that a call may take where its caller names no other limit."""
CONNECT_SECONDS: Final = 2.0


class PrivateClient:
    """Calls another process of ours. Several targets are alternatives: tried in turn while a call is *not delivered*.

    A call that was delivered is never repeated here: whether that is safe is the caller's knowledge.
    """

    def __init__(
        self,
        targets: str | Sequence[str],
        *,
        tls: TlsFiles | None = None,
        registry: ErrorRegistry | None = None,
        max_message: int = MAX_MESSAGE,
        patience: float = 0.0,
    ) -> None:
        """Opens nothing yet. ``registry``: made at the first error when not given, so that all slices are imported.

        ``patience``: seconds in which a call that no target takes is offered again (``waiting``): the only SAM of a
        machine may be making room for its successor.
        """
        addresses = [targets] if isinstance(targets, str) else list(targets)
        if not addresses:
            raise ValueError("a private client needs at least one target")
        self._addresses = [(text, parse_address(text)) for text in addresses]
        self._tls = tls
        self._registry = registry
        self._max_message = max_message
        self._patience = patience
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._turn = itertools.count()

    async def call(self, name: str, body: JsonObject | None = None, *, deadline: float = DEADLINE) -> JsonObject:
        """Post ``body`` to ``/<name>`` and return the answer's object.

        Raises the error the other side raised; NotDelivered when no target took the call; AnswerLost when none answered
        within ``deadline`` seconds; BadAnswer for answers that are not ours.
        """
        content = json.dumps(dict(body or {}), ensure_ascii=False, allow_nan=False, default=_plain).encode("utf-8")
        if len(content) > self._max_message:
            raise Internal(f"{name}: a private message of {len(content)} bytes")
        start = next(self._turn)
        refusal = NotDelivered("no target")
        async with _Deadline(deadline, name):
            for pause in pauses(self._patience, deadline):
                await asyncio.sleep(pause)
                for offset in range(len(self._addresses)):
                    text, address = self._addresses[(start + offset) % len(self._addresses)]
                    try:
                        return await self._post(text, address, name, content)
                    except NotDelivered as error:
                        refusal = error
        raise refusal

    async def _post(self, text: str, address: UnixAddress | TlsAddress, name: str, content: bytes) -> JsonObject:
        headers = {"Content-Type": "application/json"}
        identity = structlog.contextvars.get_contextvars().get("request_id")
        if isinstance(identity, str) and identity:
            headers["X-Request-Id"] = identity
        base = "http://private" if isinstance(address, UnixAddress) else f"https://{_host(address)}"
        try:
            session = self._session(text, address)
            async with session.post(f"{base}/{name}", data=content, headers=headers, allow_redirects=False) as response:
                status, answer = response.status, await response.content.read(self._max_message + 1)
                while len(answer) <= self._max_message and not response.content.at_eof():
                    answer += await response.content.read(self._max_message + 1)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
            raise NotDelivered(f"{text}: {type(cause).__name__}") from cause
        except (aiohttp.ClientError, OSError) as cause:
            raise AnswerLost(f"{text} {name}: {type(cause).__name__}") from cause
        return self._answer(status, answer, name)

    def _answer(self, status: int, content: bytes, name: str) -> JsonObject:
        try:
            body = strict_json(content, max_bytes=self._max_message)
        except LinkIdError as cause:
            raise BadAnswer(f"{name}: the answer (status {status}) is not strict JSON: {cause.detail}") from cause
        if not isinstance(body, dict):
            raise BadAnswer(f"{name}: the answer (status {status}) is not an object")
        if status == 200:
            return body
        if self._registry is None:
            self._registry = ErrorRegistry(strict=False)  # in the middle of a call is no time to find a defect
        raise self._registry.error(body.get("error"))

    def _session(self, text: str, address: UnixAddress | TlsAddress) -> aiohttp.ClientSession:
        session = self._sessions.get(text)
        if session is None or session.closed:
            connector: aiohttp.BaseConnector
            if isinstance(address, UnixAddress):
                connector = aiohttp.UnixConnector(str(address.path), limit=0)
            elif self._tls is None:
                raise ValueError("a tls: address needs certificate, key and authorities")
            else:
                connector = aiohttp.TCPConnector(ssl=private_client_context(self._tls), limit=0)
            timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS)
            session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, auto_decompress=False
            )
            self._sessions[text] = session
        return session

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def __aenter__(self) -> "PrivateClient":
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


class _Deadline:
    """asyncio.timeout that ends in AnswerLost."""

    def __init__(self, seconds: float, name: str) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._name = name
        self._seconds = seconds

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as cause:
            raise AnswerLost(f"{self._name}: no answer within {self._seconds} s") from cause


def _host(address: TlsAddress) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def _plain(value: object) -> Any:
    """Mappings and sequences that are not dict and list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return list(value)
    raise TypeError(f"not JSON: {type(value).__name__}")
