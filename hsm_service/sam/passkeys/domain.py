"""A passkey, as the SAM keeps it. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from foundation.encoding import JsonObject, b64u
from protocol.documents import DocumentType
from protocol.errors import PasskeyInvalid
from protocol.keys import P256Key

UNGUARDED: Final[frozenset[DocumentType]] = frozenset({"pair", "test"})
"""What a phone approves without its passkey: how it comes to decide anything. Whatever it is bound to anew by the same
key has the passkey of before, and what it is bound to by another key waits (``bindings``)."""


@dataclass(frozen=True)
class Passkey:
    """One row of ``sam.passkeys``. It stands as long as a binding that has not ended names it."""

    id: str
    device: str
    device_key: P256Key
    """The phone, by the key in front of which it stands."""
    handle: bytes
    """WebAuthn's credential id: how the phone's authenticator finds it."""
    key: P256Key
    counter: int
    """The highest that it has said; 0 for authenticators that do not count (most on phones)."""
    document: str
    created: datetime
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """Counters only grow."""
        return self.counter

    def meaning(self) -> JsonObject:
        """Under the MAC: everything."""
        return {
            "id": self.id,
            "device": self.device,
            "device_key": self.device_key.jkt,
            "handle": b64u(self.handle),
            "key": self.key.jkt,
            "counter": self.counter,
            "document": self.document,
            "created": int(self.created.timestamp()),
        }

    def used(self, counter: int) -> "Passkey":
        """P8. It spoke, and said this counter: a later one than every one before, unless it does not count at all.

        Raises PasskeyInvalid.
        """
        if (counter or self.counter) and counter <= self.counter:
            raise PasskeyInvalid("its counter did not go on: it spoke before, or was copied")
        return replace(self, counter=counter)
