"""The password, and the HSM, around a wrapped key (docs/protocol.md section 7).

``k = HMAC_HSM(pepper, hmac_input(…))`` is computed in the HSM by the caller; here are the bytes on both sides of it.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.encoding import b64u, canonical_json

NONCE_BYTES: Final = 12


class DoesNotOpen(Exception):
    """The GCM tag does not hold: a wrong password, or another credential's blob. Never shown outside as such."""


def hmac_input(credential: str, stretched: bytes) -> bytes:
    """What the pepper authenticates: ``linkid-bind-v1 || 0 || credential || 0 || stretched``."""
    return b"linkid-bind-v1\x00" + credential.encode("ascii") + b"\x00" + stretched


def additional_data(credential: str, spki: bytes, *, kek: int, pepper: int) -> bytes:
    """What the ciphertext is tied to; ``spki`` is the DER of the key's SubjectPublicKeyInfo (decision 0002)."""
    digest = b64u(hashlib.sha256(spki).digest())
    return canonical_json({"v": 1, "credential": credential, "spki": digest, "kek": kek, "pepper": pepper})


def generator_input(generator: str, credential: str) -> bytes:
    """What the pepper authenticates for a generator's secret; no password is in it (decision 0038)."""
    return b"linkid-generator-v1\x00" + generator.encode("ascii") + b"\x00" + credential.encode("ascii")


def generator_data(generator: str, credential: str, pepper: int) -> bytes:
    """What that ciphertext is tied to."""
    return canonical_json({"v": 1, "generator": generator, "credential": credential, "pepper": pepper})


def bind(key: bytes, wrapped: bytes, aad: bytes, *, nonce: bytes) -> bytes:
    """``nonce || AES-256-GCM(key, wrapped, aad)``. ``key`` is the 32-byte HMAC, ``nonce`` 12 random bytes."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + AESGCM(key).encrypt(nonce, wrapped, aad)


def unbind(key: bytes, bound: bytes, aad: bytes) -> bytes:
    """The wrapped key. Raises DoesNotOpen."""
    try:
        return AESGCM(key).decrypt(bound[:NONCE_BYTES], bound[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as cause:
        raise DoesNotOpen from cause
