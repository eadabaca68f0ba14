"""Which way a phone is told that something waits: the open app first, then a push, an SMS only where it is set; once
it knows, by no other way, and never more than its holder can bear.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from foundation.clock import FixedClock
from foundation.database import Connection, Database
from foundation.errors import BadInput, LinkIdError
from push.domain.addresses import Address, AddressBook, AddressKind, FcmAddress
from push.domain.bombing import GAPS, next_push
from push.domain.outbox import LEASE, Kind
from push.domain.sealing import Seal
from push.errors import AddressDead, CarrierBusy, CarrierRefused
from push.ports import PushService
from push.service.addresses import AddressService, PushCarrier
from push.service.bells import PUSH_AFTER, SMS_AFTER, SMS_TEXT, DoorbellService
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.store import DoorbellStore
from tests.push.conftest import KEY, ScriptedCarrier

NUMBER = "+5531987654321"
SECOND = timedelta(seconds=1)
IN_THE_QUEUE = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


class Firebase:
    """A push service that raises what stands in its script, and then accepts."""

    def __init__(self) -> None:
        self.script: list[LinkIdError] = []
        self.calls: list[tuple[str, str, timedelta]] = []
        self.rung: list[str] = []

    async def ring(self, address: Address, doorbell: str, life: timedelta) -> None:
        assert isinstance(address, FcmAddress)
        self.calls.append((address.fid, doorbell, life))
        await asyncio.sleep(0)
        if self.script:
            raise self.script.pop(0)
        self.rung.append(doorbell)


class Town:
    """`push.ports.Numbers`."""

    async def number_of(self, connection: Connection, device: str) -> str | None:
        return NUMBER if device == "dev_a" else None


class House:
    """A gateway's push, with a phone at an address."""

    def __init__(self, database: Database, clock: FixedClock, service: PushService) -> None:
        self.database, self.clock = database, clock
        seal, book = Seal(KEY), AddressBook(KEY)
        self.numbers = PushNumbers()
        self.sms = ScriptedCarrier()
        push = PushCarrier(database, clock, book, {AddressKind.FCM: service}, numbers=self.numbers)
        self.worker = OutboxWorker(database, clock, seal, {Kind.PUSH: push, Kind.SMS: self.sms}, random=bytes)
        outbox = OutboxService(database, clock, seal, self.worker)
        self.bells = DoorbellService(database, clock, outbox, pushing=True)
        self.addresses = AddressService(database, clock, book, vapid=None, fcm=True, hosts=())

    async def ring(self, document: str = "req_1", device: str = "dev_a", life: float = 180) -> None:
        """Something waits."""
        async with self.database.transaction() as connection:
            await self.bells.ring(connection, [device], document, self.clock.now() + timedelta(seconds=life))

    async def settle(self, document: str = "req_1") -> None:
        """It is decided, or was withdrawn."""
        async with self.database.transaction() as connection:
            await self.bells.settle(connection, document)

    async def after(self, wait: timedelta) -> None:
        """Time passes, and the worker has its turn."""
        self.clock.advance(wait)
        while await self.worker.work():
            pass

    async def states(self, kind: Kind = Kind.PUSH) -> list[str]:
        """Of every message of a kind, in order."""
        query = "SELECT state FROM push.outbox WHERE kind = $1 ORDER BY id"
        return [row["state"] for row in await self.database.fetch(query, kind)]


@pytest.fixture
def firebase() -> Firebase:
    return Firebase()


@pytest.fixture
async def house(gateway_database: Database, clock: FixedClock, firebase: Firebase) -> House:
    house = House(gateway_database, clock, firebase)
    await house.addresses.register_fcm("dev_a", "installation-of-dev_a")
    return house


