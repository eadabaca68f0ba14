"""Starts (BirdID's ``/oauth/start``): authorizations whose outcome is posted."""

from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.ids import secret_digest
from hsm_service.psc.store.queries import QUERIES


@dataclass(frozen=True)
class StartRow:
    """One of them; ``id`` is its authorization's."""

    id: str
    client: str
    sealed: bytes = field(repr=False)
    opened: datetime


class StartStore:
    """Starts."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def begin(self, connection: Connection, row: StartRow, short_token: str, due: datetime) -> None:
        """``due``: when it is looked at first."""
        await connection.execute(QUERIES.begin_start, row.id, row.client, secret_digest(short_token), row.sealed, due)

    async def by_short(self, short_token: str) -> StartRow | None:
        """The one that this text stands for."""
        row = await self._database.fetchrow(QUERIES.start_by_short, secret_digest(short_token))
        return None if row is None else _start(row)

    async def name_holder(self, name: str, hint: bytes, now: datetime) -> bool:
        """Whether it is of this holder from now on; False when one was named before, or it went on."""
        return await self._database.fetchval(QUERIES.name_holder, name, hint, now) is not None

    async def set_out(self, name: str, now: datetime, forsaken: datetime) -> bool:
        """Whether it is ours to ask for the session. ``forsaken``: whoever set out before then does not come back."""
        return await self._database.fetchval(QUERIES.set_out, name, now, forsaken) is not None

    async def answered(self, link: str, now: datetime) -> None:
        """A phone answered."""
        await self._database.execute(QUERIES.start_answered, link, now)

    async def settled(self, connection: Connection, document: str, now: datetime) -> None:
        """A phone answered about a session."""
        await connection.execute(QUERIES.start_settled, document, now)

    async def put_off(self, name: str, until: datetime) -> None:
        """Not before then, unless somebody answers."""
        await self._database.execute(QUERIES.start_put_off, name, until)

    async def starting(self) -> frozenset[str]:
        """Every application that will be posted something."""
        return frozenset(row["client"] for row in await self._database.fetch(QUERIES.starting))

    async def all_due(self, now: datetime, count: int) -> list[StartRow]:
        """The eldest first."""
        return [_start(row) for row in await self._database.fetch(QUERIES.due_starts, now, count)]

    async def take(self, connection: Connection, name: str) -> bool:
        """Whether it is ours to post."""
        return await connection.fetchval(QUERIES.take_start, name) is not None


def _start(row: Record) -> StartRow:
    return StartRow(row["id"], row["client"], row["sealed"], row["opened_at"])
