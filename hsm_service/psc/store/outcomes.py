"""Outcomes of ``authorize-ca`` that are to be posted."""

from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database
from hsm_service.psc.store.queries import QUERIES


@dataclass(frozen=True)
class DueOutcome:
    """An outcome of ``authorize-ca`` that is to be posted. ``document``: None where no phone was asked."""

    token: str
    client: str
    document: str | None
    sealed: bytes = field(repr=False)
    given_back: bool
    """Whether the application gave the identifier back."""


class OutcomeStore:
    """Outcomes of ``authorize-ca`` that are to be posted."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def expect(self, connection: Connection, token: str, client: str, sealed: bytes, due: datetime) -> None:
        """One for each identifier."""
        await connection.execute(QUERIES.expect_outcome, token, client, sealed, due)

    async def asked(self, token: str, document: str, sealed: bytes) -> None:
        """A phone was asked."""
        await self._database.execute(QUERIES.outcome_asked, token, document, sealed)

    async def due(self, connection: Connection, document: str, now: datetime) -> None:
        """What the phone was asked has its answer."""
        await connection.execute(QUERIES.outcome_due, document, now)

    async def put_off(self, token: str, until: datetime) -> None:
        """Not before then."""
        await self._database.execute(QUERIES.outcome_put_off, token, until)

    async def expecting(self) -> frozenset[str]:
        """Every application that will be posted something."""
        return frozenset(row["client"] for row in await self._database.fetch(QUERIES.expecting))

    async def all_due(self, now: datetime, count: int) -> list[DueOutcome]:
        """The eldest first."""
        return [
            DueOutcome(row["token"], row["client"], row["document"], row["sealed"], row["given_back"])
            for row in await self._database.fetch(QUERIES.due_outcomes, now, count)
        ]

    async def take(self, connection: Connection, token: str) -> bool:
        """Whether it is ours to post."""
        return await connection.fetchval(QUERIES.take_outcome, token) is not None
