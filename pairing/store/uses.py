"""Uses that are limited."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Connection
from pairing.domain.limits import Limit
from pairing.store.statements import queries


class UseStore:
    """Uses that are limited."""

    async def queue_for(self, connection: Connection, subjects: Sequence[str]) -> None:
        """From here to the end of the transaction nobody else counts these."""
        await connection.fetch(queries.queue_for, list(subjects))

    async def blocking(self, connection: Connection, limit: Limit, subject: str, now: datetime) -> datetime | None:
        """When the use happened that must leave the window first; None when there may be another now."""
        at: datetime | None = await connection.fetchval(
            queries.blocking_use, limit.scope, subject, now - limit.window, limit.count - 1
        )
        return at

    async def add(self, connection: Connection, scope: str, subject: str, now: datetime) -> None:
        """One more."""
        await connection.execute(queries.add_use, scope, subject, now)
