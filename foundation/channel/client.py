"""The client's end: a call is an answer, the other side's error raised again, or one of ours about the wire."""

import asyncio
import itertools
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Final

import structlog

from foundation.channel.frames import ANSWERED, FAILED, NOT_TAKEN, NUMBERS, PREFACE, Frames, Wire, frame
from foundation.channel.waiting import pauses
from foundation.channel.wire import (
    MAX_MESSAGE,
    AnswerLost,
    BadAnswer,
    Draining,
    ErrorRegistry,
    NotDelivered,
    TlsAddress,
    UnixAddress,
    parse_address,
    to_json,
)
from foundation.encoding import strict_json
from foundation.errors import Internal, JsonObject, LinkIdError
from foundation.tls import TlsFiles, private_client_context

DEADLINE: Final = 10.0
"""Seconds that a call may take where its caller names no other limit."""
CONNECT_SECONDS: Final = 2.0


class _Connection(Wire):
    """To one target: the calls that wait for their answers, by number."""

    def __init__(self, target: str, max_message: int) -> None:
        super().__init__(Frames(max_message, preface=False))
        self._target = target
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count()
        self.gone = False
        self._foreign = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.send(PREFACE)

    def lost(self) -> None:
        """Whatever waits was sent, and may have happened."""
        self.gone = True
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(
                    BadAnswer(f"{self._target}: not our protocol")
                    if self._foreign
                    else AnswerLost(f"{self._target}: the connection broke")
                )

    def foreign(self) -> None:
        self._foreign = True

    def received(self, number: int, content: bytes) -> None:
        future = self._waiting.pop(number, None)
        if future is not None and not future.done():  # nobody waits for an answer that came too late
            future.set_result(content)

    async def ask(self, *parts: bytes) -> bytes:
        """The content of the answer. Raises NotDelivered when nothing was sent, AnswerLost, BadAnswer."""
        if self.gone or self.transport is None or self.transport.is_closing():
            raise NotDelivered(f"{self._target}: the connection is closed")
        number = next(self._numbers) % NUMBERS
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        self.send(frame(number, *parts))
        try:
            return await future
        finally:
            self._waiting.pop(number, None)


class _Target:
    """An address, and the one connection to it, made when it is needed."""

    def __init__(self, text: str, tls: TlsFiles | None, max_message: int) -> None:
        self._text, self._address = text, parse_address(text)
        self._tls, self._max_message = tls, max_message
        self._connection: _Connection | None = None
        self._context: ssl.SSLContext | None = None
        self._connecting = asyncio.Lock()

    async def connection(self) -> _Connection:
        """Raises NotDelivered; ValueError for TLS without files."""
        found = self._connection
        if found is not None and not found.gone:
            return found
        async with self._connecting:
            if self._connection is None or self._connection.gone:
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        self._connection = await self._connect(self._address)
                except (OSError, ssl.SSLError, TimeoutError) as cause:
                    raise NotDelivered(f"{self._text}: {type(cause).__name__}") from cause
            return self._connection

    async def _connect(self, address: UnixAddress | TlsAddress) -> _Connection:
        loop = asyncio.get_running_loop()
        if isinstance(address, UnixAddress):
            _, made = await loop.create_unix_connection(self._make, str(address.path))
            return made
        if self._tls is None:
            raise ValueError("a tls: address needs certificate, key and authorities")
        if self._context is None:
            self._context = private_client_context(self._tls)
        _, made = await loop.create_connection(
            self._make, address.host, address.port, ssl=self._context, server_hostname=address.host
        )
        return made

    def _make(self) -> _Connection:
        return _Connection(self._text, self._max_message)

    async def close(self) -> None:
        """The connection, if there is one; whatever waits hears that its answer is lost."""
        found, self._connection = self._connection, None
        if found is not None:
            await found.close()


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
        self._targets = [_Target(text, tls, max_message) for text in addresses]
        self._registry = registry
        self._max_message = max_message
        self._patience = patience
        self._turn = itertools.count()

    async def call(
        self, name: str, body: JsonObject | None = None, *, deadline: float = DEADLINE, near: str | None = None
    ) -> JsonObject:
        """Ask for ``name`` with ``body``; the answer's object.

        ``near``: an id; calls with ids that end alike go to the same target as long as it takes them, which then has
        at hand what the last one was about. Without it targets take turns.

        Raises the error the other side raised; NotDelivered when no target took the call; AnswerLost when none answered
        within ``deadline`` seconds; BadAnswer for answers that are not ours.
        """
        content = to_json(body or {})
        if len(content) > self._max_message:
            raise Internal(f"{name}: a private message of {len(content)} bytes")
        head = f"{name}\n{_request_id()}\n".encode("ascii")
        try:
            async with asyncio.timeout(deadline):
                return await self._ask(self._first(near), name, head, content, deadline)
        except TimeoutError as cause:
            raise AnswerLost(f"{name}: no answer within {deadline} s") from cause

    def _first(self, near: str | None) -> int:
        if not near:
            return next(self._turn)
        return ord(near[-1])

    async def _ask(self, first: int, name: str, head: bytes, content: bytes, deadline: float) -> JsonObject:
        refusal: LinkIdError = NotDelivered("no target")
        for pause in pauses(self._patience, deadline):
            if pause:
                await asyncio.sleep(pause)
            for offset in range(len(self._targets)):
                target = self._targets[(first + offset) % len(self._targets)]
                try:
                    answer = await (await target.connection()).ask(head, content)
                except NotDelivered as error:
                    refusal = error
                    continue
                if answer[:1] == NOT_TAKEN:
                    refusal = Draining(name)
                    continue
                return self._read(answer, name)
        raise refusal

    def _read(self, answer: bytes, name: str) -> JsonObject:
        mark, content = answer[:1], answer[1:]
        try:
            body = strict_json(content, max_bytes=self._max_message)
        except LinkIdError as cause:
            raise BadAnswer(f"{name}: the answer is not strict JSON: {cause.detail}") from cause
        if not isinstance(body, dict) or mark not in (ANSWERED, FAILED):
            raise BadAnswer(f"{name}: the answer is not an object")
        if mark == ANSWERED:
            return body
        if self._registry is None:
            self._registry = ErrorRegistry(strict=False)  # in the middle of a call is no time to find a defect
        raise self._registry.error(body)

    async def close(self) -> None:
        """Close every connection."""
        for target in self._targets:
            await target.close()

    async def __aenter__(self) -> "PrivateClient":
        """Itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()


def _request_id() -> str:
    identity = structlog.contextvars.get_contextvars().get("request_id")
    return identity if isinstance(identity, str) and identity.isascii() and "\n" not in identity else ""
