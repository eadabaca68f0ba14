"""When the SAM refuses all work: the database is behind what this process knows outside it, or the HSM is not ready."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from foundation.audit import AuditChain, DatabaseRolledBack
from foundation.clock import Clock
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.errors import WorkRefused

Learn = Callable[[datetime], Awaitable[object]]
"""Learns the last minutes from the audit; see ``recall``."""

_log = get_logger(__name__)


class Watch:
    """Asked before every call that acts. Closed until ``look`` found everything in order once."""

    def __init__(self, audit: AuditChain, hsm: Hsm, clock: Clock, learn: Learn) -> None:
        self._audit, self._hsm, self._clock, self._learn = audit, hsm, clock, learn
        self._stopped: LinkIdError | None = WorkRefused("not looked yet")
        self._hsm_well = True

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

    def heard_hsm(self, *, well: bool) -> None:
        """What the HSM's canary said last. Calls are still tried: they may well succeed, and heal it."""
        self._hsm_well = well

    @property
    def ready(self) -> bool:
        """For ``status`` and health."""
        return self._stopped is None and self._hsm_well and not self._hsm.broken.is_set()
