"""What an operator may see of phones and computers. Nothing in it opens anything."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Database, Record
from pairing.store.statements import queries


class LookStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def phones(self, credentials: Sequence[str], number: str) -> Sequence[Record]:
        """(id, nickname, state, created_at, last_seen_at, removed_at), the newest first."""
        return await self._database.fetch(queries.phones_of, list(credentials), number)

    async def computers(self, credentials: Sequence[str]) -> Sequence[Record]:
        """(id, name, os, device, since, last_used_at), the newest first."""
        return await self._database.fetch(queries.computers_of, list(credentials))

    async def locks(self, credentials: Sequence[str]) -> Sequence[Record]:
        """(kind, credential, since, until), the newest first."""
        return await self._database.fetch(queries.locks_of, list(credentials))

    async def proofs(self, number: str) -> Sequence[Record]:
        """(id, state, sends, tries, created_at), the newest first."""
        return await self._database.fetch(queries.proofs_of, number)

    async def conversions(self, since: datetime, neighbours: int) -> Sequence[Record]:
        """(prefix, messages, entered), the most messages first; ``neighbours``: last digits that a prefix lacks."""
        return await self._database.fetch(queries.conversions, since, neighbours)
