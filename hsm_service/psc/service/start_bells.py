"""When a start is to be looked at: a phone answered, or it is time. ``starts`` looks.

Apart from it because pairing and signing, which tell, are made before the services that it needs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import Unavailable
from foundation.logs import get_logger
from hsm_service.psc.store import StartStore

LOOK_SECONDS: Final = 2.0
"""How long another gateway may not know that a phone answered."""
AGAIN: Final = timedelta(seconds=10)
"""When a start is looked at once more of which nobody said that it has its answer: what was said may be lost."""

_log = get_logger(__name__)


class StartBells:
    """One per gateway. ``run`` it for as long as the gateway serves."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """The gateway's database."""
        self._store = StartStore(database)
        self._clock = clock
        self._look: Callable[[], Awaitable[None]] | None = None
        self._listening: frozenset[str] = frozenset()
        self._woken = asyncio.Event()

    def looked_at_by(self, look: Callable[[], Awaitable[None]]) -> None:
        """Who looks; once."""
        self._look = look

    def listening(self) -> Collection[str]:
        """Applications that have started something, as it was a moment ago."""
        return self._listening

    def begun(self, client: str) -> None:
        """This application has."""
        self._listening |= {client}

    async def answered(self, link: str) -> None:
        """A phone answered who is there, or the asking ended."""
        await self._store.answered(link, self._clock.now())
        await self._wake()

    async def settled(self, connection: Connection, document: str) -> None:
        """A phone answered about a session, in this transaction."""
        await self._store.settled(connection, document, self._clock.now())
        connection.after_commit(self._wake)

    async def look(self) -> None:
        """At what is due."""
        self._listening = await self._store.starting()
        if self._listening and self._look is not None:
            await self._look()

    async def run(self) -> None:
        """Look again and again, until cancelled. A database that is away is waited for."""
        while True:
            self._woken.clear()
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("starts_wait", error_code=error.code)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _wake(self) -> None:
        self._woken.set()
