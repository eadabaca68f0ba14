"""The rows of the live channel: what a stream hears, phones made from a seed, and stalls read from numbers."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from bench.client_side import Key, Phone
from bench.idle_phones import COLUMNS, Street, lane_of, rows_of
from bench.live import HELD, LATE, longest, stall_ms
from bench.live_line import LiveLine
from bench.second_gateway import read_numbers
from bench.wire import WireError
from foundation.ids import is_id, parse_token, secret_matches
from foundation.web import serve
from tests.bench.test_client_side import GATEWAY, LANE


class Gateway:
    """Streams as ours are, in pieces that were told."""

    def __init__(self) -> None:
        self.pieces: list[list[bytes]] = []
        self.away: list[tuple[int, dict[str, str]]] = []
        """Refusals that come first."""
        self.go_on = asyncio.Event()
        self.port = 0

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if self.away:
            status, headers = self.away.pop(0)
            return web.json_response({}, status=status, headers=headers)
        if not self.pieces:
            return web.json_response({}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in self.pieces.pop(0):
            if piece:
                await response.write(piece)
            else:
                await self.go_on.wait()
        return response


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    made, app = Gateway(), web.Application()
    app.router.add_get("/phone/v1/live", made.stream)
    async with await serve(app, "127.0.0.1", 0) as server:
        made.port = urlsplit(server.url).port or 0
        yield made


async def test_doorbells_are_heard_over_streams_that_end(gateway: Gateway) -> None:
    """Two bells; then the stream ends, and the next one rings at once. Wherever the network cuts, a bell is one."""
    hello, bell = b"event: hello\ndata: {}\n\n", b'event: doorbell\ndata: {"id":"not_1"}\n\n'
    gateway.pieces = [[hello, bell, b"", bell], [hello + bell, b"", b": end\n\n"]]
    line = LiveLine(Phone(LANE, GATEWAY), "localhost", gateway.port)
    await line.open()
    first = await line.rung()
    gateway.go_on.set()
    second = await line.rung()
    gateway.go_on.clear()
    assert await line.rung() >= second >= first
    assert not line.ended.is_set()
    gateway.go_on.set()
    await line.ended.wait()

    for cut in range(1, len(bell)):
        line.forget()
        line.data_received(b"27\r\n" + bell[:cut])
        line.data_received(bell[cut:] + b"\r\n")
        assert line._bells.qsize() == 1


async def test_what_rang_before_is_forgotten_and_a_refusal_is_told(gateway: Gateway) -> None:
    """A bell that was meant for another story is no answer to this one."""
    gateway.pieces = [[b"event: hello\n\nevent: doorbell\n\n", b"", b"event: doorbell\n\n"]]
    line = LiveLine(Phone(LANE, GATEWAY), "localhost", gateway.port)
    await line.open()
    before = await line.rung()
    line.forget()
    gateway.go_on.set()
    assert await line.rung() > before
    await line.ended.wait()
    with pytest.raises(WireError, match="401"):
        await line.open()


async def test_a_street_opens_all_its_streams_whatever_comes_first(gateway: Gateway) -> None:
    """Some are told to come back, some fail, one ends: each is counted for what it was, and opened again."""
    hello, heartbeat = b"event: hello\ndata: {}\n\n", b": heartbeat\n\n"
    gateway.away = [(503, {"Retry-After": "0"}), (500, {})]
    gateway.pieces = [[hello], *([hello, b""] for _ in range(3))]
    order = {"seed": "s", "first": 0, "count": 3, "gateway": GATEWAY, "ports": [gateway.port], "source": "127.0.0.2"}
    street = Street(order, disorder=0.0)
    assert street.do("make")["open"] == 0
    assert len(street.lines) == 3
    street.do("open")
    async with asyncio.timeout(20):
        while street.opened < 4 or street.open < 3:
            await asyncio.sleep(0.02)
    street.lines[0].data_received(heartbeat)
    said = street.do("look")

    assert (said["open"], said["opened"], said["refused"], said["failed"]) == (3, 4, 1, 1)
    assert 0 < said["silence"] < 60
    assert said["why"].startswith("no stream: b'HTTP/1.1 500")
    for task in street.tasks:
        task.cancel()
    for line in street.lines:
        line.close()
    gateway.go_on.set()


def test_a_phone_of_the_street_is_what_its_row_says() -> None:
    """The same seed makes the same phone in every process; its token and its key are those of the row."""
    for at, row in enumerate(rows_of("seed", 3)):
        kept, lane = dict(zip(COLUMNS, row, strict=True)), lane_of("seed", at)
        public, secret = parse_token(lane.device_token, "dvt")
        assert (kept["id"], kept["token"]) == (lane.device, public)
        assert is_id(lane.device, "dev")
        assert secret_matches(secret, kept["token_digest"])
        assert json.loads(kept["key"]) == Key(lane.device_key).jwk
        assert (kept["jkt"], len(kept["jkt"])) == (Key(lane.device_key).jkt, 43)
    assert lane_of("seed", 1) != lane_of("other", 1)


def numbers(*counts: float, name: str = LATE) -> dict[str, float]:
    edges = ("0.01", "0.03", "0.04", "+Inf")
    lines = [f'{name}{{le="{edge}"}} {n}' for edge, n in zip(edges, counts, strict=True)]
    return read_numbers("\n".join(["# HELP x", *lines, "other 3"]))


@pytest.mark.parametrize(
    ("after", "most"),
    [((19, 19, 19, 19), 20), ((18, 19, 19, 19), 40), ((10, 10, 11, 11), 50), ((10, 10, 10, 11), math.inf)],
)
def test_the_longest_stall_is_read_from_what_was_counted_meanwhile(after: tuple[float, ...], most: float) -> None:
    """The upper edge of the highest bucket that anything fell into, and one look more; what was before counts not."""
    assert stall_ms(numbers(9, 9, 9, 9), numbers(*after)) == most
    own = numbers(9, 9, 9, 9, name=HELD) | numbers(0, 0, 0, 5)
    assert longest([own], [numbers(*after, name=HELD) | numbers(0, 0, 0, 9)], HELD) == most
