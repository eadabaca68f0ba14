"""The live channel: what rings reaches an open stream, whichever gateway it was rung at, and is not lost in between."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from foundation.clock import FixedClock
from foundation.database import Database
from foundation.web import new_app
from push.adapters import live_bells
from push.adapters.live_bells import LiveBells, LiveListener
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.domain.streams import StreamTimes
from push.service import live, outbox
from push.service.bells import DoorbellService
from push.service.live import STREAMS_PER_DEVICE, LiveHub
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.store import OutboxStore
from push.web import live_routes
from tests.push.conftest import KEY, NamedDevices
from tests.support.postgres import TestDatabase

PATIENCE = 10.0


class Node:
    """A gateway: hub, listener, worker and HTTP."""

    def __init__(self, database: Database, dsn: str, clock: FixedClock, times: StreamTimes, capacity: int) -> None:
        self.database = database
        self.clock = clock
        self.registry = CollectorRegistry()
        self.hub = LiveHub(database, clock, times=times, capacity=capacity, numbers=PushNumbers(self.registry))
        self.devices = NamedDevices()
        self.listener = LiveListener(dsn, self.hub.tell, self.hub.hang_up)
        seal = Seal(KEY)
        self.worker = OutboxWorker(database, clock, seal, {Kind.DOORBELL: LiveBells(database)})
        self.bells = DoorbellService(database, clock, OutboxService(database, clock, seal, self.worker))
        app = new_app()
        app.add_routes(live_routes(self.hub, self.devices))
        self.client: TestClient[Any, Any] = TestClient(TestServer(app))
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.client.start_server()
        runs = (
            self.hub.run(),
            self.listener.run(),
            self.worker.run(),
            self.hub.beat(),
            self.hub.check(self.devices),
        )
        self.tasks = [asyncio.create_task(run) for run in runs]

    async def stop(self) -> None:
        await self.hub.drain()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.close()

    async def ring(self, *devices: str, document: str = "doc_1", life: float = 300) -> None:
        async with self.database.transaction() as connection:
            await self.bells.ring(connection, devices, document, self.clock.now() + timedelta(seconds=life))

    def ended(self, why: str) -> float:
        """Streams that the gateway ended for this reason."""
        return self.registry.get_sample_value("linkid_push_streams_ended_total", {"why": why}) or 0.0

    async def stream(self, device: str, token: str | None = None) -> "Ear":
        named = {"Test-Device": device} if token is None else {"Test-Device": device, "Test-Token": token}
        response = await self.client.get("/phone/v1/live", headers=named)
        assert response.status == 200
        ear = Ear(response)
        assert await ear.event() == ("hello", {})
        return ear


class Ear:
    """The phone's end of a stream."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response

    async def chunk(self) -> str:
        """Everything up to the next empty line; "" at the end."""
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while line := (await self.response.content.readline()).decode():
                if line == "\n":
                    break
                lines.append(line)
        return "".join(lines)

    async def event(self) -> tuple[str, dict[str, Any]]:
        """The next event that is not a heartbeat; ("", {}) at the end."""
        while (chunk := await self.chunk()).startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in chunk.splitlines())
        return fields.get("event", ""), json.loads(fields.get("data", "{}"))


class MakeNode:
    """Nodes that share database and clock."""

    def __init__(self, database: Database, dsn: str, clock: FixedClock) -> None:
        self._shared = (database, dsn, clock)
        self.nodes: list[Node] = []

    async def __call__(self, times: StreamTimes | None = None, capacity: int = 100) -> Node:
        node = Node(*self._shared, times or StreamTimes(), capacity)
        self.nodes.append(node)
        await node.start()
        return node


@pytest.fixture
async def make_node(
    gateway_database: Database, shared_database: TestDatabase, clock: FixedClock
) -> AsyncIterator[MakeNode]:
    make = MakeNode(gateway_database, shared_database.dsn("linkid_gateway"), clock)
    yield make
    for node in make.nodes:
        await node.stop()


