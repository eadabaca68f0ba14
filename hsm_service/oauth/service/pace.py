"""How often a client calls: one bucket for all gateways, in the database, and a purse of each gateway's own.

A call costs a look into the purse. An empty one is filled by one statement, a twentieth of a minute's worth at once; an
empty bucket is not asked again for as long as that takes to flow in. So a client gets what its limit says at all
gateways together, less what lies unused in their purses (at most a twentieth each), and one that calls too often costs
a statement every few seconds, whatever it does.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from hsm_service.oauth.domain.pace import STALE, Purse, bite_of
from hsm_service.oauth.errors import TooManyCalls
from hsm_service.oauth.store import CallStore

_MOST: Final = 50_000
"""Purses at once; the one unused for longest is given up, and what was in it."""


class CallPace:
    """One per gateway."""

    def __init__(self, database: Database, clock: Clock, per_minute: int = 0) -> None:
        """``per_minute``: of whom nobody said otherwise; 0: no limit."""
        self._store = CallStore(database)
        self._clock = clock
        self.per_minute = per_minute
        self._purses: OrderedDict[str, tuple[Purse, asyncio.Lock]] = OrderedDict()

    async def demand(self, client: str, own: int | None) -> None:
        """Count a call; ``own``: the client's own limit, by an operator. Raises TooManyCalls with ``retry_after``."""
        per_minute = self.per_minute if own is None else own
        if per_minute == 0:
            return
        purse, filling = self._purse(client)
        if purse.take(self._clock.now()):
            return
        # One asks for all who wait; who comes after finds the purse full, or the bucket known to be empty.
        async with filling:
            if not purse.take(self._clock.now()):
                await self._fill(client, purse, per_minute, self._clock.now())

    async def _fill(self, client: str, purse: Purse, per_minute: int, now: datetime) -> None:
        wait = purse.wait(now)
        if wait:
            raise TooManyCalls(retry_after=wait)
        bite = bite_of(per_minute)
        if not await self._store.take(client, per_minute, bite.calls, now):
            purse.shut_until = now + timedelta(seconds=bite.wait)
            raise TooManyCalls(retry_after=bite.wait)
        purse.calls, purse.until, purse.shut_until = bite.calls - 1, now + STALE, None

    def _purse(self, client: str) -> tuple[Purse, asyncio.Lock]:
        found = self._purses.get(client)
        if found is None:
            found = self._purses[client] = (Purse(), asyncio.Lock())
            if len(self._purses) > _MOST:
                self._purses.popitem(last=False)
        self._purses.move_to_end(client)
        return found
