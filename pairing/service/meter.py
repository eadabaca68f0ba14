"""Limits that survive restarts and hold across gateways."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from foundation.database import Connection, Database
from foundation.errors import LinkIdError
from pairing.domain.limits import Limit, Scope, reopens_in
from pairing.store import UseStore

Metered: TypeAlias = tuple[Limit, str]
"""A limit, and the subject for which it is counted."""


class Meter:
    """Counts uses as rows."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database
        self._store = UseStore()

    async def spend(
        self,
        connection: Connection,
        uses: Sequence[Metered],
        now: datetime,
        refusal: type[LinkIdError],
        *,
        counted: bool = True,
    ) -> None:
        """Count one use for each subject, inside the caller's transaction; if that rolls back, nothing was used.

        Raises ``refusal`` with ``retry_after`` when any of the limits is reached; nothing is counted then. Not
        ``counted``: for whoever gets the same answer, and uses nothing.
        """
        await self._store.queue_for(connection, sorted({f"{limit.scope} {subject}" for limit, subject in uses}))
        await self._demand(connection, uses, now, refusal)
        if not counted:
            return
        for scope, subject in {(limit.scope, subject) for limit, subject in uses}:
            await self._store.add(connection, scope, subject, now)

    async def demand(self, uses: Sequence[Metered], now: datetime, refusal: type[LinkIdError]) -> None:
        """Raise like ``spend``, and count nothing."""
        async with self._database.transaction(readonly=True) as connection:
            await self._demand(connection, uses, now, refusal)

    async def note(self, connection: Connection, scope: Scope, subject: str, now: datetime) -> None:
        """Count a use that already happened, such as a wrong guess."""
        await self._store.add(connection, scope, subject, now)

    async def _demand(
        self, connection: Connection, uses: Sequence[Metered], now: datetime, refusal: type[LinkIdError]
    ) -> None:
        waits = [0]
        for limit, subject in uses:
            blocking = await self._store.blocking(connection, limit, subject, now)
            if blocking is not None:
                waits.append(reopens_in(limit, blocking, now))
        if max(waits):
            raise refusal(retry_after=max(waits))
