"""Rows of the schema ``webhooks``."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.queries import Queries
from hsm_service.webhooks.domain.event import Event, EventType

QUERIES = Queries.load("hsm_service.webhooks")


@dataclass(frozen=True)
class Told:
    """An event that was queued. ``message``: the outbox's number of it."""

    message: int
    event: str
    type: str
    queued: datetime


class WebhookStore:
    """Addresses, and sessions whose end is still to be told."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def set_address(self, connection: Connection, client: str, url: str, now: datetime) -> None:
        """One for each client."""
        await connection.execute(QUERIES.set_address, client, url, now)

    async def drop_address(self, connection: Connection, client: str) -> bool:
        """Whether there was one."""
        return await connection.fetchval(QUERIES.drop_address, client) is not None

    async def address(self, client: str) -> str | None:
        """Where to."""
        url: str | None = await self._database.fetchval(QUERIES.address, client)
        return url

    async def address_within(self, connection: Connection, client: str) -> str | None:
        """The same, in a transaction that is under way."""
        url: str | None = await connection.fetchval(QUERIES.address, client)
        return url

    async def listening(self) -> frozenset[str]:
        """Every client that has an address."""
        return frozenset(row["client"] for row in await self._database.fetch(QUERIES.listening))

    async def session_began(self, connection: Connection, event: Event, ends: datetime) -> None:
        """Its end is to be told."""
        await connection.execute(
            QUERIES.session_began, event.session, event.client, event.request, event.credential, ends
        )

    async def session_ended(self, connection: Connection, activation: str, reason: str) -> Event | None:
        """What is to be told now; None when it was told, or never to be."""
        row = await connection.fetchrow(QUERIES.session_ended, activation)
        return None if row is None else _ended(row, reason)

    async def sessions_over(self, connection: Connection, now: datetime, count: int) -> list[Event]:
        """What is to be told now."""
        return [_ended(row, "time") for row in await connection.fetch(QUERIES.sessions_over, now, count)]

    async def note(self, connection: Connection, client: str, told: Told) -> None:
        """An event was queued for a client."""
        await connection.execute(QUERIES.note_delivery, told.message, client, told.event, told.type, told.queued)

    async def told(self, client: str, count: int) -> list[Told]:
        """The last ones, newest first."""
        return [
            Told(row["message"], row["event"], row["type"], row["queued_at"])
            for row in await self._database.fetch(QUERIES.deliveries, client, count)
        ]


async def forget(database: Database, before: datetime, limit: int = 10_000) -> None:
    """What was told before then."""
    await database.execute(QUERIES.forget_deliveries, before, limit)


def _ended(row: Record, reason: str) -> Event:
    return Event(EventType.SESSION_ENDED, row["client"], row["request"], row["credential"], row["activation"], reason)
