"""Documents that wait for their signatures, sealed under the secret of their request: only who asked opens them. Pure.

HKDF-SHA256 over the 32 random bytes, one key for sealing and one for telling documents apart; AES-256-GCM with a random
nonce; the request, the key and whether it is finished in the authenticated part, so that no row serves for another.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.ids import Random
from hsm_service.signing.domain.secret import ActivationSecret
from hsm_service.signing.errors import PreparationDamaged

_NONCE: Final = 12


@dataclass(frozen=True)
class Kept:
    """``content``: the preparation; the signed document once it is ``finished``."""

    number: int
    finished: bool
    content: bytes = field(repr=False)


def key_of(secret: ActivationSecret, words: bytes) -> bytes:
    """What the same words have the same of, to whoever has the secret. To others it says nothing about the document."""
    return hmac.digest(_derived(secret, b"linkid-preparation-key-v1"), words, "sha256")


def seal(
    secret: ActivationSecret, content: bytes, *, request: str, key: bytes, finished: bool, random: Random
) -> bytes:
    """Nonce and ciphertext."""
    nonce = random(_NONCE)
    return nonce + _cipher(secret).encrypt(nonce, content, _beside(request, key, finished))


def unseal(secret: ActivationSecret, sealed: bytes, *, request: str, key: bytes, finished: bool) -> bytes:
    """Raises PreparationDamaged: somebody wrote in the table."""
    try:
        return _cipher(secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], _beside(request, key, finished))
    except (InvalidTag, ValueError) as cause:
        raise PreparationDamaged("what is kept does not open") from cause


def _beside(request: str, key: bytes, finished: bool) -> bytes:
    return request.encode("ascii") + (b"+" if finished else b"-") + key


def _cipher(secret: ActivationSecret) -> AESGCM:
    return AESGCM(_derived(secret, b"linkid-preparation-seal-v1"))


def _derived(secret: ActivationSecret, label: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=label).derive(secret.value)
