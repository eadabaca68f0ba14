"""Setting where to, and telling.

``tell`` runs in the transaction in which something became true, so nothing is told that did not happen. Who has no
address costs nothing: ``listening`` is read now and then, and kept.
"""

import asyncio
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import Unavailable
from foundation.ids import Random, is_id, new_id
from foundation.logs import get_logger
from foundation.web.window import SlidingWindow
from hsm_service.webhooks.domain.address import checked
from hsm_service.webhooks.domain.event import LIFE, Event, EventType
from hsm_service.webhooks.errors import NoSuchApplication
from hsm_service.webhooks.ports import Outbox, Progress
from hsm_service.webhooks.store import Told, WebhookStore

LOOK_SECONDS: Final = 2.0
"""How long a new address may go unnoticed by a gateway."""
_BITE: Final = 200
SHOWN: Final = 10
"""Events of one application that its owner sees."""
TESTS_PER_MINUTE: Final = 5

_log = get_logger(__name__)


class AddressService:
    """What an operator's command calls."""

    def __init__(self, database: Database, clock: Clock, audit: AuditChain, *, development: bool) -> None:
        """``development``: plain HTTP to this machine is taken too."""
        self._database = database
        self._store = WebhookStore(database)
        self._clock = clock
        self._audit = audit
        self._development = development

    async def set(self, client: str, url: str) -> None:
        """From now on it is told there. Raises BadAddress, NoSuchApplication."""
        _check_client(client)
        address = checked(url, development=self._development)
        async with self._database.transaction() as connection:
            await self._store.set_address(connection, client, address, self._clock.now())
            self._audit.note(connection, "webhook.set", client=client)

    async def drop(self, client: str) -> bool:
        """It is told nothing any more; whether it was. What is queued already still leaves."""
        _check_client(client)
        async with self._database.transaction() as connection:
            dropped = await self._store.drop_address(connection, client)
            if dropped:
                self._audit.note(connection, "webhook.dropped", client=client)
        return dropped

    async def address(self, client: str) -> str | None:
        """Where it is told."""
        _check_client(client)
        return await self._store.address(client)


class Telling:
    """One per gateway. ``run`` it for as long as the gateway serves."""

    def __init__(
        self, database: Database, clock: Clock, outbox: Outbox, *, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._database = database
        self._store = WebhookStore(database)
        self._clock = clock
        self._outbox = outbox
        self._random = random
        self._listening: frozenset[str] = frozenset()
        self._tests = SlidingWindow(TESTS_PER_MINUTE, timedelta(minutes=1))

    def listening(self) -> Collection[str]:
        """Who wants to be told, as it was a moment ago."""
        return self._listening

    async def tell(self, connection: Connection, event: Event, session_ends: datetime | None = None) -> None:
        """Queue it, if its client has an address. ``session_ends``: of a session that was approved."""
        if event.client not in self._listening:
            return
        url = await self._store.address_within(connection, event.client)
        if url is None:
            return
        if session_ends is not None and event.session is not None:
            await self._store.session_began(connection, event, session_ends)
        await self._queue(connection, url, event)

    async def session_ended(self, activation: str, reason: str) -> None:
        """A session is over before its time; told once, and only to a client that heard of its beginning."""
        if not self._listening:
            return
        async with self._database.transaction() as connection:
            event = await self._store.session_ended(connection, activation, reason)
            if event is not None:
                await self.tell(connection, event)

    async def test(self, client: str) -> bool:
        """An event that says nothing, for its owner to see it arrive; False without an address. Raises TooMany."""
        now = self._clock.now()
        self._tests.demand(client, now)
        url = await self._store.address(client)
        if url is None:
            return False
        async with self._database.transaction() as connection:
            await self._queue(connection, url, Event(EventType.TEST, client))
        return True

    async def told(self, client: str) -> list[tuple[Told, Progress | None]]:
        """The last events of a client and what became of them, newest first."""
        found = await self._store.told(client, SHOWN)
        progress = await self._outbox.progress([one.message for one in found])
        return [(one, progress.get(one.message)) for one in found]

    async def look(self) -> None:
        """Who listens now, and which sessions' time is over."""
        self._listening = await self._store.listening()
        if not self._listening:
            return
        async with self._database.transaction() as connection:
            for event in await self._store.sessions_over(connection, self._clock.now(), _BITE):
                await self.tell(connection, event)

    async def run(self) -> None:
        """Look again and again, until cancelled. A database that is away is waited for."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("webhooks_wait", error_code=error.code)
            await asyncio.sleep(LOOK_SECONDS)

    async def _queue(self, connection: Connection, url: str, event: Event) -> None:
        now, name = self._clock.now(), new_id("evt", self._random)
        message = await self._outbox.queue(connection, url, event.body(name, now), now + LIFE)
        await self._store.note(connection, event.client, Told(message, name, event.type.value, now))


def _check_client(client: str) -> None:
    if not is_id(client, "cli"):
        raise NoSuchApplication("expected an application's id (cli_…)")


__all__ = ["AddressService", "Event", "EventType", "Telling"]
