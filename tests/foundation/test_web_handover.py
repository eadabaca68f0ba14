"""A connection outlives its handler: what was written arrives first, aiohttp forgets it, and it may end in any way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final, cast
from urllib.parse import urlsplit

import pytest
import uvloop
from aiohttp import web

from foundation.web import HttpMetrics, Server, new_app, serve
from foundation.web.handover import Framing, demand_no_body, framing_of, hand_over

_REQUEST: Final = b"GET /stream HTTP/1.%d\r\nHost: x\r\n%b\r\n"


class Line(asyncio.Protocol):
    """What was handed over."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.transport: asyncio.Transport | None = None
        self.heard = b""
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def say(self, text: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.framing.part(text))

    def end(self) -> None:
        assert self.transport is not None
        self.transport.write(self.framing.end)
        self.transport.close()


class Place:
    """A server of ours with one stream, or none."""

    def __init__(self, server: Server, metrics: HttpMetrics) -> None:
        self.server = server
        self.metrics = metrics
        self.lines: list[Line] = []
        self.gone = False

    async def stream(self, request: web.Request) -> web.StreamResponse:
        demand_no_body(request)
        response = web.StreamResponse()
        response.force_close()
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write(b"hello;")
            if self.gone and request.transport is not None:
                request.transport.abort()
            line = Line(framing_of(request))
            if hand_over(request, line):
                self.lines.append(line)
        return response

    async def ask(self, version: int = 1, headers: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(self.server.url).port)
        writer.write(_REQUEST % (version, headers))
        return reader, writer

    async def opened(self, version: int = 1) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Line]:
        before = len(self.lines)
        reader, writer = await self.ask(version)
        await reader.readuntil(b"hello;")
        while len(self.lines) == before:
            await asyncio.sleep(0)
        return reader, writer, self.lines[-1]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    metrics = HttpMetrics()
    app = new_app(metrics=metrics)
    places: list[Place] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        return await places[0].stream(request)

    app.router.add_get("/stream", stream)
    server = await serve(app, "127.0.0.1", 0)
    places.append(Place(server, metrics))
    yield places[0]
    await server.close()


def requests_open(place: Place) -> float:
    return place.metrics.registry.get_sample_value("linkid_http_requests_open") or 0.0


@pytest.mark.parametrize(
    ("version", "rest"), [(1, b"\r\n5\r\nmore;\r\n0\r\n\r\n"), (0, b"more;")], ids=["chunked", "until-the-end"]
)
async def test_what_is_said_later_follows_what_was_said_first(place: Place, version: int, rest: bytes) -> None:
    """In the framing of the answer that the handler began, to its end; for aiohttp the request was over long before."""
    reader, writer, line = await place.opened(version)
    while requests_open(place):
        await asyncio.sleep(0)
    assert place.server._runner.server is not None
    while place.server._runner.server.connections:  # aiohttp's own list
        await asyncio.sleep(0)
    line.say(b"more;")
    line.end()

    assert await reader.read() == rest
    writer.close()
    await line.lost.wait()


async def test_what_the_other_side_does_is_the_new_protocols(place: Place) -> None:
    """Bytes, and its end; a second request on the same connection is bytes too, and no handler sees it."""
    _, writer, line = await place.opened()
    writer.write(_REQUEST % (1, b""))
    while not line.heard:
        await asyncio.sleep(0)
    writer.close()
    await line.lost.wait()

    assert line.heard == _REQUEST % (1, b"")
    assert len(place.lines) == 1


async def test_a_connection_that_is_gone_is_not_handed_over(place: Place) -> None:
    """Nobody is called, nothing is raised."""
    place.gone = True
    reader, writer = await place.ask()
    with suppress(ConnectionError):
        await reader.read()
    writer.close()

    assert place.lines == []


async def test_a_body_is_refused_before_anything_begins(place: Place) -> None:
    """It would be read as what the new protocol's peer says."""
    reader, writer = await place.ask(headers=b"Content-Length: 5\r\n")

    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()
    assert place.lines == []


def on_uvloop(work: Callable[[], Awaitable[None]]) -> None:
    """As our processes run."""

    async def run() -> None:
        await work()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def test_it_is_the_same_on_the_loop_that_serves() -> None:
    """uvloop's transports hand over as asyncio's do, and count what was not read yet."""

    async def work() -> None:
        app = new_app()
        places: list[Place] = []

        async def stream(request: web.Request) -> web.StreamResponse:
            return await places[0].stream(request)

        app.router.add_get("/stream", stream)
        async with await serve(app, "127.0.0.1", 0) as server:
            places.append(Place(server, HttpMetrics()))
            reader, writer, line = await places[0].opened()
            line.say(b"more;")
            assert await reader.readuntil(b"more;")
            assert line.transport is not None
            assert line.transport.get_write_buffer_size() == 0
            writer.close()
            await line.lost.wait()

    on_uvloop(work)
