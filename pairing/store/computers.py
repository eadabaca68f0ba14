"""Associated computers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database
from foundation.encoding import JsonObject
from pairing.store.links import LinkRow
from pairing.store.statements import queries


@dataclass(frozen=True)
class ComputerRow:
    """An associated computer as its OAuth client. ``credentials``: those it may use, by all phones together."""

    id: str
    jkt: str
    key: JsonObject
    name: str
    os: str
    credentials: tuple[str, ...]


@dataclass(frozen=True)
class AssociatedRow:
    """A computer in a phone's list."""

    id: str
    name: str
    os: str
    since: datetime
    last_used_at: datetime
    credentials: tuple[str, ...]


class ComputerStore:
    """Associated computers."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def associate(self, connection: Connection, link: LinkRow, now: datetime) -> None:
        """What the link led to."""
        await connection.execute(
            queries.add_computer, link.computer, link.jkt, json.dumps(link.key), link.name, link.os, link.version, now
        )
        await connection.execute(queries.add_association, link.computer, link.device, list(link.credentials), now)

    async def of_device(self, device: str) -> list[AssociatedRow]:
        """What a phone associated."""
        rows = await self._database.fetch(queries.computers_of_device, device)
        return [
            AssociatedRow(
                row["id"], row["name"], row["os"], row["since"], row["last_used_at"], tuple(row["credentials"])
            )
            for row in rows
        ]

    async def find(self, computer: str) -> ComputerRow | None:
        """A computer that is associated by some phone."""
        row = await self._database.fetchrow(queries.computer, computer)
        if row is None:
            return None
        return ComputerRow(
            row["id"], row["jkt"], json.loads(row["key"]), row["name"], row["os"], tuple(row["credentials"])
        )

    async def touch(self, computer: str, now: datetime) -> None:
        """It was used."""
        await self._database.execute(queries.touch_computer, computer, now)

    async def used(self, computers: Sequence[str]) -> dict[str, datetime]:
        """When each of them came last."""
        rows = await self._database.fetch(queries.computers_used, list(computers))
        return {row["id"]: row["last_used_at"] for row in rows}

    async def end(
        self, connection: Connection, computer: str, device: str, now: datetime, credentials: Sequence[str]
    ) -> bool:
        """Whether the computer had an association by this phone, or for ``credentials`` alone."""
        return bool(await connection.fetch(queries.end_association, computer, device, now, list(credentials)))

    async def end_all(self, connection: Connection, computer: str, now: datetime) -> bool:
        """Whether the computer had any association."""
        return bool(await connection.fetch(queries.end_associations_of_computer, computer, now))

    async def is_key_of(self, computer: str, jkt: str) -> bool:
        """Whether this computer, associated now or before, has that key."""
        return await self._database.fetchval(queries.computer_key, computer, jkt) is not None