async def test_a_doorbell_reaches_an_open_stream(make_node: MakeNode) -> None:
    """What is rung while the app is open arrives as an opaque id."""
    node = await make_node()
    ear = await node.stream("dev_a")
    await node.ring("dev_a")
    name, data = await ear.event()

    assert name == "doorbell"
    assert set(data) == {"id"}
    assert data["id"].startswith("not_")


async def test_a_doorbell_reaches_a_stream_at_another_gateway(make_node: MakeNode) -> None:
    """It does not matter which gateway a request came in at."""
    one, other = await make_node(), await make_node()
    ear = await other.stream("dev_a")
    await one.ring("dev_a")

    assert (await ear.event())[0] == "doorbell"


async def test_what_rang_while_no_stream_was_open_is_heard_on_connecting(make_node: MakeNode) -> None:
    """A phone that was between two streams misses nothing."""
    node = await make_node()
    await node.ring("dev_a")
    ear = await node.stream("dev_a")

    assert (await ear.event())[0] == "doorbell"


async def test_a_settled_or_expired_doorbell_is_silent(make_node: MakeNode) -> None:
    """Nothing rings for what was decided or is over."""
    node = await make_node()
    await node.ring("dev_a", document="doc_settled")
    await node.ring("dev_a", document="doc_late", life=10)
    async with node.database.transaction() as connection:
        await node.bells.settle(connection, "doc_settled")
    node.clock.advance(11)
    await node.ring("dev_a", document="doc_now")
    ear = await node.stream("dev_a")
    first = await ear.event()
    await node.hub.drain()

    assert first[0] == "doorbell"
    assert await ear.event() == ("", {})


async def test_a_doorbell_rings_on_its_device_only_and_once_per_stream(make_node: MakeNode) -> None:
    """Other phones hear nothing, and looking again does not ring again."""
    node = await make_node()
    mine, theirs = await node.stream("dev_a"), await node.stream("dev_b")
    await node.ring("dev_a")
    heard = await mine.event()
    node.hub.tell(None)
    await node.ring("dev_b", document="doc_2")
    other = await theirs.event()
    await node.hub.drain()

    assert heard[1] != other[1]
    assert await mine.event() == ("", {})
    assert await theirs.event() == ("", {})


async def test_the_listener_recovers_when_its_connection_is_killed(
    make_node: MakeNode, shared_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed LISTEN connection loses nothing: the hub looks at everything when it is back, tokens included."""
    monkeypatch.setattr(live_bells, "_AGAIN_SECONDS", 0.05)
    node = await make_node()
    ear, sent_away = await node.stream("dev_a"), await node.stream("dev_b")
    await node.database.fetch("SELECT 1")
    node.devices.void = {"dvt_of_dev_b"}
    killed = await _kill_listeners(shared_database)
    await node.ring("dev_a")

    assert killed >= 1
    assert (await ear.event())[0] == "doorbell"
    assert await sent_away.event() == ("", {})


async def _kill_listeners(database: TestDatabase) -> int:
    import asyncpg

    connection = await asyncpg.connect(database.dsn())
    try:
        for _ in range(100):
            rows = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'linkid-live' AND datname = current_database()"
            )
            if rows:
                return len(rows)
            await asyncio.sleep(0.02)
        return 0
    finally:
        await connection.close()


async def test_what_a_dying_gateway_took_along_is_heard_at_another(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had the message in its hands when it was killed, so nobody is notified: the other looks by itself."""
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.1)
    dying, other = await make_node(), await make_node()
    ear = await other.stream("dev_a")
    for task in dying.tasks:  # killed: it reports nothing, and says goodbye to nobody
        task.cancel()
    other.tasks[2].cancel()  # and the other's worker is busy elsewhere
    async with dying.database.transaction() as connection:
        await dying.bells.ring(connection, ["dev_a"], "req_1", dying.clock.now() + timedelta(seconds=180))
    taken = await OutboxStore(dying.database).take([Kind.DOORBELL], dying.clock.now(), 10)

    assert len(taken) == 1
    assert (await ear.event())[0] == "doorbell"


