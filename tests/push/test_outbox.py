"""The outbox on a real database: what is promised about sending once, again, and not at all."""

import asyncio
from datetime import timedelta

import pytest

from foundation.clock import FixedClock
from foundation.database import Database
from foundation.errors import BadInput, LinkIdError
from push.domain.outbox import LEASE, Kind, MessageEvent
from push.domain.sealing import Seal
from push.errors import CarrierBusy, CarrierRefused, CarrierUnsure
from push.ports import Parcel
from push.service.outbox import OutboxWorker
from push.store import OutboxStore, Report, forget
from tests.push.conftest import KEY, Post, ScriptedCarrier


async def test_what_is_queued_is_carried_once(post: Post) -> None:
    """One message, one call of the carrier, and nothing of it stays readable."""
    await post.queue("oi")
    await post.worker.work()
    await post.worker.work()

    assert [parcel.content["text"] for parcel in post.carrier.carried] == ["oi"]
    assert await post.states() == ["sent"]
    assert await post.database.fetchval("SELECT sealed FROM push.outbox") is None


async def test_nothing_readable_waits_in_the_table(post: Post) -> None:
    """A copy of the database shows neither number nor code."""
    await post.queue("123456 e o seu codigo")
    row = await post.database.fetchrow("SELECT outbox::text AS all FROM push.outbox")

    assert row is not None
    for secret in ("31987654321", "123456"):
        assert secret not in row["all"]
        assert secret.encode().hex() not in row["all"]


async def test_a_transaction_that_fails_sends_nothing(post: Post) -> None:
    """No row without commit, so no message for something that did not happen."""
    with pytest.raises(BadInput):
        async with post.database.transaction() as connection:
            await post.outbox.send(connection, "+5531987654321", "oi", post.clock.now() + timedelta(minutes=1))
            raise BadInput()
    await post.worker.work()

    assert post.carrier.calls == 0


async def test_a_message_to_nobody_leaves_nobody(post: Post) -> None:
    """Queued, taken and finished like any other, and the carrier is never asked."""
    await post.queue(to=None)
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (0, ["sent"])


async def test_busy_is_tried_again_later_and_not_before(gateway_database: Database, clock: FixedClock) -> None:
    """After a temporary failure a message waits, then goes."""
    post = Post(gateway_database, clock, CarrierBusy(), CarrierBusy(), None)
    await post.queue()
    await post.worker.work()
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (1, ["queued"])

    clock.advance(2)
    await post.worker.work()
    clock.advance(2)
    await post.worker.work()

    assert post.carrier.calls == 2

    clock.advance(2)
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (3, ["sent"])


@pytest.mark.parametrize("error", [CarrierUnsure(), CarrierRefused()])
async def test_unsure_and_refused_are_never_repeated(
    gateway_database: Database, clock: FixedClock, error: LinkIdError
) -> None:
    """What may have left is not sent twice; what will never be accepted is not tried twice."""
    post = Post(gateway_database, clock, error)
    await post.queue()
    for _ in range(5):
        await post.worker.work()
        clock.advance(60)

    assert (post.carrier.calls, await post.states()) == (1, ["dead"])
    assert await post.database.fetchval("SELECT failure FROM push.outbox") == error.code


async def test_attempts_end(gateway_database: Database, clock: FixedClock) -> None:
    """After four failures an SMS is dead."""
    post = Post(gateway_database, clock, *[CarrierBusy()] * 10)
    await post.queue()
    for _ in range(10):
        await post.worker.work()
        clock.advance(50)

    assert (post.carrier.calls, await post.states()) == (4, ["dead"])


async def test_a_late_message_is_dropped(post: Post) -> None:
    """A code that expired while waiting is not sent at all."""
    await post.queue(life=30)
    post.clock.advance(31)
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (0, ["lapsed"])


async def test_a_defective_carrier_hurts_one_message(gateway_database: Database, clock: FixedClock) -> None:
    """An exception nobody foresaw ends that message and no other."""
    post = Post(gateway_database, clock)
    await post.queue("one")
    await post.queue("two")
    original = post.carrier.carry

    async def carry(parcel: Parcel) -> None:
        if parcel.content["text"] == "one":
            raise RuntimeError("surprise")
        await original(parcel)

    post.carrier.carry = carry  # type: ignore[method-assign]
    await post.worker.work()

    assert await post.states() == ["dead", "sent"]


async def test_a_damaged_row_is_given_up(post: Post) -> None:
    """A row that somebody wrote to does not open; it is dead, not sent."""
    await post.queue()
    await post.database.execute("UPDATE push.outbox SET sealed = sealed || '\\x00'::bytea")
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (0, ["dead"])
    assert await post.database.fetchval("SELECT failure FROM push.outbox") == "outbox_seal_damaged"


