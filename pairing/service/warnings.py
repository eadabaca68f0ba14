"""Wrong passwords locked a certificate: its holder hears of it on every phone, and by e-mail.

The SAM counts and locks; its answer to the phone that typed them passes through here. What is told is the gateway's
word: a gateway that keeps it to itself was always able to (docs/threats.md, attacker 4), and the lock holds without it.
"""

import secrets
from collections.abc import Sequence

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.ids import Random, is_id, new_id
from foundation.logs import get_logger
from pairing.domain.letters import credential_locked
from pairing.domain.warnings import LATE, RING_LIFE, Lock, read_lock
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
        try:
            await self._tell(lock, device if locked_it else None)
        except Unavailable as error:
            _log.warning("holder_not_warned", credential=lock.credential, error_code=error.code)

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

    async def _tell(self, lock: Lock, phone: DeviceRow | None) -> None:
        now, told = self._clock.now(), 0
        source = None if phone is None else phone.id
        async with self._database.transaction() as connection:
            for device in await self._devices.to_ring(connection, lock.credential):
                warning = new_id("wrn", self._random)
                if await self._warnings.add(connection, warning, device, lock, source, now):
                    await self._doorbell.ring(connection, [device], warning, now + RING_LIFE)
                    told += 1
            if told:
                self._audit.note(connection, "holder.warned", credential=lock.credential, phones=told, device=source)
        if told:
            nickname = None if phone is None else phone.nickname
            await self._letters.to_holders([lock.credential], credential_locked(nickname, lock.since, lock.until))
