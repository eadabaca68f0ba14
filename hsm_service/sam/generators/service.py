"""Generators outlive peppers: no password is needed to keep their secrets under a newer one, so nobody waits for it."""

from collections.abc import Awaitable, Callable
from typing import Final

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.logs import get_logger
from hsm_service.sam.generators.domain import Generator
from hsm_service.sam.generators.store import GeneratorStore
from protocol.custody import DoesNotOpen

AT_A_TIME: Final = 100
"""In one round of the housekeeping: a thousand phones are done in three minutes, and no call waits for it."""

_log = get_logger(__name__)


class Generators:
    """``renew``: K10, for what no holder has to be asked about."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        store: GeneratorStore,
        keep_anew: Callable[[Generator, int], Awaitable[Generator]],
        newest_pepper: Callable[[], Awaitable[int]],
    ) -> None:
        """``keep_anew``: ``Custody.keep_anew``."""
        self._database, self._audit, self._store = database, audit, store
        self._keep_anew, self._newest_pepper = keep_anew, newest_pepper

    async def renew(self) -> int:
        """Some of those under an older pepper than the newest; how many. Raises HsmUnavailable."""
        newest, renewed = await self._newest_pepper(), 0
        for before in await self._store.under_older_peppers(self._database, newest, AT_A_TIME):
            try:
                after = await self._store.sealed(await self._keep_anew(before, newest))
            except DoesNotOpen:
                _log.error("generator_does_not_open", generator=before.id)
                continue
            async with self._database.transaction() as connection:
                if await self._store.keep_anew(connection, before, after):
                    self._audit.note(
                        connection, "generator.rebound", generator=after.id, pepper_before=before.pepper, pepper=newest
                    )
                    renewed += 1
        return renewed
