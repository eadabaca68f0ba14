"""Rows of ``sam.associations``; only those whose MAC holds come out."""

from collections.abc import Sequence

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.associations.domain import Association, State
from hsm_service.sam.rows import Reader, RowSeals
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.associations")
TABLE = "associations"


class AssociationStore:
    """Finds, adds and ends associations."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of(self, reader: Reader, computer: str, credential: str) -> Association | None:
        """The active one of a computer with a credential."""
        return await self._seals.fetch_one(
            TABLE, _read, reader, queries.of_computer_and_credential, computer, credential
        )

    async def read(self, record: Record | None, since: int) -> Association | None:
        """Of a record that was fetched with more; ``since``: ``RowSeals.now()`` from before that."""
        return None if record is None else await self._seals.believed(TABLE, _read, record, since)

    async def of_computer(self, reader: Reader, computer: str) -> list[Association]:
        """All active ones of a computer."""
        return await self._seals.fetch(TABLE, _read, reader, queries.of_computer, computer)

    async def of_credentials(self, reader: Reader, credentials: Sequence[str]) -> list[Association]:
        """All active ones of some credentials."""
        return await self._seals.fetch(TABLE, _read, reader, queries.of_credentials, list(credentials))

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
        ended = association.ended()
        mac = await self._seals.seal(TABLE, ended.meaning())
        if await connection.fetchval(queries.end_one, association.id, mac) is None:
            return False
        self._seals.advanced(connection, TABLE, ended)
        return True


def _read(row: Record) -> Association:
    key = P256Key.from_point(row["key"])
    return Association(
        row["computer"], row["credential"], row["name"], row["os"], key, row["device"], row["document"],
        State(row["state"]), row["created_at"], row["mac"],
    )  # fmt: skip
