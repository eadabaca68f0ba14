"""What a holder has near their certificates: phones, computers, and what was asked and decided. Listed and sent away.

Who is bound and associated is the SAM's word; nicknames and when somebody was last heard of are ours. Sending away only
takes rights: first the SAM's, then our rows, and whatever a failure left half done is finished by doing it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import is_id
from pairing.domain.letters import phone_removed
from pairing.errors import DeviceNotFound, NothingToDecide
from pairing.ports import Letters, PastRequests, Sam
from pairing.service.phones import PhoneService
from pairing.store import DeviceRow, DeviceStore, SeenRow


@dataclass(frozen=True)
class ListedPhone:
    """A phone that may decide for a certificate of this one's, or is about to. ``last_used`` None: nobody wrote it."""

    id: str
    nickname: str
    state: str
    since: datetime
    last_used: datetime | None
    credentials: Sequence[str]
    waits: Mapping[str, datetime]
    """By credential: when it may decide, of those for which it waits."""


class PossessionService:
    """One per gateway."""

    def __init__(
        self, database: Database, clock: Clock, audit: AuditChain, *, sam: Sam, letters: Letters, phones: PhoneService
    ) -> None:
        """The gateway's database."""
        self._database, self._clock, self._audit = database, clock, audit
        self._sam, self._letters, self._phones = sam, letters, phones
        self._devices = DeviceStore(database)

    async def phones(self, device: DeviceRow) -> Sequence[ListedPhone]:
        """Every phone of this one's certificates, this one included, the oldest first."""
        bound = await self._sam.phones(device.id)
        seen = {row.id: row for row in await self._devices.seen(sorted({one.device for one in bound}))}
        listed: dict[str, ListedPhone] = {}
        for one in sorted(bound, key=lambda one: (one.since, one.device)):
            row, before = seen.get(one.device), listed.get(one.device)
            waits = {} if one.until is None else {one.credential: one.until}
            nickname = one.nickname if row is None or row.nickname is None else row.nickname
            listed[one.device] = ListedPhone(
                one.device,
                nickname,
                "active" if "active" in (one.state, before and before.state) else one.state,
                one.since if before is None else before.since,
                None if row is None else row.last_seen_at,
                [*(before.credentials if before else ()), one.credential],
                {**(before.waits if before else {}), **waits},
            )
        return list(listed.values())

    async def remove_phone(self, device: DeviceRow, other: str) -> None:
        """Another phone of the holder's is sent away from what the two share. Again is the same.

        Raises DeviceNotFound for one that shares nothing with this one, as for one that does not exist.
        """
        if other == device.id:
            await self._phones.remove(device)
            return
        shared = await self._shared(device, other)
        found = await self._devices.find(other) if shared else None
        if found is None:
            raise DeviceNotFound(other[:40])
        await self._sam.end_bindings(other, by=device.id)
        left = await self._sam.bindings(other)
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await self._devices.end_rings(connection, other, shared)
            if not left:
                await self._devices.retire(connection, other, now)
            self._audit.note(connection, "device.sent_away", device=other, by=device.id, count=len(shared))
        await self._letters.to_holders(shared, phone_removed(found.nickname or "", device.nickname or "", now))

    async def history(self, device: DeviceRow, before: str | None) -> tuple[PastRequests, Mapping[str, str]]:
        """A page of past requests, and the nicknames of the phones that decided. Raises NothingToDecide."""
        if before is not None and not is_id(before, "req"):
            raise NothingToDecide("not a request's id")
        page = await self._sam.history(device.id, before)
        deciders = sorted({one.device for one in page.requests if one.device is not None})
        rows: Sequence[SeenRow] = await self._devices.seen(deciders)
        return page, {row.id: row.nickname for row in rows if row.nickname is not None}

    async def _shared(self, device: DeviceRow, other: str) -> list[str]:
        """Credentials of both, as the SAM knows, or as our rings still say when the SAM was done and we were not."""
        if not is_id(other, "dev"):
            return []
        told = {one.credential for one in await self._sam.phones(device.id) if one.device == other}
        return sorted(told | set(await self._devices.rings_of_both(device.id, other, self._clock.now())))
