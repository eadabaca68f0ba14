"""What lies in the database and only the owner of a code or token can open. Pure.

A signature session's handle carries the activation secret. It is encrypted under a key that follows from the code, then
from the access token, of which the database has digests only: a stolen database opens no session.
"""

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.ids import Random

_NONCE: Final = 12


class SealBroken(Exception):
    """Another secret, another row, or changed bytes."""


def code_secret(wait_secret: str) -> str:
    """The secret half of the code that a wait leads to: whoever waits can make it, again and again, and nobody else."""
    return hmac.digest(wait_secret.encode("ascii"), b"linkid-psc-code-v1", "sha256").hex()


def seal(secret: str, name: str, text: str, random: Random) -> bytes:
    """``text`` for whoever has ``secret``; ``name``: the row it belongs to, so that rows cannot be exchanged."""
    nonce = random(_NONCE)
    return nonce + AESGCM(_key(secret)).encrypt(nonce, text.encode("utf-8"), name.encode("ascii"))


def unseal(secret: str, name: str, sealed: bytes) -> str:
    """The text. Raises SealBroken."""
    try:
        opened = AESGCM(_key(secret)).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode("ascii"))
    except (InvalidTag, ValueError) as cause:
        raise SealBroken from cause
    return opened.decode("utf-8")


def _key(secret: str) -> bytes:
    # 256 random bits need no stretching; the label keeps this key apart from the digest that is stored.
    return hashlib.sha256(b"linkid-psc-seal-v1\0" + secret.encode("ascii")).digest()
