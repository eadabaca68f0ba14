"""Where sending codes is paused."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database, Record
from pairing.domain.limits import Scope
from pairing.domain.pumping import Pumped, Sent, Subject
from pairing.store.statements import queries


@dataclass(frozen=True)
class PauseRow:
    """A pause that stands."""

    subject: Subject
    since: datetime
    messages: int
    entered: int


class PauseStore:
    """Pauses, and what they are judged by."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def sent(self, since: datetime) -> list[Sent]:
        """Messages that really left since then."""
        rows = await self._database.fetch(queries.sent_since, since)
        return [Sent(row["number"], row["sends"], row["entered"], row["sent_at"]) for row in rows]

    async def resumed(self) -> dict[Subject, datetime]:
        """When an operator last let each go on."""
        return {_subject(row): row["ended_at"] for row in await self._database.fetch(queries.resumed)}

    async def begin(self, connection: Connection, pumped: Pumped, now: datetime) -> bool:
        """Whether it is new: one stands for each subject at most."""
        scope, name = pumped.subject.scope, pumped.subject.name
        return (
            await connection.fetchval(queries.begin_pause, scope, name, now, pumped.messages, pumped.entered)
            is not None
        )

    async def stands(self, connection: Connection, subjects: Sequence[Subject]) -> bool:
        """Whether sending to any of these is paused."""
        scopes, names = [one.scope for one in subjects], [one.name for one in subjects]
        return await connection.fetchval(queries.paused, scopes, names) is True

    async def standing(self) -> list[PauseRow]:
        """All that stand, the newest first."""
        rows = await self._database.fetch(queries.standing_pauses)
        return [PauseRow(_subject(row), row["since"], row["messages"], row["entered"]) for row in rows]

    async def end(self, connection: Connection, name: str, now: datetime) -> int:
        """The pauses of this block or country; how many there were."""
        return len(await connection.fetch(queries.end_pause, name, now))


def _subject(row: Record) -> Subject:
    return Subject(Scope(row["scope"]), row["subject"])
