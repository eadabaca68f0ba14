"""Rows of ``sam.generators``; only those whose MAC holds come out."""

from collections.abc import Sequence
from dataclasses import replace

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.generators.domain import Generator, State
from hsm_service.sam.rows import Reader, RowSeals

queries = Queries.load("hsm_service.sam.generators")
TABLE = "generators"


class GeneratorStore:
    """Finds, adds, uses."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of_binding(self, reader: Reader, binding: str) -> Generator | None:
        """Of a phone for a credential."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.of_binding, binding)

    async def of_document(self, reader: Reader, document: str) -> Generator | None:
        """That an approval made, whatever became of it. One that ended has lost its secret, and its MAC with it."""
        rows = await reader.fetch(queries.of_document, document)
        if not rows or rows[0]["state"] != State.ACTIVE.value:
            return None
        return await self._seals.believed(TABLE, _read, rows[0], self._seals.now())

    async def read(self, records: Sequence[Record], since: int) -> list[Generator]:
        """Of records that were fetched with more: those that hold."""
        found = [await self._seals.believed(TABLE, _read, record, since) for record in records]
        return [one for one in found if one is not None]

    async def sealed(self, generator: Generator) -> Generator:
        """With the MAC of what it says now."""
        return replace(generator, mac=await self._seals.seal(TABLE, generator.meaning()))

    async def add(self, connection: Connection, generator: Generator) -> None:
        """Raises a unique violation when the phone has one."""
        sealed = await self.sealed(generator)
        await connection.execute(
            queries.add, sealed.id, sealed.credential, sealed.binding, sealed.document, sealed.kept, sealed.pepper,
            sealed.step, sealed.created, sealed.mac,
        )  # fmt: skip

    async def use(self, connection: Connection, before: Generator, after: Generator) -> bool:
        """Take a code: True for exactly one of any number of rivals. ``after``: ``sealed``."""
        if await connection.fetchval(queries.use, before.id, before.mac, after.step, after.mac) is None:
            return False
        self._seals.advanced(connection, TABLE, after)
        return True

    async def keep_anew(self, connection: Connection, before: Generator, after: Generator) -> bool:
        """False when the row changed meanwhile. ``after``: ``sealed``."""
        row = await connection.fetchval(queries.keep_anew, before.id, before.mac, after.kept, after.pepper, after.mac)
        return row is not None

    async def under_older_peppers(self, reader: Reader, newest: int, limit: int) -> list[Generator]:
        """Whose secret is to be kept anew."""
        return await self._seals.fetch(TABLE, _read, reader, queries.under_older_peppers, newest, limit)


def _read(row: Record) -> Generator:
    return Generator(
        row["id"], row["credential"], row["binding"], row["document"], row["kept"], row["pepper"], row["step"],
        row["created_at"], State(row["state"]), row["mac"],
    )  # fmt: skip