async def test_what_a_dead_gateway_queued_is_carried_by_another(make_node: MakeNode) -> None:
    """It committed and died before its worker woke: the other's finds the message."""
    dying, other = await make_node(), await make_node()
    await dying.stop()
    async with dying.database.transaction() as connection:
        await dying.bells.ring(connection, ["dev_a"], "req_1", dying.clock.now() + timedelta(seconds=180))
    other.worker.wake()
    async with asyncio.timeout(PATIENCE):
        while await other.database.fetchval("SELECT state FROM push.outbox") != "sent":
            await asyncio.sleep(0.02)


async def test_a_phone_whose_gateway_dies_hears_at_the_next(make_node: MakeNode) -> None:
    """Its stream breaks, maybe before the bell was read; the next stream, elsewhere, has everything that rings."""
    dying, other = await make_node(), await make_node()
    ear = await dying.stream("dev_a")
    await dying.ring("dev_a")
    heard = await ear.event()
    await dying.stop()

    assert await (await other.stream("dev_a")).event() == heard


def test_nobody_waits_three_seconds_longer_than_usual() -> None:
    """Whatever dies, something looks again within three seconds: hub, listener, worker."""
    assert max(live.LOOK_SECONDS, live_bells._AGAIN_SECONDS, outbox.POLL_SECONDS) <= 3


async def test_a_stream_beats_and_ends_by_itself(make_node: MakeNode) -> None:
    """Heartbeats keep proxies calm; after its life a stream ends and may be opened again."""
    node = await make_node(StreamTimes(heartbeat=0.05, shortest=0.2, longest=0.2))
    ear = await node.stream("dev_a")

    assert await ear.chunk() == ": heartbeat\n"
    assert await ear.event() == ("", {})
    assert len(node.hub) == 0
    assert node.ended("life") == 1
    await node.stream("dev_a")


async def test_a_phone_whose_token_is_void_loses_its_streams_at_once(
    make_node: MakeNode, shared_database: TestDatabase
) -> None:
    """The database tells every gateway; nobody else's stream is touched."""
    one, other = await make_node(), await make_node()
    mine = [await one.stream("dev_a"), await other.stream("dev_a")]
    theirs = await other.stream("dev_b")
    await one.database.execute("SELECT pg_notify('linkid_void_tokens', 'dev_a')")

    assert [await ear.event() for ear in mine] == [("", {})] * 2
    assert (len(one.hub), len(other.hub)) == (0, 1)
    await other.ring("dev_b")
    assert (await theirs.event())[0] == "doorbell"


