"""Rows of ``sam.passkeys``; only those whose MAC holds come out."""

from dataclasses import replace

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.passkeys.domain import Passkey
from hsm_service.sam.rows import Reader, RowSeals
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.passkeys")
TABLE = "passkeys"


class PasskeyStore:
    """Finds, adds, counts."""

    def __init__(self, seals: RowSeals) -> None:
        self._seals = seals

    async def find(self, reader: Reader, id_: str) -> Passkey | None:
        """By its id."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.by_id, id_)

    async def sealed(self, passkey: Passkey) -> Passkey:
        """With the MAC of what it says now."""
        return replace(passkey, mac=await self._seals.seal(TABLE, passkey.meaning()))

    async def add(self, connection: Connection, passkey: Passkey) -> None:
        """``passkey``: ``sealed``."""
        await connection.execute(
            queries.add, passkey.id, passkey.device, passkey.device_key.point, passkey.handle, passkey.key.point,
            passkey.counter, passkey.document, passkey.created, passkey.mac,
        )  # fmt: skip
        self._seals.advanced(connection, TABLE, passkey)

    async def count(self, connection: Connection, before: Passkey, after: Passkey) -> bool:
        """False when the row changed meanwhile. ``after``: ``sealed``."""
        if await connection.fetchval(queries.count, before.id, before.mac, after.counter, after.mac) is None:
            return False
        self._seals.advanced(connection, TABLE, after)
        return True


def _read(row: Record) -> Passkey:
    return Passkey(
        row["id"], row["device"], P256Key.from_point(row["device_key"]), row["handle"],
        P256Key.from_point(row["public_key"]), row["counter"], row["document"], row["created_at"], row["mac"],
    )  # fmt: skip
