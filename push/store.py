"""Every row of this slice."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database
from foundation.queries import Queries
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
class Backlog:
    """What waits of a kind."""

    kind: Kind
    waiting: int
    eldest: datetime


class OutboxStore:
    """Queued messages."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(
        self, connection: Connection, kind: Kind, sealed: bytes, *, now: datetime, expires_at: datetime
    ) -> int:
        """Queue, in the caller's transaction."""
        queued: int = await connection.fetchval(queries.enqueue, kind, MESSAGE.start, sealed, now, expires_at)
        return queued

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

    async def finish(self, taken: Taken, event: MessageEvent, now: datetime, failure: str | None) -> bool:
        """Whether our report counted."""
        return (
            await self._database.fetchval(
                queries.finish, taken.id, taken.attempt.attempts, *MESSAGE.steps(event), now, failure
            )
            is not None
        )

    async def try_later(self, taken: Taken, due_at: datetime, failure: str) -> bool:
        """Whether our report counted."""
        steps = MESSAGE.steps(MessageEvent.TRY_LATER)
        return (
            await self._database.fetchval(queries.try_later, taken.id, taken.attempt.attempts, *steps, due_at, failure)
            is not None
        )

    async def backlog(self) -> list[Backlog]:
        """What waits, per kind."""
        rows = await self._database.fetch(queries.backlog)
        return [Backlog(Kind(row["kind"]), row["waiting"], row["eldest"]) for row in rows]


class DoorbellStore:
    """What rings."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(
        self, connection: Connection, doorbell: str, device: str, document: str, *, now: datetime, expires_at: datetime
    ) -> None:
        """Ring, in the caller's transaction."""
        await connection.execute(queries.add_doorbell, doorbell, device, document, now, expires_at)

    async def settle(self, connection: Connection, document: str, now: datetime) -> None:
        """Stop ringing for a document."""
        await connection.execute(queries.settle, document, now)

    async def ringing(self, devices: Sequence[str], now: datetime) -> list[tuple[str, str]]:
        """(doorbell, device) of what rings now on these phones."""
        rows = await self._database.fetch(queries.ringing, list(devices), now)
        return [(row["id"], row["device"]) for row in rows]

    async def announce(self, payload: str) -> None:
        """Tell every gateway, outside any other transaction: notifying commits queue behind each other."""
        await self._database.execute(queries.announce, payload)


async def forget(database: Database, before: datetime) -> None:
    """Remove what is over and older. To be called now and then."""
    for query in (queries.forget_finished, queries.forget_doorbells):
        await database.execute(query, before)
