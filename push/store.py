"""Every row of this slice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.queries import Queries
from push.domain.addresses import AddressKind
from push.domain.deliveries import FINAL, Delivery
from push.domain.outbox import LEASE, MESSAGE, Attempt, Kind, MessageEvent

queries = Queries.load("push")


@dataclass(frozen=True)
class Taken:
    """A message in a worker's hands, for as long as its lease."""

    id: int
    sealed: bytes = field(repr=False)
    attempt: Attempt
    created_at: datetime


@dataclass(frozen=True)
class Queued:
    """A message to be written. ``due_at``: not before."""

    kind: Kind
    sealed: bytes = field(repr=False)
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Report:
    """How the taking of a message ended. ``attempts``: which taking that was."""

    message: int
    attempts: int
    event: MessageEvent
    failure: str | None


@dataclass(frozen=True)
class Bell:
    """A phone to be rung for a document."""

    id: str
    device: str
    document: str
    expires_at: datetime


@dataclass(frozen=True)
class Backlog:
    """What waits of a kind."""

    kind: Kind
    waiting: int
    eldest: datetime


@dataclass(frozen=True)
class Progress:
    """What became of a message. ``due``: when it is tried (again), while it is on its way."""

    state: str
    attempts: int
    failure: str | None
    due: datetime | None


class OutboxStore:
    """Queued messages."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(self, connection: Connection, messages: Sequence[Queued], now: datetime) -> list[int]:
        """Queue, in the caller's transaction; their numbers, in no order."""
        rows = await connection.fetch(
            queries.enqueue,
            MESSAGE.start,
            now,
            [one.kind for one in messages],
            [one.sealed for one in messages],
            [one.due_at for one in messages],
            [one.expires_at for one in messages],
        )
        return [row["id"] for row in rows]

    async def progress(self, messages: Sequence[int]) -> dict[int, Progress]:
        """Of those that are still known, by number."""
        return {
            row["id"]: Progress(row["state"], row["attempts"], row["failure"], row["due_at"])
            for row in await self._database.fetch(queries.progress, list(messages))
        }

    async def take(self, kinds: Iterable[Kind], now: datetime, count: int) -> list[Taken]:
        """Up to ``count`` that are due."""
        rows = await self._database.fetch(
            queries.take, *MESSAGE.steps(MessageEvent.TAKE), now, now + LEASE, list(kinds), count
        )
        return [
            Taken(
                row["id"],
                row["sealed"],
                Attempt(Kind(row["kind"]), row["attempts"], row["expires_at"]),
                row["created_at"],
            )
            for row in rows
        ]

    async def finish(self, reports: Sequence[Report], now: datetime) -> set[int]:
        """The numbers of the messages of which our report counted."""
        lines = [
            (one.message, one.attempts, source, target, one.failure)
            for one in reports
            for source, target in zip(*MESSAGE.steps(one.event), strict=True)
        ]
        rows = await self._database.fetch(queries.finish, now, *map(list, zip(*lines, strict=True)))
        return {row["id"] for row in rows}

    async def try_later(self, taken: Taken, due_at: datetime, failure: str) -> bool:
        """Whether our report counted."""
        steps = MESSAGE.steps(MessageEvent.TRY_LATER)
        return (
            await self._database.fetchval(queries.try_later, taken.id, taken.attempt.attempts, *steps, due_at, failure)
            is not None
        )

    async def delivered(self, message: int, delivery: Delivery) -> bool:
        """What became of an SMS; whether it was news."""
        return await self._database.fetchval(queries.delivered, message, delivery, list(FINAL)) is not None

    async def deliveries(self, since: datetime) -> Sequence[Record]:
        """(kind, state, delivery, failure, messages) of what left since then."""
        return await self._database.fetch(queries.deliveries, since)

    async def backlog(self) -> list[Backlog]:
        """What waits, per kind."""
        rows = await self._database.fetch(queries.backlog)
        return [Backlog(Kind(row["kind"]), row["waiting"], row["eldest"]) for row in rows]


