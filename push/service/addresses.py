"""A phone says where it is reached while its app is closed, and a push is carried there."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random
from foundation.logs import get_logger
from push.domain.addresses import Address, AddressBook, AddressKind, read_fcm, read_webpush
from push.domain.bombing import REMEMBERED, next_push
from push.errors import AddressDead, CarrierBusy, NotWanted, PushNotOffered
from push.ports import Parcel, PushService
from push.service.numbers import PushNumbers
from push.store import AddressStore, DoorbellStore

_NONCE_BYTES = 12

_log = get_logger(__name__)


@dataclass(frozen=True)
class Offer:
    """What this deployment can push to, and what this phone registered."""

    vapid: str | None
    """The key that a browser subscribes with; None: no Web Push here."""
    fcm: bool
    registered: AddressKind | None


class AddressService:
    """Phones' addresses."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        book: AddressBook,
        *,
        vapid: str | None,
        fcm: bool,
        hosts: Collection[str],
        random: Random = secrets.token_bytes,
    ) -> None:
        """``vapid``: our public key as browsers take it, if Web Push is set up. ``hosts``: push services known."""
        self._database = database
        self._store = AddressStore(database)
        self._clock = clock
        self._book = book
        self._vapid = vapid
        self._fcm = fcm
        self._hosts = frozenset(hosts)
        self._random = random

    async def offer(self, device: str) -> Offer:
        """What a phone may register, and whether it has."""
        row = await self._store.of(device)
        return Offer(self._vapid, self._fcm, None if row is None else row.kind)

    async def register_webpush(self, device: str, endpoint: str, p256dh: str, auth: str) -> None:
        """The phone's address from now on. Raises PushNotOffered, AddressInvalid."""
        if self._vapid is None:
            raise PushNotOffered("no Web Push")
        await self._put(device, read_webpush(endpoint, p256dh, auth, self._hosts))

    async def register_fcm(self, device: str, fid: str) -> None:
        """Likewise."""
        if not self._fcm:
            raise PushNotOffered("no FCM")
        await self._put(device, read_fcm(fid))

    async def forget(self, device: str) -> None:
        """The phone wants none."""
        async with self._database.transaction() as connection:
            await self._store.forget(connection, device)

    async def _put(self, device: str, address: Address) -> None:
        sealed = self._book.close(address, device, self._random(_NONCE_BYTES))
        async with self._database.transaction() as connection:
            name, now = self._book.name(address), self._clock.now()
            await self._store.put(connection, device, address.kind, name, sealed, now)


class PushCarrier:
    """See ports.Carrier: takes the messages of the kind ``push`` to the service of the phone's address."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        book: AddressBook,
        services: Mapping[AddressKind, PushService],
        *,
        numbers: PushNumbers | None = None,
    ) -> None:
        """``services``: those that this process speaks to."""
        self._database = database
        self._addresses = AddressStore(database)
        self._doorbells = DoorbellStore(database)
        self._clock = clock
        self._book = book
        self._services = dict(services)
        self._numbers = numbers or PushNumbers()

    async def carry(self, parcel: Parcel) -> None:
        """One push, when it is the phone's turn. Raises NotWanted when there is no address any more."""
        device, doorbell = str(parcel.content["device"]), str(parcel.content["unless_heard"])
        row = await self._addresses.of(device)
        service = None if row is None else self._services.get(row.kind)
        if row is None or service is None:
            raise NotWanted("no address")
        await self._take_turn(device, doorbell)
        try:
            address = self._book.open(row.sealed, row.kind, device)
            await service.ring(address, doorbell, parcel.expires_at - self._clock.now())
        except AddressDead:
            if await self._addresses.end(device, row.name):
                self._numbers.dead_addresses.labels(row.kind).inc()
                _log.info("push_address_ended", device=device, kind=row.kind)
            raise
        except BaseException:
            async with self._database.transaction() as connection:
                await self._doorbells.pushed(connection, doorbell, None)
            raise

    async def _take_turn(self, device: str, doorbell: str) -> None:
        """Written down before it goes, so that no rival and no other gateway sends one too. Raises CarrierBusy."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            unanswered, last = await self._doorbells.unanswered(connection, device, doorbell, now - REMEMBERED)
            wait = next_push(unanswered, last, now)
            if wait > timedelta(0):
                raise CarrierBusy("its last push is not answered yet", retry_after=ceil(wait.total_seconds()))
            await self._doorbells.pushed(connection, doorbell, now)
