"""A phone that waits: the holder's other phones hear of it, and let it decide at once or send it away.

How long it waits, and who may end that, is the SAM's to say and to keep: nothing here shortens it. What is told is the
gateway's word; one that keeps it to itself spares a thief the holder's no, not the wait.
"""

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import is_id
from pairing.domain.letters import phone_bound, phone_removed
from pairing.errors import BindingNotActive, DeviceNotFound
from pairing.ports import Binding, FixedDocument, Letters, Sam
from pairing.service.warnings import WarningService
from pairing.store import DeviceRow, DeviceStore


class AdmissionService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        sam: Sam,
        letters: Letters,
        warnings: WarningService,
    ) -> None:
        """The gateway's database."""
        self._database, self._clock, self._audit = database, clock, audit
        self._sam, self._letters, self._warnings = sam, letters, warnings
        self._devices = DeviceStore(database)

    async def begun(self, device: DeviceRow, binding: Binding) -> None:
        """This phone's test came back, and it waits: it is rung from when it may decide, and the holder is told."""
        if binding.until is None or binding.since is None:
            return
        # pairing, step 9, of a phone that waits
        async with self._database.transaction() as connection:
            await self._devices.ring_for(connection, device.id, binding.credential, binding.until)
        await self._warnings.waits(device, binding.credential, binding.since, binding.until)

    async def ask(self, device: DeviceRow, phone: str, credential: str) -> FixedDocument:
        """A document by which this phone lets another one decide at once, or refuses it.

        Raises DeviceNotFound for a phone that does not wait, or that shares nothing with this one, as for none at all.
        """
        if not is_id(phone, "dev") or not is_id(credential, "cred"):
            raise DeviceNotFound(phone[:40])
        try:
            return await self._sam.fix_admit(device.id, phone, credential)
        except BindingNotActive as cause:
            raise DeviceNotFound(phone) from cause

    async def decided(self, device: DeviceRow, credential: str, phone: str, *, yes: bool) -> None:
        """The SAM judged this phone's answer; again is the same."""
        found, now = await self._devices.find(phone), self._clock.now()
        nickname = "" if found is None else found.nickname or ""
        left = yes or await self._sam.bindings(phone)
        async with self._database.transaction() as connection:
            await self._warnings.waits_no_more(connection, credential, phone)
            if yes:
                await self._devices.ring_now(connection, phone, credential, now)
            else:
                await self._devices.end_rings(connection, phone, [credential])
                if not left:
                    await self._devices.retire(connection, phone, now)
            event = "device.admitted" if yes else "device.sent_away"
            self._audit.note(connection, event, device=phone, by=device.id, credential=credential)
        letter = phone_bound(nickname, now) if yes else phone_removed(nickname, device.nickname or "", now)
        await self._letters.to_holders([credential], letter)
