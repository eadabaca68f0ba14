"""A phone's passkey at the gateway: it carries the documents, and tells the holder by e-mail.

Whether a passkey stands, and whether it spoke, the SAM judges alone; a gateway that leaves its word out of a decision
gets the decision refused.
"""

from foundation.clock import Clock
from foundation.encoding import JsonObject
from foundation.ids import is_id
from pairing.domain.letters import passkey_enrolled, passkey_removed
from pairing.errors import BindingNotActive, CredentialNotOfPhone
from pairing.ports import FixedDocument, Letters, Sam
from pairing.store import DeviceRow


class PasskeyService:
    """One per gateway."""

    def __init__(self, clock: Clock, *, sam: Sam, letters: Letters) -> None:
        """The roof brings them together."""
        self._clock, self._sam, self._letters = clock, sam, letters

    async def ask(self, device: DeviceRow, credential: str, passkey: JsonObject | None) -> FixedDocument:
        """A document by which the phone's passkey, {``id``, ``key``}, speaks from now on; None: does so no longer.

        Approving it needs the usage password and that passkey's word. Raises CredentialNotOfPhone, and what the SAM
        refuses: PasskeyStands, NoPasskey, PasskeyInvalid.
        """
        if not is_id(credential, "cred"):
            raise CredentialNotOfPhone(credential[:40])
        try:
            if passkey is None:
                return await self._sam.fix_passkey_end(device.id, credential)
            return await self._sam.fix_passkey(device.id, credential, passkey)
        except BindingNotActive as cause:  # somebody else's certificate and none at all: the same answer
            raise CredentialNotOfPhone(credential) from cause

    async def decided(self, device: DeviceRow, *, enrolled: bool) -> None:
        """The SAM took this phone's yes: the holder hears of it by another way."""
        letter = (passkey_enrolled if enrolled else passkey_removed)(device.nickname or "", self._clock.now())
        bound = await self._sam.bindings(device.id)
        await self._letters.to_holders(sorted({one.credential for one in bound}), letter)
