"""What push needs from others: carriers and push services outside, and to know which phone is calling."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from foundation.database import Connection
from foundation.encoding import JsonObject
from push.domain.addresses import Address


@dataclass(frozen=True)
class Parcel:
    """A message in a carrier's hands."""

    content: JsonObject
    expires_at: datetime
    created_at: datetime
    number: int = 0
    """The message's own in the outbox, by which a provider may tell later what became of it."""


class Carrier(Protocol):
    """Takes messages of one kind to the outside. One call, at most one message: repeating is the outbox's decision."""

    async def carry(self, parcel: Parcel) -> None:
        """Return when the outside accepted it. Raises CarrierBusy, CarrierUnsure or CarrierRefused, and within 20 s."""
        ...


class PushService(Protocol):
    """Rings at addresses of one kind. One call, at most one push."""

    async def ring(self, address: Address, doorbell: str, life: timedelta) -> None:
        """Return when the service took it, to be thrown away if the phone does not come within ``life``.

        ``doorbell`` is all that may leave. Raises CarrierBusy, CarrierRefused or AddressDead, and within 20 s. There is
        no CarrierUnsure: a push that arrives twice replaces itself, so repeating is harmless.
        """
        ...


class Numbers(Protocol):
    """Telephone numbers of phones."""

    async def number_of(self, connection: Connection, device: str) -> str | None:
        """E.164, the one it proved last; None: not known any more."""
        ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A phone that listens. ``token``: the public half of what it was let in with."""

    device: str
    token: str


class Devices(Protocol):
    """Who a phone is."""

    async def device_id(self, request: web.Request) -> str:
        """The paired phone that made this request. Raises NotAuthenticated."""
        ...

    async def listener(self, request: web.Request) -> Listener:
        """The same, to be asked about again. Raises NotAuthenticated."""
        ...

    async def standing(self, listeners: Sequence[Listener]) -> Collection[str]:
        """The tokens that are still good. Raises Unavailable."""
        ...


class Line(Protocol):
    """Where a stream is written to. Nothing here waits or raises: a phone that is gone has ``LiveHub.leave`` called."""

    def ring(self, doorbell: str) -> None:
        """A doorbell's id."""
        ...

    def beat(self) -> None:
        """A heartbeat."""
        ...

    def end(self) -> None:
        """Nothing comes any more: end it in order."""
        ...


class CallbackSignature(Protocol):
    """A provider's signature over what it tells us."""

    def holds(self, url: str, form: Mapping[str, str], given: str) -> bool:
        """Whether ``given`` is its signature over this address and these parameters."""
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
