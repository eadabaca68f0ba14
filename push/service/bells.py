"""Ringing: doorbells as rows that stay until they are settled, and messages to whoever carries them.

From the quickest to the slowest, each only if the one before did not reach the phone:

1. the live channel, at once: an open app asks what waits within milliseconds, and so has *heard*;
2. a push service, after ``PUSH_AFTER``, if the phone has an address there;
3. an SMS, after ``SMS_AFTER``, and only where an operator set it: it costs money, and teaches people to trust SMS.

Hearing is the phone's own proved call (``GET /phone/v1/waiting``), never a provider's word that it took something.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.ids import Random, new_id
from push.domain.outbox import Kind
from push.ports import Numbers
from push.service.outbox import OutboxService, Outgoing
from push.store import AddressStore, Bell, DoorbellStore

PUSH_AFTER: Final = timedelta(seconds=1)
"""An open app has asked by then, and people are not told twice; to a closed app a second is nothing."""
SMS_AFTER: Final = timedelta(seconds=30)
"""A push arrives within seconds, and the app takes some to open."""

SMS_TEXT: Final = (
    "Ha um pedido esperando por voce no Link ID. Abra o aplicativo. Nao ha link nem codigo nesta mensagem."
)


@dataclass
class _Noted:
    """What a transaction rings and settles. A document rings before it is decided, never after."""

    rung: list[Bell] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)


class DoorbellService:
    """Meets ``pairing.ports.Doorbell``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        outbox: OutboxService,
        *,
        pushing: bool = False,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``pushing``: whether there are push services to ring at."""
        self._store = DoorbellStore(database)
        self._addresses = AddressStore(database)
        self._clock = clock
        self._outbox = outbox
        self._pushing = pushing
        self._numbers: Numbers | None = None
        self._random = random

    def also_by_sms(self, numbers: Numbers) -> None:
        """Send an SMS to phones that nothing else reached."""
        self._numbers = numbers

    async def ring(self, connection: Connection, devices: Sequence[str], document: str, expires: datetime) -> None:
        """Step 5: ring on each of these phones, if the caller's transaction commits, until settled or ``expires``."""
        self._noted(connection).rung.extend(
            Bell(new_id("not", self._random), device, document, expires) for device in devices
        )

    async def settle(self, connection: Connection, document: str) -> None:
        """The document is decided or withdrawn: stop ringing for it, if the caller's transaction commits."""
        self._noted(connection).settled.append(document)

    def _noted(self, connection: Connection) -> _Noted:
        noted: _Noted | None = connection.scratch.get(__name__)
        if noted is None:
            noted = connection.scratch[__name__] = _Noted()
            connection.before_commit(lambda: self._write(connection, noted))
        return noted

    async def _write(self, connection: Connection, noted: _Noted) -> None:
        """Before the commit, everything of a transaction together: those that share one share these statements too."""
        del connection.scratch[__name__]
        if noted.rung:
            await self._ring(connection, noted.rung)
        if noted.settled:
            await self._store.settle(connection, sorted(set(noted.settled)), self._clock.now())

    async def _ring(self, connection: Connection, bells: Sequence[Bell]) -> None:
        devices = sorted({bell.device for bell in bells})
        addressed = await self._addresses.addressed(connection, devices) if self._pushing else frozenset()
        await self._store.add(connection, bells, self._clock.now())
        messages = []
        for bell in bells:
            device = bell.device
            messages.append(Outgoing(Kind.DOORBELL, {"id": bell.id, "device": device}, bell.expires_at))
            if device in addressed:
                content = {"device": device, "unless_heard": bell.id}
                messages.append(Outgoing(Kind.PUSH, content, bell.expires_at, PUSH_AFTER))
            if self._numbers is not None and (number := await self._numbers.number_of(connection, device)) is not None:
                message = {"to": number, "text": SMS_TEXT, "unless_heard": bell.id}
                messages.append(Outgoing(Kind.SMS, message, bell.expires_at, SMS_AFTER))
        await self._outbox.enqueue_all(connection, messages)

    async def heard(self, device: str) -> None:
        """The phone asked what waits: whatever rings there now needs no other way."""
        if self._pushing or self._numbers is not None:
            await self._store.heard(device, self._clock.now())

    async def removed(self, connection: Connection, device: str) -> None:
        """The phone is none of ours any more: its address is forgotten."""
        await self._addresses.forget(connection, device)