async def test_those_who_share_a_commit_ring_as_if_alone(house: House, firebase: Firebase) -> None:
    """In one transaction, for two phones and three documents: each rings by its own ways, one that is settled in it
    (whoever said so first) and one that was settled before do not ring, and of one that fails nothing stays."""
    await house.ring("req_0")
    expires = house.clock.now() + timedelta(seconds=180)
    async with house.database.transaction() as connection:
        await house.bells.ring(connection, ["dev_a", "dev_b"], "req_1", expires)
        await house.bells.settle(connection, "req_2")
        await house.bells.ring(connection, ["dev_a"], "req_2", expires)
        await house.bells.settle(connection, "req_0")
        await house.bells.ring(connection, ["dev_b"], "req_3", expires)
    with pytest.raises(BadInput):
        async with house.database.transaction() as connection:
            await house.bells.ring(connection, ["dev_a"], "req_4", expires)
            await house.bells.settle(connection, "req_1")
            raise BadInput()
    now = house.clock.now()
    ringing = await DoorbellStore(house.database).ringing(["dev_a", "dev_b"], now)
    assert {device: len(bells) for device, bells in ringing.items()} == {"dev_a": 1, "dev_b": 2}
    assert len(await house.states(Kind.DOORBELL)) == 5
    assert await house.states() == ["queued"] * 3, "of the phone with an address"
    await house.after(PUSH_AFTER)
    assert firebase.rung == ringing["dev_a"], "and by another way only what rings still"


async def test_a_phone_that_did_not_hear_is_pushed_to_once(house: House, firebase: Firebase) -> None:
    """A second after the live channel had its chance; with an opaque id, for as long as the request lives."""
    await house.ring()
    await house.after(timedelta(0))
    assert firebase.calls == []
    await house.after(PUSH_AFTER)
    await house.after(LEASE)

    [(fid, doorbell, life)] = firebase.calls
    assert (fid, life) == ("installation-of-dev_a", timedelta(seconds=180) - PUSH_AFTER)
    assert doorbell.startswith("not_")
    assert await house.states() == ["sent"]


@pytest.mark.parametrize("what", ["heard", "settled", "expired", "unpaired", "forgotten"])
async def test_nothing_is_pushed_that_is_of_no_use(house: House, firebase: Firebase, what: str) -> None:
    """The open app asked already; it was decided or withdrawn; its time is over; the phone is none of ours any more."""
    await house.ring(life=10)
    if what == "heard":
        await house.bells.heard("dev_a")
    elif what == "settled":
        await house.settle()
    elif what == "expired":
        house.clock.advance(10)
    elif what == "unpaired":
        async with house.database.transaction() as connection:
            await house.bells.removed(connection, "dev_a")
    else:
        await house.addresses.forget("dev_a")
    await house.after(PUSH_AFTER)

    assert firebase.calls == []
    assert await house.states() == ["lapsed"]


async def test_another_phones_asking_silences_nothing(house: House, firebase: Firebase) -> None:
    """Each phone answers for itself."""
    await house.ring()
    await house.bells.heard("dev_b")
    await house.after(PUSH_AFTER)

    assert len(firebase.rung) == 1


async def test_a_phone_without_an_address_costs_no_message(house: House) -> None:
    """Nothing is queued for it, so there is nothing to give up."""
    await house.ring(device="dev_b")

    assert await house.states() == []


async def test_busy_waits_as_long_as_the_service_wants_and_no_longer_than_the_request(
    house: House, firebase: Firebase
) -> None:
    """A temporary failure is tried again from the outbox; not before Retry-After, and not when it is too late."""
    firebase.script = [CarrierBusy(retry_after=20), CarrierBusy(retry_after=300)]
    await house.ring()
    await house.after(PUSH_AFTER)
    await house.after(19 * SECOND)
    assert len(firebase.calls) == 1
    await house.after(SECOND)

    assert len(firebase.calls) == 2
    assert await house.states() == ["lapsed"]


async def test_a_dead_address_is_forgotten_and_the_next_request_finds_none(house: House, firebase: Firebase) -> None:
    """UNREGISTERED and 410 are for ever: never tried again, counted, and no other phone's address is touched."""
    await house.addresses.register_fcm("dev_b", "installation-of-dev_b")
    firebase.script = [AddressDead()]
    await house.ring()
    await house.after(PUSH_AFTER)
    await house.ring("req_2")
    await house.after(LEASE)

    assert len(firebase.calls) == 1
    assert await house.states() == ["dead"]
    assert house.numbers.dead_addresses.labels("fcm")._value.get() == 1
    assert (await house.addresses.offer("dev_a")).registered is None
    assert (await house.addresses.offer("dev_b")).registered == "fcm"


