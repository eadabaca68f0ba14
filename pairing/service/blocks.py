"""\"Bloquear tudo": the SAM shuts a phone's certificates, and every other phone of theirs hears of it, as by e-mail.

The gateway decides nothing here: whether a block stands, who may undo it and when is the SAM's to say.
"""

from collections.abc import Sequence

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.ids import is_id
from pairing.errors import BindingNotActive, CredentialNotOfPhone
from pairing.ports import Blocked, FixedDocument, Sam
from pairing.service.warnings import WarningService
from pairing.store import DeviceRow


class BlockService:
    """One per gateway."""

    def __init__(self, database: Database, audit: AuditChain, sam: Sam, warnings: WarningService) -> None:
        """The gateway's database."""
        self._database, self._audit, self._sam, self._warnings = database, audit, sam, warnings

    async def block(self, device: DeviceRow) -> Sequence[Blocked]:
        """Shut all that this phone decides for; what stands now. Again is the same, and tells what was not told yet.

        Raises BindingNotActive.
        """
        blocked = await self._sam.block(device.id)
        async with self._database.transaction() as connection:
            self._audit.note(connection, "block.carried", device=device.id, count=len(blocked))
        for one in blocked:
            if one.by == device.id:
                await self._warnings.blocked(device, one.credential, one.since)
        return blocked

    async def unblock(self, device: DeviceRow, credential: str) -> FixedDocument:
        """A document by which this phone opens a certificate again; approving it needs the usage password.

        Raises CredentialNotOfPhone, and what the SAM refuses: NotBlocked, BlockedElsewhere, UnblockTooEarly.
        """
        if not is_id(credential, "cred"):
            raise CredentialNotOfPhone(credential[:40])
        try:
            return await self._sam.fix_unblock(device.id, credential)
        except BindingNotActive as cause:  # somebody else's certificate and none at all: the same answer
            raise CredentialNotOfPhone(credential) from cause
