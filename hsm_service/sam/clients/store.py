"""Rows of ``sam.clients``; only those whose MAC holds come out."""

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.clients.domain import Client, State
from hsm_service.sam.rows import Reader, RowSeals
from protocol.errors import CallerUnknown
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.clients")
TABLE = "clients"


class ClientStore:
    """Finds and puts integrators."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def of(self, reader: Reader, id_: str) -> Client | None:
        """As the newest order has it, whatever its state."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.by_id, id_)

    async def get(self, reader: Reader, id_: str) -> Client:
        """One that may ask now. Raises CallerUnknown."""
        found = await self.of(reader, id_)
        if found is None or not found.registered:
            raise CallerUnknown(id_)
        return found

    async def read(self, record: Record | None, id_: str, since: int) -> Client:
        """``get`` of a record that was fetched with more; ``since``: ``RowSeals.now()`` from before that."""
        found = None if record is None else await self._seals.believed(TABLE, _read, record, since)
        if found is None or not found.registered:
            raise CallerUnknown(id_)
        return found

    async def mac_of(self, reader: Reader, id_: str) -> bytes:
        """Of whatever stands there, believed or not; empty when nothing does. What ``put`` writes over."""
        rows = await reader.fetch(queries.mac_of, id_)
        return bytes(rows[0]["mac"]) if rows else b""

    def newest(self, id_: str) -> int | None:
        """The rank of the newest order that this process remembers, even if its row is gone."""
        return self._seals.highest(TABLE, id_)

    async def put(self, connection: Connection, client: Client, *, over: bytes) -> bool:
        """Write the row over the one with this MAC. False when somebody was faster."""
        mac = await self._seals.seal(TABLE, client.meaning())
        written = await connection.fetchval(
            queries.put, client.id, client.name, [key.point for key in client.keys], client.state.value, client.order,
            client.operator, client.ordered, mac, over,
        )  # fmt: skip
        if written is None:
            return False
        self._seals.advanced(connection, TABLE, client)
        return True


def _read(row: Record) -> Client:
    keys = tuple(P256Key.from_point(point) for point in row["keys"])
    return Client(
        row["id"], row["name"], keys, State(row["state"]), row["order_id"], row["operator"], row["ordered_at"],
        row["mac"],
    )  # fmt: skip
