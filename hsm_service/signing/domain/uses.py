"""Which counter a use of a session has. Pure.

Callers with a key count for themselves, and sign the number. For the others a number is cut from what makes two calls
the same: their own ``Idempotency-Key``, or else the hashes and algorithms. So a call repeated after a lost answer gets
the stored signatures, with no memory of ours.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.encoding import b64u, canonical_json
from protocol.sessions import MAX_COUNTER

MAX_KEY_CHARACTERS: Final = 255
_BITS: Final = 53


@dataclass(frozen=True)
class SaidUse:
    """What a caller says about this use: ``counter`` None when it does not count, ``signature`` None without a key."""

    counter: int | None = None
    signature: str | None = None
    idempotency_key: str | None = field(default=None, repr=False)

    def counter_for(self, hashes: Sequence[bytes], hash_algorithm: str, sign_algorithm: str) -> int:
        """1 to 2^53 - 1.

        Two keys of one session meet in a number about once in two million sessions of the largest size; the second is
        then refused as ``counter_used``, never answered with the other's signatures.
        """
        if self.counter is not None:
            return self.counter
        same = {
            "key": self.idempotency_key,
            "use": None
            if self.idempotency_key is not None
            else [hash_algorithm, sign_algorithm, *(b64u(one) for one in hashes)],
        }
        digest = hashlib.sha256(b"linkid-counter-v1\x00" + canonical_json(same)).digest()
        return int.from_bytes(digest, "big") >> (256 - _BITS) or MAX_COUNTER
