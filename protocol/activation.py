"""An approval sealed to the caller that will use it (docs/protocol.md section 6)."""

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from foundation.encoding import canonical_json
from protocol.algorithms import hashes_digest
from protocol.errors import SealBroken

SECRET_BYTES: Final = 32
KEY_BYTES: Final = 32

_ZERO_NONCE: Final = bytes(12)
"""Each key encrypts once: it comes from a fresh ephemeral key."""


def activation_key(secret: bytes) -> bytes:
    """The public half that goes into the request: X25519 public key of the private key derived from the secret."""
    return _private(secret).public_key().public_bytes_raw()


def additional_data(
    activation: str, request: str, credential: str, digests: Sequence[bytes], sign_algorithm: str
) -> bytes:
    """What the seal is tied to: which activation, of which request, for which hashes and algorithm."""
    return canonical_json(
        {
            "v": 1,
            "activation": activation,
            "request": request,
            "credential": credential,
            "hashes": hashes_digest(digests),
            "sign_algorithm": sign_algorithm,
        }
    )


def session_data(
    activation: str,
    request: str,
    credential: str,
    *,
    until: int,
    maximum: int,
    sign_algorithm: str,
    session_key: Sequence[str],
) -> bytes:
    """What a session's seal is tied to: its end (seconds since 1970), how many signatures, and whose keys sign uses."""
    return canonical_json(
        {
            "v": 1,
            "activation": activation,
            "request": request,
            "credential": credential,
            "until": until,
            "maximum": maximum,
            "sign_algorithm": sign_algorithm,
            "session_key": list(session_key),
        }
    )


def seal(wrapped: bytes, key: bytes, aad: bytes, *, ephemeral: bytes) -> bytes:
    """``e_public || ciphertext``; ``key`` is the activation key, ``ephemeral`` 32 fresh random bytes.

    Raises SealBroken when the activation key is one of the few points that give the same secret to everybody.
    """
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    public = private.public_key().public_bytes_raw()
    cipher = AESGCM(_seal_key(private, X25519PublicKey.from_public_bytes(key), public, key))
    return public + cipher.encrypt(_ZERO_NONCE, wrapped, aad)


def open_sealed(secret: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The wrapped key. Raises SealBroken."""
    if len(secret) != SECRET_BYTES or len(sealed) < KEY_BYTES + 16:
        raise SealBroken("not a secret, or not a sealed blob")
    private = _private(secret)
    public = sealed[:KEY_BYTES]
    key = private.public_key().public_bytes_raw()
    cipher = AESGCM(_seal_key(private, X25519PublicKey.from_public_bytes(public), public, key))
    try:
        return cipher.decrypt(_ZERO_NONCE, sealed[KEY_BYTES:], aad)
    except InvalidTag as cause:
        raise SealBroken("the secret does not open this activation") from cause


def _private(secret: bytes) -> X25519PrivateKey:
    if len(secret) != SECRET_BYTES:
        raise SealBroken(f"an activation secret has {SECRET_BYTES} bytes")
    derived = HKDF(hashes.SHA256(), 32, salt=b"", info=b"linkid-activation-v1").derive(secret)
    return X25519PrivateKey.from_private_bytes(derived)


def _seal_key(mine: X25519PrivateKey, theirs: X25519PublicKey, e_public: bytes, key: bytes) -> bytes:
    try:
        z = mine.exchange(theirs)
    except ValueError as cause:  # all-zero result: a point of small order
        raise SealBroken("not an X25519 key") from cause
    return HKDF(hashes.SHA256(), 32, salt=e_public + key, info=b"linkid-sealed-v1").derive(z)