async def test_a_new_address_does_not_die_for_the_old_one(house: House, firebase: Firebase) -> None:
    """The phone registered another one while the old one was being found dead."""

    async def ring(address: Address, doorbell: str, life: timedelta) -> None:
        await house.addresses.register_fcm("dev_a", "another-installation")
        raise AddressDead()

    firebase.ring = ring  # type: ignore[method-assign]
    await house.ring()
    await house.after(PUSH_AFTER)

    assert (await house.addresses.offer("dev_a")).registered == "fcm"


async def test_refused_is_not_dead(house: House, firebase: Firebase) -> None:
    """What is wrong with our account must not make us forget every phone."""
    firebase.script = [CarrierRefused()]
    await house.ring()
    await house.after(PUSH_AFTER)

    assert await house.states() == ["dead"]
    assert (await house.addresses.offer("dev_a")).registered == "fcm"


async def test_a_phone_has_one_unanswered_push(house: House, firebase: Firebase) -> None:
    """Twenty callers at once ring once; the next push waits, longer each time, until the phone answers."""
    for number in range(20):
        await house.ring(f"req_{number}")
    await house.after(PUSH_AFTER)
    assert len(firebase.rung) == 1

    await house.after(GAPS[0])
    assert len(firebase.rung) == 2
    await house.after(GAPS[1] - SECOND)
    assert len(firebase.rung) == 2

    await house.bells.heard("dev_a")
    await house.ring("req_new")
    await house.after(PUSH_AFTER)

    assert len(firebase.rung) == 3


async def test_two_gateways_push_once(house: House, firebase: Firebase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that hold bells of one phone at the same moment: one goes, the others wait their turn."""
    other = House(house.database, house.clock, firebase)
    counted, count = 0, DoorbellStore.unanswered

    async def slowly(store: DoorbellStore, connection: Connection, *named: Any) -> tuple[int, datetime | None]:
        """Goes on with its count when a rival has counted, too, or stands in the queue."""
        nonlocal counted
        found = await count(store, connection, *named)
        counted += 1
        async with asyncio.timeout(20):
            while counted < 2 and not await house.database.fetchval(IN_THE_QUEUE):
                await asyncio.sleep(0.01)
        return found

    monkeypatch.setattr(DoorbellStore, "unanswered", slowly)
    for number in range(8):
        await house.ring(f"req_{number}")
    house.clock.advance(PUSH_AFTER)
    await asyncio.gather(house.worker.work(), other.worker.work())

    assert len(firebase.rung) == 1


async def test_a_push_that_did_not_go_does_not_use_up_the_turn(house: House, firebase: Firebase) -> None:
    """What the service refused was not heard by anybody, so the next request is not held back for it."""
    firebase.script = [CarrierRefused()]
    await house.ring("req_1")
    await house.after(PUSH_AFTER)
    await house.ring("req_2")
    await house.after(PUSH_AFTER)

    assert len(firebase.rung) == 1


def test_the_waits_grow_and_end(clock: FixedClock) -> None:
    """The table is what it says, and beyond it the longest counts."""
    now = clock.now()

    assert next_push(0, None, now) == timedelta(0)
    assert [next_push(count, now, now) for count in (1, 2, 3, 4, 99)] == [*GAPS, GAPS[-1]]
    assert next_push(1, now - GAPS[0], now) == timedelta(0)
    assert list(GAPS) == sorted(GAPS)


async def test_no_sms_tells_of_a_request_unless_it_is_set(house: House) -> None:
    """Approvals never depend on SMS, and people are not taught that they do."""
    await house.ring()
    await house.after(SMS_AFTER)

    assert await house.states(Kind.SMS) == []
    assert house.sms.calls == 0


async def test_where_it_is_set_an_sms_comes_last(house: House, firebase: Firebase) -> None:
    """Only when neither app nor push reached the phone; without names, numbers, codes or links."""
    house.bells.also_by_sms(Town())
    await house.ring("req_1")
    await house.after(PUSH_AFTER)
    await house.after(SMS_AFTER)
    await house.ring("req_2")
    await house.after(PUSH_AFTER)
    await house.bells.heard("dev_a")
    await house.after(SMS_AFTER)
    await house.ring("req_3", device="dev_b")

    assert [parcel.content["to"] for parcel in house.sms.carried] == [NUMBER]
    assert await house.states(Kind.SMS) == ["sent", "lapsed"]
    assert SMS_TEXT.isascii()
    assert len(SMS_TEXT) <= 160
    assert "http" not in SMS_TEXT
