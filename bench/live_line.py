"""A phone's end of the live channel: a stream of doorbells on a socket, as little as a client can do.

The answer is in chunks, one for each write of the gateway; lines are looked for across them, and nothing else is read.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bench.client_side import Phone
from bench.wire import WireError, request

PATH: Final = "/phone/v1/live"
_BELL: Final = b"event: doorbell"
HELLO: Final = b"event: hello"
LAST_CHUNK: Final = b"0\r\n\r\n"
"""The stream is over; the connection would stay for another call."""


class LiveLine(asyncio.Protocol):
    """One stream at a time. ``source``: the loopback address that it comes from."""

    def __init__(self, phone: Phone, host: str, port: int, source: str = "127.0.0.1") -> None:
        self._phone, self._host, self._port, self._source = phone, host, port, source
        self._transport: asyncio.Transport | None = None
        self._tail = b""
        self._opened: asyncio.Future[None] | None = None
        self._bells: asyncio.Queue[float | None] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.ended.set()

    async def open(self) -> None:
        """A fresh stream, once it says hello. Raises WireError with the answer's status, OSError."""
        loop = asyncio.get_running_loop()
        self._tail, self._bells, self._opened = b"", asyncio.Queue(), loop.create_future()
        self.ended.clear()
        try:
            transport, _ = await loop.create_connection(
                lambda: self, "127.0.0.1", self._port, local_addr=(self._source, 0)
            )
            self._transport = transport
            self._transport.write(request("GET", PATH, self._phone.headers("GET", PATH), host=self._host))
            await self._opened
        except BaseException:
            self.close()
            self.ended.set()
            raise

    def forget(self) -> None:
        """What rang until now: other streams of the same phone are asked other things."""
        while not self._bells.empty():
            self._bells.get_nowait()

    async def rung(self) -> float:
        """When (perf_counter) the next doorbell arrived. A stream that ends meanwhile is opened again."""
        while (at := await self._bells.get()) is None:
            await self.open()
        return at

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._transport = None
        if self._opened is not None and not self._opened.done():
            self._opened.set_exception(WireError(f"no stream: {self._tail[:200]!r}"))
        self._bells.put_nowait(None)
        self.ended.set()

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        now = time.perf_counter()
        text = self._tail + data
        if self._opened is not None and not self._opened.done():
            if HELLO not in text:
                self._tail = text
                if not b"HTTP/1.1 200 ".startswith(text[:13]):
                    self.close()
                return
            self._opened.set_result(None)
        for _ in range(text.count(_BELL)):
            self._bells.put_nowait(now)
        self._tail = text[-len(_BELL) + 1 :]
        if text.endswith(LAST_CHUNK):
            self.close()
