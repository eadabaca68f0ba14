"""What a provider tells later: believed under its signature only, and only written down and counted."""

from collections.abc import Mapping

from foundation.database import Database
from push.domain.deliveries import TWILIO
from push.errors import CallbackRefused
from push.ports import CallbackSignature
from push.service.numbers import PushNumbers
from push.store import OutboxStore

_LARGEST = 2**63 - 1


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