async def test_a_void_token_is_found_when_its_notification_was_lost(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every gateway looks at the tokens of all its streams now and then, in bites; a good one's stream goes on."""
    monkeypatch.setattr(live, "CHECK_TOGETHER", 2)
    monkeypatch.setattr(live, "CHECK_SECONDS", 0.05)
    node = await make_node()
    ears = [await node.stream(f"dev_{number}") for number in range(5)]
    again = await node.stream("dev_4", token="dvt_newer")
    node.devices.void = {"dvt_of_dev_1", "dvt_of_dev_4"}

    assert [await ears[number].event() for number in (1, 4)] == [("", {})] * 2
    await node.ring(*(f"dev_{number}" for number in range(5)))
    heard = [(await ear.event())[0] for ear in (*ears[:1], *ears[2:4], again)]
    assert heard == ["doorbell"] * 4
    assert node.ended("void") == 2


async def test_a_gateway_that_hears_much_still_looks_by_itself(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other phones' doorbells, one after the other, do not keep it from finding the one that nobody told of."""
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.1)
    node = await make_node()
    ear, _ = await node.stream("dev_a"), await node.stream("dev_b")
    node.tasks[2].cancel()  # the worker is busy elsewhere

    async def tell() -> None:
        while True:
            node.hub.tell(["dev_b"])
            await asyncio.sleep(0.001)

    telling = asyncio.create_task(tell())
    async with node.database.transaction() as connection:
        await node.bells.ring(connection, ["dev_a"], "req_1", node.clock.now() + timedelta(seconds=180))

    assert (await ear.event())[0] == "doorbell"
    telling.cancel()


async def test_a_stopping_gateway_ends_its_streams_and_takes_no_more(make_node: MakeNode) -> None:
    """In order, so that phones know that it is not the network; whoever comes meanwhile goes elsewhere."""
    node = await make_node()
    ears = [await node.stream(f"dev_{number}") for number in range(3)]
    await node.hub.drain()
    response = await node.client.get("/phone/v1/live", headers={"Test-Device": "dev_a"})

    assert [await ear.event() for ear in ears] == [("", {})] * 3
    assert (response.status, (await response.json())["code"]) == (503, "streams_busy")
    assert len(node.hub) == 0


async def test_a_phone_has_nothing_to_say_on_a_stream(make_node: MakeNode) -> None:
    """Whoever sends anything there is cut off; a body is refused before there is a stream."""
    node = await make_node()
    refused = await node.client.get("/phone/v1/live", headers={"Test-Device": "dev_a"}, data=b"x")
    assert refused.status == 400

    reader, writer = await asyncio.open_connection("127.0.0.1", node.client.port)
    writer.write(b"GET /phone/v1/live HTTP/1.1\r\nHost: x\r\nTest-Device: dev_a\r\n\r\n")
    await reader.readuntil(b"event: hello")
    assert len(node.hub) == 1
    writer.write(b"GET /phone/v1/live HTTP/1.1\r\nHost: x\r\nTest-Device: dev_b\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while await reader.read(1000):
            pass
    assert len(node.hub) == 0
    writer.close()


async def test_a_phone_that_reads_nothing_is_cut_off(make_node: MakeNode) -> None:
    """What it does not read is not kept for it: it is forgotten, and hears everything when it comes back."""
    node = await make_node()
    reader, writer = await asyncio.open_connection("127.0.0.1", node.client.port)
    writer.write(b"GET /phone/v1/live HTTP/1.1\r\nHost: x\r\nTest-Device: dev_a\r\n\r\n")
    await reader.readuntil(b"event: hello")
    assert isinstance(writer.transport, asyncio.ReadTransport)
    writer.transport.pause_reading()
    (stream,) = node.hub._streams["dev_a"]
    for number in range(1000):  # more than every buffer between us
        stream.ring(f"not_{number:0100000}")
        await asyncio.sleep(0)
        if not len(node.hub):
            break

    assert len(node.hub) == 0
    writer.close()


async def test_a_fourth_stream_of_a_phone_ends_its_eldest(make_node: MakeNode) -> None:
    """A phone whose network changed is not kept out by streams that are dead already."""
    node = await make_node()
    ears = [await node.stream("dev_a") for _ in range(STREAMS_PER_DEVICE + 1)]

    assert await ears[0].event() == ("", {})
    assert len(node.hub) == STREAMS_PER_DEVICE

    await node.ring("dev_a")

    assert [(await ear.event())[0] for ear in ears[1:]] == ["doorbell"] * STREAMS_PER_DEVICE


async def test_a_full_gateway_says_so(make_node: MakeNode) -> None:
    """Beyond its capacity a gateway refuses streams and says when to try again."""
    node = await make_node(capacity=1)
    await node.stream("dev_a")
    response = await node.client.get("/phone/v1/live", headers={"Test-Device": "dev_b"})

    assert response.status == 429
    assert 5 <= int(response.headers["Retry-After"]) <= 15
    assert (await response.json())["code"] == "too_many_streams"


async def test_a_stream_needs_a_phone(make_node: MakeNode) -> None:
    """Nobody listens without being somebody."""
    node = await make_node()
    response = await node.client.get("/phone/v1/live")

    assert response.status == 401


async def test_streams_of_phones_that_left_are_forgotten(make_node: MakeNode) -> None:
    """A connection that the phone dropped does not stay counted."""
    node = await make_node(StreamTimes(heartbeat=0.05))
    ear = await node.stream("dev_a")
    ear.response.close()
    async with asyncio.timeout(PATIENCE):
        while len(node.hub):
            await asyncio.sleep(0.02)
