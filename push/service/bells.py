"""Ringing: doorbells as rows that stay until they are settled, and a message to whoever carries them."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.ids import Random, new_id
from push.domain.outbox import Kind
from push.service.outbox import OutboxService
from push.store import DoorbellStore


class DoorbellService:
    """Meets ``pairing.ports.Doorbell``."""

    def __init__(
        self, database: Database, clock: Clock, outbox: OutboxService, *, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._store = DoorbellStore(database)
        self._clock = clock
        self._outbox = outbox
        self._random = random

    async def ring(self, connection: Connection, devices: Sequence[str], document: str, expires: datetime) -> None:
        """Step 5: ring on each of these phones, if the caller's transaction commits, until settled or ``expires``."""
        for device in devices:
            doorbell = new_id("not", self._random)
            await self._store.add(connection, doorbell, device, document, now=self._clock.now(), expires_at=expires)
            await self._outbox.enqueue(connection, Kind.DOORBELL, {"id": doorbell, "device": device}, expires)

    async def settle(self, connection: Connection, document: str) -> None:
        """The document is decided: stop ringing for it."""
        await self._store.settle(connection, document, self._clock.now())
