"""When the SAM refuses all work: the database is behind what this process knows outside it, or the HSM is not ready.

And what it says about that: ``status`` names what is wrong by a code (docs/faults.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from foundation.audit import AuditChain, DatabaseRolledBack
from foundation.clock import Clock
from foundation.errors import LinkIdError, Unavailable
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.errors import WorkRefused

Learn = Callable[[datetime], Awaitable[object]]
"""Learns the last minutes from the audit; see ``recall``."""

DATABASE_AWAY: Final = "database_unavailable"
"""What ``status`` says when the database does not answer."""

DRAINING: Final = "draining"
"""What it says while it takes no more calls and finishes those it has."""

_PING_SECONDS: Final = 1.5
"""A database that takes longer is busy, not away: calls find out for themselves."""

_log = get_logger(__name__)


class Watch:
    """Asked before every call that acts. Closed until ``look`` found everything in order once."""

    def __init__(
        self, audit: AuditChain, hsm: Hsm, clock: Clock, learn: Learn, ping: Callable[[], Awaitable[object]]
    ) -> None:
        self._audit, self._hsm, self._clock, self._learn, self._ping = audit, hsm, clock, learn, ping
        self._stopped: LinkIdError | None = WorkRefused("not looked yet")
        self._draining = False

    async def look(self) -> None:
        """Compare the database with the audit head kept outside, and learn the last minutes from the audit.

        Raises DatabaseRolledBack, and then nothing works.
        """
        try:
            await self._audit.check_not_behind()
            await self._learn(self._clock.now())
        except DatabaseRolledBack as error:
            _log.error("database_rolled_back", detail=error.detail)
            self._stopped = error
            raise
        self._stopped = None

    def demand_ready(self) -> None:
        """Raises what stopped us; WorkRefused when the HSM hangs."""
        if self._stopped is not None:
            raise WorkRefused(str(self._stopped)) from self._stopped
        if self._hsm.broken.is_set():
            raise WorkRefused("the HSM hangs; this process is being replaced", retry_after=5)

    def stop(self, reason: LinkIdError) -> None:
        """Refuse everything from now on (an append found the chain shortened under us)."""
        self._stopped = reason

    def drain(self) -> None:
        """This process is about to make room for another."""
        self._draining = True

    @property
    def quiet_work_allowed(self) -> bool:
        """Whether what nobody waits for (keys made ahead) may be done now."""
        return not self._draining and self._stopped is None and self._hsm.stopped_by is None

    async def why_not_ready(self) -> str | None:
        """The code of what is wrong, for ``status``; None when calls are answered. Never raises."""
        if self._draining:
            return DRAINING
        wrong = self._stopped or self._hsm.stopped_by
        if wrong is not None:
            return wrong.code
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._ping()
        except TimeoutError:
            return None
        except Unavailable:
            return DATABASE_AWAY
        return None
