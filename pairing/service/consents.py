"""Consents to factors that an application sends, and the generators of codes: the gateway lists, carries and ends.

What a consent allows, and what a code is, the SAM says; the secret of a generator passes through here encrypted to the
phone's own key.
"""

from collections.abc import Sequence

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.encoding import JsonObject
from foundation.ids import is_id
from pairing.errors import BindingNotActive, ConsentNotFound, CredentialNotOfPhone, ExplicitOff
from pairing.ports import FixedDocument, GivenConsent, Sam
from pairing.store import DeviceRow
from protocol.errors import ConsentUnknown


class ConsentService:
    """One per gateway. ``offered``: whether the operator lets applications ask for consents at all."""

    def __init__(self, database: Database, audit: AuditChain, sam: Sam, *, offered: bool) -> None:
        """The gateway's database."""
        self._database, self._audit, self._sam, self.offered = database, audit, sam, offered

    async def of(self, device: DeviceRow) -> Sequence[GivenConsent]:
        """Those of this phone's certificates that are not over."""
        return await self._sam.consents(device.id) if self.offered else ()

    async def end(self, device: DeviceRow, consent: str) -> None:
        """The holder takes it back, on whichever phone. Again is the same. Raises ConsentNotFound."""
        if not is_id(consent, "req"):
            raise ConsentNotFound("not a consent's id")
        try:
            await self._sam.end_consent(consent, device.id)
        except ConsentUnknown as cause:
            raise ConsentNotFound(consent) from cause
        async with self._database.transaction() as connection:
            self._audit.note(connection, "consent.end_carried", consent=consent, device=device.id)

    async def generator(self, device: DeviceRow, credential: str, delivery_key: JsonObject) -> FixedDocument:
        """A document by which this phone gets what makes codes; approving it needs the usage password.

        Raises ExplicitOff, CredentialNotOfPhone.
        """
        if not self.offered:
            raise ExplicitOff()
        if not is_id(credential, "cred"):
            raise CredentialNotOfPhone(credential[:40])
        try:
            return await self._sam.fix_generator(device.id, credential, delivery_key)
        except BindingNotActive as cause:
            raise CredentialNotOfPhone(credential) from cause