class DoorbellStore:
    """What rings."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(self, connection: Connection, bells: Sequence[Bell], now: datetime) -> None:
        """Ring, in the caller's transaction."""
        await connection.execute(
            queries.add_doorbells,
            now,
            [one.id for one in bells],
            [one.device for one in bells],
            [one.document for one in bells],
            [one.expires_at for one in bells],
        )

    async def settle(self, connection: Connection, documents: Sequence[str], now: datetime) -> None:
        """Stop ringing for these documents."""
        await connection.execute(queries.settle, list(documents), now)

    async def ringing(self, devices: Sequence[str], now: datetime) -> dict[str, list[str]]:
        """Device → doorbells that ring now on these phones."""
        return _by_device(await self._database.fetch(queries.ringing, list(devices), now))

    async def ringing_since(self, since: datetime, now: datetime) -> dict[str, list[str]]:
        """Device → doorbells that began to ring since then and still do, on whichever phones."""
        return _by_device(await self._database.fetch(queries.ringing_since, since, now))

    async def wanted(self, doorbell: str, now: datetime) -> bool:
        """Whether it rings, and its phone does not know yet."""
        return await self._database.fetchval(queries.wanted, doorbell, now) is not None

    async def heard(self, device: str, now: datetime) -> None:
        """The phone asked what waits."""
        await self._database.execute(queries.heard, device, now)

    async def unanswered(
        self, connection: Connection, device: str, doorbell: str, since: datetime
    ) -> tuple[int, datetime | None]:
        """How many pushes beside this one a phone has not answered, and when the last went. Rivals wait for us."""
        await connection.execute(queries.queue_for_phone, f"push {device}")
        row = await connection.fetchrow(queries.unanswered, device, doorbell, since)
        assert row is not None, "a count has a row"
        return row["pushes"], row["last"]

    async def pushed(self, connection: Connection, doorbell: str, now: datetime | None) -> None:
        """It goes now; None: it did not go after all."""
        await connection.execute(queries.pushed, doorbell, now)

    async def of_device(self, device: str, count: int) -> Sequence[Record]:
        """(document, created_at, pushed_at, heard_at, settled_at), the newest first."""
        return await self._database.fetch(queries.doorbells_of, device, count)

    async def announce(self, payload: str) -> None:
        """Tell every gateway, outside any other transaction: notifying commits queue behind each other."""
        await self._database.execute(queries.announce, payload)


def _by_device(rows: Sequence[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["device"], []).append(row["id"])
    return found


@dataclass(frozen=True)
class AddressRow:
    """Where a phone is reached."""

    kind: AddressKind
    name: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    registered_at: datetime


class AddressStore:
    """Phones' addresses at push services."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def put(
        self, connection: Connection, device: str, kind: AddressKind, name: bytes, sealed: bytes, now: datetime
    ) -> None:
        """The phone's only one from now on; whoever had it before has it no more."""
        await connection.execute(queries.let_go_of_address, name, device)
        await connection.execute(queries.put_address, device, kind, name, sealed, now)

    async def of(self, device: str) -> AddressRow | None:
        """Or None."""
        row = await self._database.fetchrow(queries.address, device)
        if row is None:
            return None
        return AddressRow(AddressKind(row["kind"]), row["name"], row["sealed"], row["registered_at"])

    async def addressed(self, connection: Connection, devices: Sequence[str]) -> set[str]:
        """Which of these phones have one."""
        return {row["device"] for row in await connection.fetch(queries.addressed, list(devices))}

    async def forget(self, connection: Connection, device: str) -> None:
        """The phone has none any more."""
        await connection.execute(queries.forget_address, device)

    async def end(self, device: str, name: bytes) -> bool:
        """Nobody is there any more. Whether it was still this phone's."""
        return await self._database.fetchval(queries.end_address, device, name) is not None


async def forget(database: Database, before: datetime) -> None:
    """Remove what is over and older. To be called now and then."""
    for query in (queries.forget_finished, queries.forget_doorbells):
        await database.execute(query, before)
