"""The activation secret, and the handle and SAD that carry it (docs/protocol.md section 6, decision 0005).

The secret is 32 random bytes. From it follows an X25519 key pair (``protocol.activation``): the public half goes into
the approval document, so that the SAM can seal the opened key to it. Handle and SAD are the same id and the same secret
under two prefixes, so that delivering the SAD twice is the same delivery.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from foundation.ids import BadToken, Random, new_id, parse_token
from protocol.activation import SECRET_BYTES, activation_key

HANDLE: Final = "hdl"
SAD: Final = "sad"


@dataclass(frozen=True)
class ActivationSecret:
    """The 32 bytes. They are in no table and in no log."""

    value: bytes = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The X25519 public key that stands in the document as ``activation_key``: 32 bytes."""
        return activation_key(self.value)

    @property
    def digest(self) -> bytes:
        """SHA-256: what the gateway keeps, to recognise it."""
        return hashlib.sha256(self.value).digest()

    def is_the_one_of(self, digest: bytes) -> bool:
        """In constant time."""
        return hmac.compare_digest(self.digest, digest)


def new_secret(random: Random) -> ActivationSecret:
    """Fresh randomness."""
    return ActivationSecret(random(SECRET_BYTES))


def secret_of_call(key: bytes, name: str) -> ActivationSecret:
    """The secret of a request that its caller finds again by repeating its call (decision 0020).

    ``key``: 32 bytes that only whoever makes this very call can have made; ``name``: the request's, so that the same
    call at another time has another secret. HMAC-SHA-256: as good as fresh randomness to all who lack the key.
    """
    return ActivationSecret(hmac.digest(key, b"linkid-call-v1\x00" + name.encode("ascii"), "sha256"))


def new_request_name(random: Random) -> str:
    """The id that handle and SAD share, in the handle's spelling (``hdl_…``)."""
    return new_id(HANDLE, random)


def handle_text(name: str, secret: ActivationSecret) -> str:
    """What the caller is given to ask again with."""
    return f"{name}_{secret.value.hex()}"


def sad_text(name: str, secret: ActivationSecret) -> str:
    """What the caller is given to sign with, once approved."""
    return f"{SAD}_{name.removeprefix(HANDLE + '_')}_{secret.value.hex()}"


def read_token(text: object, prefix: str) -> tuple[str, ActivationSecret]:
    """The request's name (always ``hdl_…``) and the secret, from a handle (``hdl``) or a SAD (``sad``).

    Raises BadToken for anything that is not the one spelling of such a token.
    """
    public, secret = read_named(text, prefix)
    return HANDLE + public.removeprefix(prefix), secret


def read_named(text: object, prefix: str) -> tuple[str, ActivationSecret]:
    """The id (``prefix_…``) and the secret of a token that carries one. Raises BadToken likewise."""
    public, secret = parse_token(text, prefix)
    try:
        value = bytes.fromhex(secret)
    except ValueError as cause:
        raise BadToken(f"expected a token that begins with {prefix}_") from cause
    if len(value) != SECRET_BYTES or value.hex() != secret:
        raise BadToken(f"expected a token that begins with {prefix}_")
    return public, ActivationSecret(value)
