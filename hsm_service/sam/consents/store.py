"""Rows of ``sam.consents``; only those whose MAC holds come out."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.queries import Queries
from hsm_service.sam.consents.domain import Consent, State
from hsm_service.sam.memory import Consents, Gone
from hsm_service.sam.rows import Alarm, Reader, RowSeals

queries = Queries.load("hsm_service.sam.consents")
TABLE = "consents"


@dataclass(frozen=True)
class Looked:
    """The consent, if there is one that holds; ``around``: records that their readers have still to believe."""

    consent: Consent | None
    around: Record
    since: int


class ConsentStore:
    """Finds, adds, counts."""

    def __init__(self, database: Database, seals: RowSeals, alarm: Alarm, memory: Consents) -> None:
        self._database, self._seals, self._alarm, self._memory = database, seals, alarm, memory

    async def look(self, credential: str, caller: str, caller_id: str) -> Looked | None:
        """None when there is no such credential."""
        since = self._seals.now()
        row = await self._database.fetchrow(queries.look, credential, caller, caller_id)
        if row is None:
            return None
        found = await self._believed(row["consent"], since)
        if found is not None and self._behind(found, self._memory.of(found.id)):
            found = await self.find(self._database, found.id)  # it went on meanwhile, or its row went back
        if found is not None and (found.credential, found.caller) != (credential, caller):
            await self._alarm.raise_("row.forged", TABLE, found.id)
            found = None
        return Looked(found, row, since)

    async def find(self, reader: Reader, id_: str) -> Consent | None:
        """Whatever became of it; None of one whose row says less than this process heard."""
        known, since = self._memory.of(id_), self._seals.now()  # before the row is read: what was so by now, it says
        rows = await reader.fetch(queries.by_id, id_)
        found = await self._believed(rows[0] if rows else None, since)
        if found is None or not self._behind(found, known):
            return found
        await self._alarm.raise_("consent.turned_back", TABLE, id_)
        return None

    @staticmethod
    def _behind(found: Consent, known: Gone) -> bool:
        return found.total < known.total or found.used < known.used or (known.over and found.state is State.ACTIVE)

    async def _believed(self, record: Record | None, since: int) -> Consent | None:
        return None if record is None else await self._seals.believed(TABLE, _read, record, since)

    async def of_credentials(self, reader: Reader, credentials: Collection[str], now: datetime) -> list[Consent]:
        """Not over yet, the newest first."""
        since = self._seals.now()
        rows = await reader.fetch(queries.of_credentials, sorted(credentials), now)
        found = [await self._believed(row, since) for row in rows]
        return [one for one in found if one is not None and not self._memory.of(one.id).over]

    async def sealed(self, consent: Consent) -> Consent:
        """With the MAC of what it says now."""
        return replace(consent, mac=await self._seals.seal(TABLE, consent.meaning()))

    async def add(self, connection: Connection, consent: Consent) -> None:
        """Raises a unique violation when the application has one that has not ended."""
        sealed = await self.sealed(consent)
        await connection.execute(
            queries.add, sealed.id, sealed.credential, sealed.caller, sealed.binding, sealed.until, sealed.maximum,
            sealed.created, sealed.mac,
        )  # fmt: skip

    async def take_try(self, connection: Connection, before: Consent, after: Consent) -> bool:
        """False when the row is not the one that was read any more. ``after``: ``sealed``."""
        row = await connection.fetchval(queries.take_try, before.id, before.mac, after.total, after.mac)
        if row is not None:
            self._remember(connection, before.id, total=after.total)
        return row is not None

    async def give_back(self, connection: Connection, before: Consent, after: Consent) -> bool:
        """The try never reached the factors. ``after``: ``sealed``."""
        row = await connection.fetchval(queries.forgive, before.id, before.mac, after.forgiven, after.good, after.mac)
        return row is not None

    async def open(
        self, connection: Connection, before: Consent, after: Consent, count: int, now: datetime
    ) -> int | None:
        """Right factors, and so many signatures: how many were counted by now, or None when it is over or changed."""
        known = self._memory.of(before.id).used  # before the statement: what was counted by now, it must see
        used: int | None = await connection.fetchval(
            queries.open, before.id, before.mac, after.forgiven, after.good, after.mac, count, now
        )
        return await self._counted(connection, before.id, used, known + count)

    async def count(self, connection: Connection, id_: str, count: int, now: datetime) -> int | None:
        """So many signatures more: how many were counted by now; None when so many are not left, or it is over.

        The transaction must then be undone.
        """
        known = self._memory.of(id_)  # before the statement, as above
        if known.over:
            return None
        used: int | None = await connection.fetchval(queries.count, id_, count, now)
        return await self._counted(connection, id_, used, known.used + count)

    async def _counted(self, connection: Connection, id_: str, used: int | None, least: int) -> int | None:
        """None also of a row whose count went back: sessions that are open would get more than was consented to."""
        if used is not None and used < least:
            await self._alarm.raise_("consent.turned_back", TABLE, id_)
            return None
        if used is not None:
            self._remember(connection, id_, used=used)
        return used

    def _remember(self, connection: Connection, id_: str, *, total: int = 0, used: int = 0) -> None:
        async def remember() -> None:
            self._memory.see(id_, total=total, used=used)

        connection.after_commit(remember)


def _read(row: Record) -> Consent:
    return Consent(
        id=row["id"],
        credential=row["credential"],
        caller=row["caller"],
        binding=row["binding"],
        until=row["until"],
        maximum=row["maximum"],
        created=row["created_at"],
        total=row["total"],
        forgiven=row["forgiven"],
        good=row["good"],
        state=State(row["state"]),
        used=row["used"],
        last_used=row["last_used"],
        mac=row["mac"],
    )
