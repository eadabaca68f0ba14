"""What a provider tells later (believed under its signature only, and only written down and counted), and what an
operator is told of what left.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from foundation.database import Database
from push.domain.deliveries import TWILIO
from push.errors import CallbackRefused
from push.ports import CallbackSignature
from push.service.numbers import PushNumbers
from push.store import AddressStore, DoorbellStore, OutboxStore

_LARGEST = 2**63 - 1
_BELLS = 5


class DeliveryService:
    """Takes Twilio's status callbacks."""

    def __init__(self, database: Database, signature: CallbackSignature, numbers: PushNumbers | None = None) -> None:
        """``signature``: the provider's."""
        self._store = OutboxStore(database)
        self._signature = signature
        self._numbers = numbers or PushNumbers()

    async def heard(self, url: str, form: Mapping[str, str], given: str, message: str) -> None:
        """One callback, at ``url`` as the provider was given it, about our ``message``. Raises CallbackRefused.

        Numbers of messages that are gone, or never were, change nothing and get the same answer.
        """
        if not self._signature.holds(url, form, given):
            raise CallbackRefused("no signature of the provider's")
        delivery = TWILIO.get(form.get("MessageStatus", ""))
        number = int(message)
        if delivery is not None and number <= _LARGEST and await self._store.delivered(number, delivery):
            self._numbers.deliveries.labels("sms", delivery).inc()


class DeliveryReport:
    """For an operator: numbers, and how a phone was rung. No content, no address."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._outbox = OutboxStore(database)
        self._doorbells = DoorbellStore(database)
        self._addresses = AddressStore(database)

    async def since(self, since: datetime) -> Sequence[dict[str, Any]]:
        """(kind, state, delivery, failure, messages)."""
        return [dict(row) for row in await self._outbox.deliveries(since)]

    async def waiting(self) -> Sequence[dict[str, Any]]:
        """(kind, waiting, eldest)."""
        return [
            {"kind": one.kind, "waiting": one.waiting, "eldest": one.eldest} for one in await self._outbox.backlog()
        ]

    async def of_phone(self, device: str) -> dict[str, Any]:
        """How it is reached (``push``: the kind of its address, or None), and its last bells."""
        address = await self._addresses.of(device)
        bells = await self._doorbells.of_device(device, _BELLS)
        return {"push": None if address is None else address.kind, "bells": [dict(bell) for bell in bells]}
