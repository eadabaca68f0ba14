"""The breaker of codes by SMS: where they are sent and not typed, sending stops until an operator looked at it."""

from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.database import Connection, Database
from foundation.logs import get_logger
from pairing.domain.pumping import WINDOW, judge, subjects
from pairing.errors import MessagesPaused
from pairing.service.numbers import PairingNumbers
from pairing.store import PauseRow, PauseStore

_log = get_logger(__name__)

AGAIN_SECONDS = 3600
"""When a caller is told to try again. Nobody knows when an operator looks; and the answer is the same for all."""


class PauseService:
    """One per gateway; what stands is rows, so that all gateways stop together."""

    def __init__(self, database: Database, audit: AuditChain, numbers: PairingNumbers | None = None) -> None:
        """The gateway's database."""
        self._database, self._audit = database, audit
        self._numbers = numbers or PairingNumbers()
        self._pauses = PauseStore(database)

    async def look(self, now: datetime) -> int:
        """Stop where too few codes are typed; a chore of each minute. How many pauses began."""
        begun = 0
        for pumped in judge(await self._pauses.sent(now - WINDOW), await self._pauses.resumed(), now):
            scope, name = pumped.subject.scope.value, pumped.subject.name
            async with self._database.transaction() as connection:
                if not await self._pauses.begin(connection, pumped, now):
                    continue
                self._audit.note(
                    connection, "messages.paused", scope=scope, prefix=_digits(name), count=pumped.messages
                )
            begun += 1
            _log.error("messages_paused", scope=scope, prefix=name, messages=pumped.messages, entered=pumped.entered)
        self._numbers.paused(len(await self._pauses.standing()))
        return begun

    async def demand_none(self, connection: Connection, number: str) -> None:
        """Whether this number is known or not. Raises MessagesPaused."""
        if await self._pauses.stands(connection, subjects(number)):
            raise MessagesPaused("too few codes are typed there", retry_after=AGAIN_SECONDS)

    async def standing(self) -> Sequence[PauseRow]:
        """For an operator."""
        return await self._pauses.standing()

    async def resume(self, name: str, now: datetime, **audited: str) -> int:
        """An operator looked at it: messages go on, and those of before count no more. How many pauses ended."""
        async with self._database.transaction() as connection:
            ended = await self._pauses.end(connection, name, now)
            self._audit.note(connection, "messages.resumed", prefix=_digits(name), count=ended, **audited)
        return ended


def _digits(name: str) -> int:
    """As the audit takes it: a number that is no whole telephone number, and no text that somebody typed."""
    digits = name.removeprefix("+")[:9]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
