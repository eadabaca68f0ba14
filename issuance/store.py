"""Rows of schema ``issuance``."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import Database
from foundation.queries import Queries

queries = Queries.load("issuance")


@dataclass(frozen=True)
class Visit:
    """Where a visit to the emission page stands."""

    emission: str
    jkt: str
    document: str | None
    credential: str | None
    possession: str | None
    certificate: bytes | None


class VisitStore:
    """Each method is one statement, hence its own transaction."""

    def __init__(self, database: Database) -> None:
        """The role must be ``linkid_gateway``."""
        self._database = database

    async def add(self, emission: str, jkt: str, now: datetime) -> None:
        """A visit begins."""
        await self._database.execute(queries.add_visit, emission, jkt, now)

    async def visit(self, emission: str, jkt: str) -> Visit | None:
        """This key's visit of that id."""
        row = await self._database.fetchrow(queries.visit, emission, jkt)
        return None if row is None else Visit(**dict(row))

    async def set_document(self, emission: str, document: str, credential: str) -> bool:
        """False when the certificate is there already."""
        return await self._database.fetchval(queries.set_document, emission, document, credential) is not None

    async def set_possession(self, emission: str, document: str, possession: str, credential: str) -> bool:
        """False when another document was fixed meanwhile."""
        found = await self._database.fetchval(queries.set_possession, emission, document, possession, credential)
        return found is not None

    async def set_certificate(self, emission: str, certificate: bytes) -> None:
        """The visit is over."""
        await self._database.execute(queries.set_certificate, emission, certificate)


async def forget_visits(database: Database, before: datetime) -> None:
    """Forget visits that began before an instant; a day later nobody asks for their answer again."""
    await database.execute(queries.sweep, before)