async def test_rivals_carry_each_message_once(gateway_database: Database, clock: FixedClock) -> None:
    """Eight workers over two hundred messages: none twice, none left."""
    carrier = ScriptedCarrier()
    seal = Seal(KEY)
    workers = [OutboxWorker(gateway_database, clock, seal, {Kind.SMS: carrier}) for _ in range(8)]
    post = Post(gateway_database, clock)
    for number in range(200):
        await post.queue(str(number))

    async def drain(worker: OutboxWorker) -> None:
        while await worker.work():
            pass

    await asyncio.gather(*(drain(worker) for worker in workers))

    assert sorted(int(str(parcel.content["text"])) for parcel in carrier.carried) == list(range(200))


async def test_a_dead_workers_message_is_taken_again_after_its_lease(post: Post) -> None:
    """A crash between taking and reporting delays a message by the lease, and loses nothing."""
    await post.queue()
    store = OutboxStore(post.database)
    taken = await store.take([Kind.SMS], post.clock.now(), 10)
    await post.worker.work()

    assert (len(taken), post.carrier.calls) == (1, 0)

    post.clock.advance(LEASE)
    await post.worker.work()

    assert (post.carrier.calls, await post.states()) == (1, ["sent"])


async def test_a_report_after_the_lease_is_not_heard(post: Post) -> None:
    """Whoever comes back too late cannot overwrite what the next taker is doing."""
    await post.queue()
    store = OutboxStore(post.database)
    [slow] = await store.take([Kind.SMS], post.clock.now(), 10)
    post.clock.advance(LEASE)
    [quick] = await store.take([Kind.SMS], post.clock.now(), 10)

    assert not await store.try_later(slow, post.clock.now(), "carrier_busy")
    assert await post.states() == ["taken"]
    assert await store.try_later(quick, post.clock.now(), "carrier_busy")


async def test_reports_made_together_count_each_for_itself(post: Post) -> None:
    """Of a batch that is reported at once, what another took meanwhile stays his, and the others have each its end."""
    for text in ("a", "b", "c"):
        await post.queue(text)
    store = OutboxStore(post.database)
    batch = await store.take([Kind.SMS], post.clock.now(), 10)
    await post.database.execute("UPDATE push.outbox SET attempts = attempts + 1 WHERE id = $1", batch[1].id)
    ends = [(MessageEvent.CARRIED, None), (MessageEvent.CARRIED, None), (MessageEvent.GIVE_UP, "carrier_refused")]
    reports = [Report(one.id, one.attempt.attempts, *end) for one, end in zip(batch, ends, strict=True)]

    assert await store.finish(reports, post.clock.now()) == {batch[0].id, batch[2].id}
    rows = await post.database.fetch("SELECT id, state, failure, sealed IS NULL AS wiped FROM push.outbox")
    assert {row["id"]: (row["state"], row["failure"], row["wiped"]) for row in rows} == {
        batch[0].id: ("sent", None, True),
        batch[1].id: ("taken", None, False),
        batch[2].id: ("dead", "carrier_refused", True),
    }


async def test_kinds_without_a_carrier_wait_for_one(post: Post) -> None:
    """A process carries only what it can; e-mail waits for one that has a server."""
    async with post.database.transaction() as connection:
        expires = post.clock.now() + timedelta(hours=1)
        await post.outbox.send_email(connection, "maria@example.com", "Novo celular", "Olá", expires)
    await post.worker.work()

    assert await post.states() == ["queued"]

    [backlog] = await OutboxStore(post.database).backlog()

    assert (backlog.kind, backlog.waiting) == (Kind.EMAIL, 1)


async def test_the_running_worker_is_woken_by_a_commit(post: Post) -> None:
    """No two seconds of waiting when the message was queued in the same process."""
    running = asyncio.create_task(post.worker.run())
    try:
        await asyncio.sleep(0.05)
        await post.queue()
        async with asyncio.timeout(1.5):
            while not post.carrier.carried:
                await asyncio.sleep(0.01)
    finally:
        running.cancel()


async def test_operators_see_what_leaves(gateway_database: Database, clock: FixedClock) -> None:
    """Outcomes and the time from queued to carried, by kind."""
    post = Post(gateway_database, clock, CarrierRefused(), None)
    await post.queue()
    await post.queue()
    clock.advance(3)
    await post.worker.work()
    value = post.registry.get_sample_value

    assert value("linkid_push_messages_total", {"kind": "sms", "outcome": "carried"}) == 1
    assert value("linkid_push_messages_total", {"kind": "sms", "outcome": "give_up"}) == 1
    assert value("linkid_push_seconds_sum", {"kind": "sms"}) == 3


async def test_finished_messages_are_forgotten(post: Post) -> None:
    """Only what is over goes."""
    await post.queue("old")
    await post.worker.work()
    post.clock.advance(timedelta(days=2))
    await post.queue("new")
    await forget(post.database, post.clock.now() - timedelta(days=1))

    assert await post.states() == ["queued"]
