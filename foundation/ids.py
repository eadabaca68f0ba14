"""Identifiers and tokens that say what they are.

An id is ``prefix_`` + 26 characters of lowercase Crockford base32 holding 128 random bits. A token is an id followed by
``_`` and a secret: the first half may be logged and looked up, the second is shown once and kept only as a digest.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from foundation.encoding import b64u
from foundation.errors import NotAuthenticated

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's, lowercase: no i, l, o, u, so that an id can be read aloud."""

_PREFIX = re.compile(r"[a-z][a-z0-9]{1,11}\Z")
# 26 * 5 = 130 bits for 128: the first character holds three bits only; above 7 it would be a second spelling.
_BODY = re.compile(r"[0-7][0-9abcdefghjkmnpqrstvwxyz]{25}\Z")
_SECRET = re.compile(r"[A-Za-z0-9-]{1,128}\Z")
_SECRET_BYTES: Final = 32

Random = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""


class BadToken(NotAuthenticated):
    """Text that is not a token of the kind expected here. The text itself is never repeated in the error."""

    code = "bad_token"
    summary = "The token is not valid."


@dataclass(frozen=True)
class Token:
    """A token just made. ``text`` goes to its owner once; keep ``public_id`` and ``secret_digest(secret)``."""

    public_id: str
    secret: str = field(repr=False)
    text: str = field(repr=False)


def new_id(prefix: str, random: Random = secrets.token_bytes, *, near: str | None = None) -> str:
    """A new identifier, as ``cred_3z8k…``. Raises ValueError on a prefix that is not ``[a-z][a-z0-9]{1,11}``.

    ``near``: an id that this one shall end like (123 bits are random then): calls about either go to the same process
    (``foundation.channel.PrivateClient``).
    """
    if not _PREFIX.match(prefix):
        raise ValueError(f"not an id prefix: {prefix!r}")
    made = f"{prefix}_{_base32(random(16))}"
    return made if near is None else made[:-1] + near[-1]


def is_id(text: object, prefix: str) -> bool:
    """Whether this is an identifier of that kind, in its one spelling."""
    if not isinstance(text, str):
        return False
    head, separator, body = text.partition("_")
    return head == prefix and separator == "_" and _BODY.match(body) is not None


def new_token(prefix: str, random: Random = secrets.token_bytes) -> Token:
    """A new token: 128 public bits, 256 secret bits."""
    public_id = new_id(prefix, random)
    # Base32 again: "_" separates the halves, so the secret's alphabet must not have it (base64url's does).
    secret = _base32(random(_SECRET_BYTES))
    return Token(public_id, secret, f"{public_id}_{secret}")


def parse_token(text: object, prefix: str) -> tuple[str, str]:
    """The id and the secret of a token's text. Raises BadToken, naming the kind expected and nothing of the text."""
    if not isinstance(text, str) or len(text) > 256:
        raise BadToken(f"expected a token that begins with {prefix}_")
    head, _, rest = text.partition("_")
    body, _, secret = rest.partition("_")
    if head != prefix or not _BODY.match(body) or not _SECRET.match(secret):
        raise BadToken(f"expected a token that begins with {prefix}_")
    return f"{prefix}_{body}", secret


def secret_digest(secret: str) -> bytes:
    """What is stored of a secret: SHA-256. Secrets here have 256 random bits, so stretching would add nothing."""
    return hashlib.sha256(secret.encode("utf-8")).digest()


def secret_matches(secret: str, digest: bytes) -> bool:
    """Whether a secret is the one whose digest was stored, in constant time."""
    return hmac.compare_digest(secret_digest(secret), digest)


def same(left: str | bytes, right: str | bytes) -> bool:
    """Equality in constant time, for text and bytes alike."""
    return hmac.compare_digest(
        left.encode("utf-8") if isinstance(left, str) else left,
        right.encode("utf-8") if isinstance(right, str) else right,
    )


def _base32(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    length = (len(data) * 8 + 4) // 5
    return "".join([ALPHABET[(number >> shift) & 31] for shift in range(5 * length - 5, -1, -5)])


def digest_text(data: bytes) -> str:
    """SHA-256 as base64url: how digests are written in documents and in the audit."""
    return b64u(hashlib.sha256(data).digest())
