"""Rows of ``sam.uses``; only those whose MAC holds come out."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Connection
from foundation.queries import Queries
from hsm_service.sam.rows import Reader, RowSeals
from hsm_service.sam.sessions.domain import Reserved
from protocol.sessions import Use

queries = Queries.load("hsm_service.sam.sessions")
TABLE = "uses"


class ForgedUse(Exception):
    """What stands under this counter was not written by a SAM; it was told to the audit."""


class UseStore:
    """Finds, reserves and completes uses."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of(self, reader: Reader, use: Use) -> Reserved | None:
        """What the counter of a use served before. Raises ForgedUse."""
        rows = await reader.fetch(queries.of, use.activation, use.counter)
        if not rows:
            return None
        row = rows[0]
        found = Reserved(
            row["activation"], row["counter"], row["digest"], row["count"], row["total"], row["signatures"], row["mac"]
        )
        # Not through ``fetch``: its memory of ranks would fill with uses. ``memory.Sessions`` watches over them.
        if not await self._seals.genuine(TABLE, found):
            raise ForgedUse(found.id)
        return found

    async def seal(self, use: Use) -> bytes:
        """The MAC of a use to be reserved; made before anything is locked."""
        wanted = Reserved(use.activation, use.counter, use.digest, len(use.digests), 0, None)
        return await self._seals.seal(TABLE, wanted.meaning())

    async def reserve(self, connection: Connection, use: Use, mac: bytes, now: datetime) -> int | None:
        """The signatures of the session reserved so far, with these; None: not so many are left, it is over, or a rival
        took the counter. The transaction must then be undone."""
        total: int | None = await connection.fetchval(
            queries.reserve, use.activation, use.counter, use.digest, len(use.digests), now, mac
        )
        return total

    async def store_signatures(
        self, connection: Connection, use: Use, signatures: Sequence[bytes], now: datetime
    ) -> bool:
        """False when somebody else was first."""
        stored = await connection.fetchval(queries.store_signatures, use.activation, use.counter, list(signatures), now)
        return stored is not None
