"""What waits in the outbox is sealed: numbers, addresses and codes are nobody's to read in a table or a backup.

AES-256-GCM under a key that only gateways have, a random nonce per message. The kind and the expiry are authenticated
with it, so that a row's writer cannot turn an e-mail into an SMS or make an old code young.
"""

from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.encoding import JsonObject, canonical_json, strict_json
from push.domain.outbox import Kind
from push.errors import SealDamaged

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
MAX_CONTENT: Final = 64 * 1024


class Seal:
    """Closes and opens contents."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError unless the key has 32 bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the outbox key must have {KEY_BYTES} bytes")
        self._cipher = AESGCM(key)

    def close(self, content: JsonObject, kind: Kind, expires_at: datetime, nonce: bytes) -> bytes:
        """Nonce and ciphertext. ``nonce``: 12 random bytes, never the same twice."""
        return nonce + self._cipher.encrypt(nonce, canonical_json(content), _about(kind, expires_at))

    def open(self, sealed: bytes, kind: Kind, expires_at: datetime) -> JsonObject:
        """The content. Raises SealDamaged."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, ciphertext, _about(kind, expires_at))
        except (InvalidTag, ValueError) as cause:
            raise SealDamaged(f"a queued {kind} does not open") from cause
        content = strict_json(plain, max_bytes=MAX_CONTENT)
        assert isinstance(content, dict), "we sealed an object"
        return content


def _about(kind: Kind, expires_at: datetime) -> bytes:
    return f"linkid-outbox-v1|{kind}|{int(expires_at.timestamp())}".encode("ascii")
