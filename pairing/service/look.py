"""What an operator is told of a holder's phones and computers, in plain members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from foundation.database import Database, Record
from pairing.domain.numbers import NEIGHBOURS
from pairing.store import LookStore

Fact: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """Lists of facts, the newest first."""

    phones: Sequence[Fact]
    computers: Sequence[Fact]
    locks: Sequence[Fact]
    proofs: Sequence[Fact]


class LookService:
    """Nothing here decides who may look: the roof asks on behalf of an operator, and writes down that it did."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._store = LookStore(database)

    async def of(self, credentials: Sequence[str], number: str) -> Look:
        """Phones (removed ones too), computers, locks and blocks of these credentials, tries to prove this number."""
        return Look(
            _facts(await self._store.phones(credentials, number)),
            _facts(await self._store.computers(credentials)),
            _facts(await self._store.locks(credentials)),
            _facts(await self._store.proofs(number)),
        )

    async def conversions(self, since: datetime) -> Sequence[Fact]:
        """Codes sent and typed since then, by block of ten thousand numbers: pumped ones are never typed."""
        return _facts(await self._store.conversions(since, NEIGHBOURS))


def _facts(rows: Sequence[Record]) -> list[Fact]:
    return [dict(row) for row in rows]
