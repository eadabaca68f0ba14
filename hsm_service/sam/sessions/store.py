"""Rows of ``sam.uses``; only those whose MAC holds come out."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from foundation.clock import Clock
from foundation.database import Connection, Record
from foundation.group_commit import Statement
from foundation.queries import Queries
from hsm_service.sam.rows import Reader, RowSeals
from hsm_service.sam.sessions.domain import Reserved
from protocol.sessions import Use

queries = Queries.load("hsm_service.sam.sessions")
TABLE = "uses"

T = TypeVar("T")


class ForgedUse(Exception):
    """What stands under this counter was not written by a SAM; it was told to the audit."""


class UseStore:
    """Finds, reserves and completes uses."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of(self, reader: Reader, use: Use) -> Reserved | None:
        """What the counter of a use served before. Raises ForgedUse."""
        rows = await reader.fetch(queries.of, use.activation, use.counter)
        return await self.read(rows[0], use) if rows else None

    async def read(self, row: Record, use: Use) -> Reserved:
        """The same of a record that was fetched with more. Raises ForgedUse."""
        found = Reserved(
            row["activation"], row["counter"], row["digest"], row["count"], row["total"], row["signatures"], row["mac"]
        )
        # Not through ``fetch``: its memory of ranks would fill with uses. ``memory.Sessions`` watches over them.
        named = (found.activation, found.counter) == (use.activation, use.counter)
        if not named or not await self._seals.genuine(TABLE, found):
            raise ForgedUse(found.id)
        return found

    async def seal(self, use: Use) -> bytes:
        """The MAC of a use to be reserved; made before anything is locked."""
        wanted = Reserved(use.activation, use.counter, use.digest, len(use.digests), 0, None)
        return await self._seals.seal(TABLE, wanted.meaning())

    @staticmethod
    def reserving(use: Use, mac: bytes, clock: Clock, then: "Callable[[Connection, int | None], T]") -> "Statement[T]":
        """``then`` gets the signatures of the session reserved so far, with these; None: not so many are left, it is
        over, or a rival took the counter. The transaction must then be undone."""
        return Statement(
            queries.reserve,
            lambda: (use.activation, use.counter, use.digest, len(use.digests), clock.now(), mac),
            lambda connection, row: then(connection, row["total"]),
        )

    @staticmethod
    def storing(
        reserved: Reserved,
        signatures: Sequence[bytes],
        clock: Clock,
        then: "Callable[[Connection, Reserved | None], T]",
    ) -> "Statement[T]":
        """``then`` gets the use as it is stored now; None when somebody else was first. Raises ForgedUse, and so undoes
        it, for a row that is not, byte by byte, the one that was reserved: that one is not looked at here."""

        def stored(connection: Connection, row: Record) -> T:
            if row["activation"] is None:
                return then(connection, None)
            if not reserved.is_still(row["activation"], row["counter"], row["digest"], row["count"], row["mac"]):
                raise ForgedUse(reserved.id)
            return then(connection, reserved.signed(row["signatures"]))

        return Statement(
            queries.store_signatures,
            lambda: (reserved.activation, reserved.counter, list(signatures), clock.now()),
            stored,
        )
