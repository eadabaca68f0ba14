"""``GET /phone/v1/live``: a stream of doorbells (Server-Sent Events, as WHATWG's HTML has them).

::

    event: hello                      the stream is open; whatever rings already follows at once
    event: doorbell                   data: {"id":"not_…"}: something waits, ask what
    : heartbeat                       every 25 s: nobody in between thinks it dead, and silence means that it is

It ends after half an hour to an hour, each another, and at once when the phone is removed, when it has another token,
or when this gateway stops; the phone opens the next one. Once open it is no request any more (``foundation.web``'s
``handover``): a socket, a ``_Line`` and a ``Stream``.
"""

import asyncio
import contextlib
import json
import socket
from typing import Any, Final, cast

from aiohttp import web

from foundation.web.handover import Framing, demand_no_body, framing_of, hand_over
from push.domain.streams import UNREAD_SECONDS
from push.ports import Devices
from push.service.door import Door
from push.service.live import LiveHub, Stream

_HELLO: Final = b"event: hello\ndata: {}\n\n"
_HEARTBEAT: Final = b": heartbeat\n\n"
_MOST_UNREAD: Final = 4096
"""Bytes that a phone may be behind: hours of heartbeats. One that reads nothing is cut off, and asks when it is back.
"""


def live_routes(hub: LiveHub, devices: Devices) -> list[web.RouteDef]:
    """The route; ``hub.drain`` belongs into ``app.on_shutdown``, since aiohttp knows nothing of open streams."""
    return [web.get("/phone/v1/live", _Live(hub, devices).stream)]


class _Live:
    def __init__(self, hub: LiveHub, devices: Devices) -> None:
        self._hub = hub
        self._devices = devices
        self._door = Door()

    async def stream(self, request: web.Request) -> web.StreamResponse:
        demand_no_body(request)
        async with self._door.passing():
            stream = await self._hub.open(await self._devices.listener(request))
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would keep events until it has some kilobytes
            }
        )
        response.force_close()  # the connection ends with the stream
        line, begun = _Line(self._hub, stream, framing_of(request)), False
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):  # the phone went away meanwhile
                await response.write(_HELLO)
                begun = hand_over(request, line)
        finally:
            if not begun:
                self._hub.leave(stream)
        if begun:
            stream.begin(line)
        return response


class _Line(asyncio.Protocol):
    """A connection that is a stream: ``push.ports.Line``. It waits for nothing: what is not read is not kept."""

    __slots__ = ("_framing", "_hub", "_stream", "_transport")

    def __init__(self, hub: LiveHub, stream: Stream, framing: Framing) -> None:
        self._hub = hub
        self._stream = stream
        self._framing = framing
        self._transport: asyncio.Transport | None = None

    def ring(self, doorbell: str) -> None:
        """See Line."""
        self._say(f"event: doorbell\ndata: {json.dumps({'id': doorbell})}\n\n".encode("ascii"))

    def beat(self) -> None:
        """See Line."""
        self._say(_HEARTBEAT)

    def end(self) -> None:
        """See Line."""
        if self._transport is not None:
            if self._framing.end:
                self._transport.write(self._framing.end)
            self._transport.close()

    def _say(self, text: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(self._framing.part(text))
        if self._transport.get_write_buffer_size() > _MOST_UNREAD:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another ancestor
        self._transport.resume_reading()  # so that its end is noticed
        _give_up_on_the_dead(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """asyncio's. A phone has nothing to say here."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._transport = None
        self._hub.leave(self._stream)


def _give_up_on_the_dead(connection: Any) -> None:
    """A phone that vanished without a word confirms no heartbeat. The kernel would try for a quarter of an hour."""
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
