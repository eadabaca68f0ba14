"""What push needs from others: carriers to the outside, and to know which phone is calling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiohttp import web

from foundation.encoding import JsonObject


@dataclass(frozen=True)
class Parcel:
    """A message in a carrier's hands."""

    content: JsonObject
    expires_at: datetime
    created_at: datetime


class Carrier(Protocol):
    """Takes messages of one kind to the outside. One call, at most one message: repeating is the outbox's decision."""

    async def carry(self, parcel: Parcel) -> None:
        """Return when the outside accepted it. Raises CarrierBusy, CarrierUnsure or CarrierRefused, and within 20 s."""
        ...


class Devices(Protocol):
    """Who a phone is."""

    async def device_id(self, request: web.Request) -> str:
        """The paired phone that made this request. Raises NotAuthenticated."""
        ...


@dataclass(frozen=True)
class InboxMessage:
    """An SMS or e-mail that would have been sent."""

    number: int
    kind: str
    to: str
    subject: str
    text: str
    at: datetime


class Inbox(Protocol):
    """The development inbox."""

    def messages(self) -> Sequence[InboxMessage]:
        """The newest first."""
        ...
