"""What a page, a code, a token or a pushed request carries, sealed under a key that follows from its own secret.

The secret is its owner's; the database has a digest of it, from which no key follows. So whoever reads the tables finds
neither hashes nor labels nor anything that opens an approved activation. HKDF-SHA256 over 256 random bits,
AES-256-GCM with a random nonce, and the row's id in the authenticated part: a sealed value serves in its own row only.
"""

from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.encoding import canonical_json, strict_json
from foundation.errors import JsonObject
from foundation.ids import Random
from hsm_service.oauth.errors import SealedDamaged

MAX_SEALED: Final = 1024 * 1024
_NONCE: Final = 12


def seal(content: JsonObject, *, row: str, secret: str, random: Random) -> bytes:
    """Nonce and ciphertext."""
    nonce = random(_NONCE)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, canonical_json(content), row.encode("ascii"))


def unseal(sealed: bytes, *, row: str, secret: str) -> dict[str, Any]:
    """The content. Raises SealedDamaged: somebody wrote in the table."""
    try:
        plain = AESGCM(_key(secret)).decrypt(sealed[:_NONCE], sealed[_NONCE:], row.encode("ascii"))
    except (InvalidTag, ValueError) as cause:
        raise SealedDamaged(f"what is sealed in {row} does not open") from cause
    content = strict_json(plain, max_bytes=MAX_SEALED)
    assert isinstance(content, dict), "we sealed an object"
    return content


def _key(secret: str) -> bytes:
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"linkid-oauth-seal-v1")
    return derived.derive(secret.encode("ascii"))
