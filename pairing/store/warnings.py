"""What holders are told on their phones."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database
from pairing.domain.warnings import Happening
from pairing.store.statements import queries


@dataclass(frozen=True)
class WarningRow:
    """One that a phone has not dismissed. ``phone``: where it came from, None when nobody knows."""

    id: str
    kind: str
    credential: str
    phone: str | None
    nickname: str | None
    since: datetime
    until: datetime | None


class WarningStore:
    """Warnings."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(
        self, connection: Connection, warning: str, device: str, happening: Happening, phone: str | None, now: datetime
    ) -> bool:
        """For one phone, in the caller's transaction; whether it is new."""
        added = await connection.fetchval(
            queries.add_warning,
            warning,
            device,
            happening.credential,
            happening.kind,
            phone,
            happening.since,
            happening.until,
            now,
        )
        return added is not None

    async def of(self, device: str) -> list[WarningRow]:
        """Those that a phone has not dismissed, the newest first."""
        return [
            WarningRow(
                row["id"],
                row["kind"],
                row["credential"],
                row["phone"],
                row["nickname"],
                row["since"],
                row["until"],
            )
            for row in await self._database.fetch(queries.warnings, device)
        ]

    async def settle(self, connection: Connection, credential: str, since: datetime, now: datetime) -> list[str]:
        """The block of that time ended: the warnings that it began, which nobody need read any more."""
        return [str(row["id"]) for row in await connection.fetch(queries.settle_warnings, credential, since, now)]

    async def settle_waits(self, connection: Connection, credential: str, phone: str, now: datetime) -> list[str]:
        """A phone that waited decides now, or is gone: what was said of it is no news any more."""
        return [str(row["id"]) for row in await connection.fetch(queries.settle_waits, credential, phone, now)]

    async def dismiss(self, connection: Connection, warning: str, device: str, now: datetime) -> bool:
        """Whether it was there, this phone's own, and not dismissed before."""
        return await connection.fetchval(queries.dismiss_warning, warning, device, now) is not None
