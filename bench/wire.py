"""HTTP/1.1 for a load generator: prepared bytes out, status and body in, one call at a time on a kept connection.

As little as a client can do: it reads the status line, ``Content-Length`` and the body, and refuses whatever else a
server might send (chunks, no length, a closed connection), so that nothing is misread in silence.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

_HEADERS_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"


class WireError(Exception):
    """The server closed the connection, or answered in a form that this client does not read."""


class Connection(asyncio.Protocol):
    """One kept connection. ``call`` may not be called again before the last one answered.

    A server closes what was idle for long; the next call then opens another, as every client does.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._loop = asyncio.get_running_loop()
        self._data = b""
        self._body_at = 0
        self._end = 0
        self._sent = b""
        self._received = 0
        self.answered_at = 0.0
        """When the last answer was whole, by ``time.perf_counter``: before anybody looked into it."""

    @classmethod
    async def open(cls, *, port: int) -> Connection:
        """To 127.0.0.1:``port``."""
        connection = cls(port)
        await connection._connect()
        return connection

    async def call(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises WireError."""
        if self._waiting is not None:
            raise WireError("another call is still waiting")
        if self._transport is None:
            await self._connect()
            assert self._transport is not None
        self._waiting = self._loop.create_future()
        self._sent = request
        self._transport.write(request)
        return await self._waiting

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: self, "127.0.0.1", self._port)

    async def renew(self) -> None:
        """A fresh connection in the place of this one, which the server may be about to close."""
        while self._transport is not None:
            self._transport.abort()
            await asyncio.sleep(0)
        await self._connect()

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes of the last call's body, and of its answer's."""
        return len(self._sent.partition(_HEADERS_END)[2]), self._received

    def close(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another ancestor

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._transport = None
        self._fail(f"connection lost: {exc}")

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self._data = self._data + data if self._data else data
        if not self._end and not self._read_head():
            return
        if len(self._data) < self._end:
            return
        status, body, rest = int(self._data[9:12]), self._data[self._body_at : self._end], self._data[self._end :]
        self._data, self._end, waiting, self._waiting = b"", 0, self._waiting, None
        self._received, self.answered_at = len(body), time.perf_counter()
        if rest or waiting is None:
            self._waiting = waiting
            self._fail("more than one answer to one call")
        elif not waiting.done():
            waiting.set_result((status, body))

    def _read_head(self) -> bool:
        """Whether the whole head is there; then where the body begins and ends."""
        at = self._data.find(_HEADERS_END)
        if at < 0:
            return False
        head = self._data[: at + 2]
        if not head.startswith(b"HTTP/1.1 "):
            self._fail("no HTTP/1.1 answer")
            return False
        self._body_at = at + 4
        found = head.lower().find(_LENGTH)
        if found >= 0:
            line = head.index(b"\r\n", found + 2)
            self._end = self._body_at + int(head[found + len(_LENGTH) : line])
        elif head[9:12] == b"204":
            self._end = self._body_at
        else:
            self._fail("an answer without Content-Length")
            return False
        return True

    def _fail(self, why: str) -> None:
        waiting, self._waiting = self._waiting, None
        if self._transport is not None:
            self._transport.abort()
        if waiting is not None and not waiting.done():
            waiting.set_exception(WireError(why))


def request(method: str, path: str, headers: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """The bytes of one request. ``headers``: whole lines, each with its CRLF."""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{content}\r\n".encode("ascii") + body
