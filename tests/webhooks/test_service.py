"""Who is told what, when, and how often: on a real database, with an outbox that only remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Connection, Database, open_pool
from foundation.encoding import JsonObject
from foundation.errors import BadInput
from hsm_service.webhooks.domain.address import MAX_CHARACTERS, checked
from hsm_service.webhooks.domain.event import LIFE, Event, EventType
from hsm_service.webhooks.errors import BadAddress, NoSuchApplication
from hsm_service.webhooks.ports import Progress
from hsm_service.webhooks.service import AddressService, Telling
from tests.support.emptied import empty_tables
from tests.support.postgres import TestDatabase

MINE, OTHER = "cli_0000000000000000000000000m", "cli_0000000000000000000000000n"
URL = "https://app.example.com/link-id"
ACTIVATION = "act_0000000000000000000000000a"


class Outbox:
    """Remembers what was queued by transactions that committed."""

    def __init__(self) -> None:
        self.queued: list[tuple[str, JsonObject]] = []
        self.expires: list[datetime] = []
        self.numbers = 0

    async def queue(self, connection: Connection, url: str, event: JsonObject, expires: datetime) -> int:
        async def committed() -> None:
            self.queued.append((url, event))
            self.expires.append(expires)

        connection.after_commit(committed)
        self.numbers += 1
        return self.numbers

    async def progress(self, messages: Sequence[int]) -> Mapping[int, Progress]:
        return {}

    @property
    def types(self) -> list[object]:
        return [event["type"] for _, event in self.queued]


class World:
    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database, self.clock, self.outbox = database, clock, Outbox()
        self.telling = Telling(database, clock, self.outbox)
        self.addresses = AddressService(database, clock, AuditChain(database, "gateway-test", clock), development=False)

    async def tell(self, event: Event, ends: datetime | None = None) -> None:
        async with self.database.transaction() as connection:
            await self.telling.tell(connection, event, ends)


@pytest.fixture
async def world(shared_database: TestDatabase) -> AsyncIterator[World]:
    await empty_tables(shared_database, "webhooks")
    database = Database(await open_pool(shared_database.dsn("linkid_gateway"), max_size=10))
    yield World(database, FixedClock(datetime(2026, 11, 23, 12, 0, tzinfo=UTC)))
    await database.close()


def event(client: str = MINE, type: EventType = EventType.APPROVED, session: str | None = None) -> Event:
    return Event(type, client, "req_0000000000000000000000000a", "cred_0000000000000000000000000a", session)


async def test_who_has_an_address_is_told_there_and_nobody_else(world: World) -> None:
    """Ids and a type, an id of its own, for a day; another address takes the place of the first; none, nothing."""
    await world.addresses.set(MINE, URL)
    await world.telling.look()
    await world.tell(event())
    await world.tell(event(OTHER))
    ((url, told),) = world.outbox.queued
    assert url == URL
    assert str(told["id"]).startswith("evt_")
    assert {**told, "id": ""} == {
        "id": "",
        "type": "request.approved", "created": "2026-11-23T12:00:00Z", "application": MINE,
        "request": "req_0000000000000000000000000a", "credential": "cred_0000000000000000000000000a",
    }  # fmt: skip
    assert world.outbox.expires == [world.clock.now() + LIFE]
    await world.addresses.set(MINE, "https://other.example/x")
    await world.tell(event())
    assert world.outbox.queued[-1][0] == "https://other.example/x"
    assert await world.addresses.address(MINE) == "https://other.example/x"
    assert await world.addresses.drop(MINE)
    assert not await world.addresses.drop(MINE)
    await world.tell(event())  # as long as a gateway has not looked, too
    assert len(world.outbox.queued) == 2


async def test_what_did_not_happen_is_not_told(world: World) -> None:
    """A transaction that fails takes its event with it, and the session whose end was to be told."""
    await world.addresses.set(MINE, URL)
    await world.telling.look()
    with pytest.raises(BadInput):
        async with world.database.transaction() as connection:
            await world.telling.tell(connection, event(session=ACTIVATION), world.clock.now())
            raise BadInput()
    await world.telling.look()
    assert world.outbox.queued == []


async def test_the_end_of_a_session_is_told_once(world: World) -> None:
    """By the holder, or by the clock; whichever comes first, by one of any number of gateways."""
    await world.addresses.set(MINE, URL)
    gateways = [world.telling, *(Telling(world.database, world.clock, world.outbox) for _ in range(4))]
    for one in gateways:
        await one.look()
    ends = world.clock.now() + timedelta(hours=1)
    for number in range(3):
        await world.tell(event(session=f"{ACTIVATION[:-1]}{number}"), ends)
    await world.tell(event(session=f"{ACTIVATION[:-1]}0"), ends)  # settled twice: still one session
    del world.outbox.queued[:]
    await asyncio.gather(*(one.session_ended(f"{ACTIVATION[:-1]}0", "holder") for one in gateways for _ in range(4)))
    assert [(told["session"], told["reason"]) for _, told in world.outbox.queued] == [(f"{ACTIVATION[:-1]}0", "holder")]
    await world.telling.look()
    assert len(world.outbox.queued) == 1  # the others are open
    world.clock.advance(timedelta(hours=1))
    await asyncio.gather(*(one.look() for one in gateways))
    await world.telling.session_ended(f"{ACTIVATION[:-1]}1", "holder")
    assert world.outbox.types == ["session.ended"] * 3
    assert [told["reason"] for _, told in world.outbox.queued[1:]] == ["time", "time"]
    await world.telling.session_ended("act_of_nobody'; DROP TABLE webhooks.sessions; --", "holder")


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://app.example.com/", "https://localhost/", "https://app/", "https://127.0.0.1/",
        "https://[::1]/", "https://2130706433/", "https://0x7f.1/", "https://app.example.com:0/",
        "https://user@app.example.com/", "https://user:pw@app.example.com/", "https://app.example.com/#x",
        "https://app.example.com\\@evil.example/", "https://app.example.com/ x", "https://app.example.com/\n",
        "https://app.example.com:99999/", "https://printer.local/", "https://db.internal/", "https://x.localhost/",
        "https://appé.example.com/", "ftp://app.example.com/", "javascript:alert(1)", "https:app.example.com",
        f"https://app.example.com/{'x' * MAX_CHARACTERS}", "https://.example.com/", "https://app..example.com/",
    ],
)  # fmt: skip
async def test_addresses_that_are_none_are_refused(world: World, url: str) -> None:
    """With a reason, and nothing is written."""
    with pytest.raises(BadAddress):
        await world.addresses.set(MINE, url)
    assert await world.addresses.address(MINE) is None


def test_addresses_of_the_internet_are_taken_and_this_machine_in_development() -> None:
    """So that the rule above is not merely no."""
    for url in (URL, "https://a-b.example.com:8443/x?y=z", "https://xn--bcher-kva.example/"):
        assert checked(url, development=False) == url
    for url in ("http://127.0.0.1:8766/", "http://localhost:1/x", "http://[::1]:8766/"):
        assert checked(url, development=True) == url
    with pytest.raises(BadAddress):
        checked("http://app.example.com/", development=True)


async def test_only_an_applications_id_will_do(world: World) -> None:
    """Computers, holders and texts have no webhooks."""
    for client in ("", "cmp_0000000000000000000000000m", MINE.upper(), MINE + "x", "cli_%"):
        with pytest.raises(NoSuchApplication):
            await world.addresses.set(client, URL)
