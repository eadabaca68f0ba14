"""Something befell a certificate (wrong passwords locked it, a phone blocked it): its holder hears of it on every
phone, and by e-mail.

The SAM counts and locks; its answer to the phone that typed them passes through here. What is told is the gateway's
word: a gateway that keeps it to itself was always able to (docs/threats.md, attacker 4), and the lock holds without it.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import Unavailable
from foundation.ids import Random, is_id, new_id
from foundation.logs import get_logger
from pairing.domain.letters import (
    Letter,
    consent_ended,
    credential_blocked,
    credential_locked,
    credential_unblocked,
    phone_waiting,
)
from pairing.domain.warnings import LATE, RING_LIFE, Happening, read_lock
from pairing.ports import Doorbell, Letters
from pairing.store import DeviceRow, DeviceStore, WarningRow, WarningStore
from protocol.errors import CredentialLocked, PasswordWrong

_log = get_logger(__name__)


class WarningService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        doorbell: Doorbell,
        letters: Letters,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._database, self._clock, self._audit = database, clock, audit
        self._doorbell, self._letters, self._random = doorbell, letters, random
        self._devices, self._warnings = DeviceStore(database), WarningStore(database)

    async def heard(self, device: DeviceRow, answer: PasswordWrong | CredentialLocked) -> None:
        """What the SAM said to this phone's password; if it locked the certificate, the holder is told. Never fails.

        A lock met later than ``LATE`` is told as well, unless it was: whoever should have told it died in between.
        """
        lock = read_lock(answer.data)
        if lock is None:
            return
        locked_it = isinstance(answer, PasswordWrong)
        if not locked_it and self._clock.now() < lock.since + LATE:
            return
        phone = device if locked_it else None
        nickname = None if phone is None else phone.nickname
        await self._tell(lock, phone, credential_locked(nickname, lock.since, lock.until))

    async def blocked(self, device: DeviceRow, credential: str, since: datetime) -> None:
        """This phone shut a certificate: its other phones hear of it. Never fails; told once, however often called."""
        letter = credential_blocked(device.nickname or "", since)
        await self._tell(Happening("credential_blocked", credential, since), device, letter, elsewhere=True)

    async def unblocked(self, device: DeviceRow, credential: str, since: datetime) -> None:
        """It opened it again. ``since``: of the block that ended, which names the event."""
        letter = credential_unblocked(device.nickname or "", self._clock.now())
        await self._tell(Happening("credential_unblocked", credential, since), device, letter, elsewhere=True)

    async def consent_ended(self, credential: str, client: str, since: datetime) -> None:
        """Wrong factors ended what a holder had consented to: every phone hears of it. Never fails."""
        await self._tell(Happening("consent_ended", credential, since), None, consent_ended(client, since))

    async def waits(self, device: DeviceRow, credential: str, since: datetime, until: datetime) -> None:
        """This phone was paired and may decide later: those that decide already hear of it. Never fails."""
        letter = phone_waiting(device.nickname or "", since, until)
        await self._tell(Happening("phone_waiting", credential, since, until), device, letter, elsewhere=True)

    async def waits_no_more(self, connection: Connection, credential: str, phone: str) -> None:
        """It decides now, or is gone."""
        for old in await self._warnings.settle_waits(connection, credential, phone, self._clock.now()):
            await self._doorbell.settle(connection, old)

    async def of(self, device: DeviceRow) -> Sequence[WarningRow]:
        """What this phone has to show."""
        return await self._warnings.of(device.id)

    async def dismiss(self, device: DeviceRow, warning: str) -> None:
        """Its holder read it here. One that is not this phone's, or is gone, changes nothing."""
        if not is_id(warning, "wrn"):
            return
        async with self._database.transaction() as connection:
            if await self._warnings.dismiss(connection, warning, device.id, self._clock.now()):
                await self._doorbell.settle(connection, warning)

    async def _tell(
        self, happening: Happening, phone: DeviceRow | None, letter: Letter, *, elsewhere: bool = False
    ) -> None:
        """``elsewhere``: the phone it came from knows already; its row is written all the same, and read at once, so
        that the letter goes out once."""
        try:
            if await self._write(happening, phone, elsewhere):
                await self._letters.to_holders([happening.credential], letter)
        except Unavailable as error:
            _log.warning("holder_not_warned", credential=happening.credential, error_code=error.code)

    async def _write(self, happening: Happening, phone: DeviceRow | None, elsewhere: bool) -> int:
        now, told = self._clock.now(), 0
        source = None if phone is None else phone.id
        async with self._database.transaction() as connection:
            if happening.kind == "credential_unblocked":
                for old in await self._warnings.settle(connection, happening.credential, happening.since, now):
                    await self._doorbell.settle(connection, old)
            devices = await self._devices.to_ring(connection, happening.credential, now)
            if happening.kind == "phone_waiting" and source is not None:
                devices.append(
                    source
                )  # a row of its own: when no other phone is left, the letter goes out all the same
            for device in devices:
                warning = new_id("wrn", self._random)
                if not await self._warnings.add(connection, warning, device, happening, source, now):
                    continue
                if elsewhere and device == source:
                    await self._warnings.dismiss(connection, warning, device, now)
                else:
                    await self._doorbell.ring(connection, [device], warning, now + RING_LIFE)
                told += 1
            if told:
                self._audit.note(
                    connection, "holder.warned", credential=happening.credential, phones=told, device=source
                )
        return told
