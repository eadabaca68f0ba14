"""Rows of ``sam.associations``; only those whose MAC holds come out."""

from collections.abc import Sequence

from foundation.database import Connection, Record
from foundation.errors import BadInput
from foundation.queries import Queries
from hsm_service.sam.associations.domain import Association, State
from hsm_service.sam.bindings.store import Reader
from hsm_service.sam.rows import RowSeals
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.associations")
TABLE = "associations"


class AssociationStore:
    """Finds, adds and ends associations."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of(self, reader: Reader, computer: str, credential: str) -> Association | None:
        """The active one of a computer with a credential."""
        row = await reader.fetchrow(queries.of_computer_and_credential, computer, credential)
        return next(iter(await self._genuine([] if row is None else [row])), None)

    async def of_computer(self, reader: Reader, computer: str) -> list[Association]:
        """All active ones of a computer."""
        return await self._genuine(await reader.fetch(queries.of_computer, computer))

    async def add(self, connection: Connection, association: Association) -> None:
        """Raises a unique violation when there is an active one."""
        mac = await self._seals.seal(TABLE, association.meaning())
        await connection.execute(
            queries.add, association.id, association.computer, association.credential, association.name,
            association.os, association.key.point, association.device, association.document, association.state.value,
            association.created, mac,
        )  # fmt: skip

    async def end(self, connection: Connection, association: Association) -> bool:
        """False when it had ended already."""
        mac = await self._seals.seal(TABLE, association.ended().meaning())
        return await connection.fetchval(queries.end_one, association.id, mac) is not None

    async def _genuine(self, rows: Sequence[Record]) -> list[Association]:
        return await self._seals.genuine(TABLE, [read for read in map(_read, rows) if read is not None])


def _read(row: Record) -> Association | None:
    try:
        key = P256Key.from_point(row["key"])
    except BadInput:
        return None
    return Association(
        row["computer"], row["credential"], row["name"], row["os"], key, row["device"], row["document"],
        State(row["state"]), row["created_at"], row["mac"],
    )  # fmt: skip
