"""Applications that registered themselves."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Database, Record
from hsm_service.psc.domain.application import Application
from hsm_service.psc.store.queries import QUERIES


class ApplicationStore:
    """Applications that registered themselves."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(self, one: Application, most: int) -> bool:
        """False when so many wait already."""
        added = await self._database.fetchval(
            QUERIES.ask_in,
            one.id,
            one.name,
            one.comments,
            one.email,
            list(one.redirects),
            one.secret_digest,
            one.asked,
            most,
        )
        return added is not None

    async def waiting(self) -> list[Application]:
        """Oldest first."""
        return [_application(row) for row in await self._database.fetch(QUERIES.waiting_applications)]

    async def one_waiting(self, name: str) -> Application | None:
        """One of them."""
        row = await self._database.fetchrow(QUERIES.waiting_application, name)
        return None if row is None else _application(row)

    async def admitted(self, name: str, now: datetime) -> None:
        """An operator let it in."""
        await self._database.execute(QUERIES.admitted, name, now)

    async def change(self, name: str, comments: str | None, email: str | None, redirects: Sequence[str]) -> None:
        """What it says of itself; nothing for one that an operator registered."""
        await self._database.execute(QUERIES.change_application, name, comments, email, list(redirects))


def _application(row: Record) -> Application:
    return Application(
        row["id"],
        row["name"],
        row["comments"],
        row["email"],
        tuple(row["redirects"]),
        row["secret_digest"],
        row["asked_at"],
    )
