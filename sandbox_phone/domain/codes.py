"""Codes without a network (RFC 6238), as docs/protocol.md has them: the secret, and what a step shows."""

import hashlib
import hmac
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.jwk import ECKey

from sandbox_phone.domain import keys
from sandbox_phone.domain.encoding import b64u, integer, strict_object, unb64u
from sandbox_phone.errors import Malformed, Untrusted

PERIOD: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 32


def open_delivery(key: ec.EllipticCurvePrivateKey, delivered: object, credential: str) -> bytes:
    """The secret out of ``next.generator``, encrypted to this phone's delivery key. Raises Malformed, Untrusted."""
    sealed: Any = delivered.get("sealed") if isinstance(delivered, dict) else None
    if not isinstance(sealed, str):
        raise Malformed("no generator was delivered")
    numbers = key.private_numbers()
    private: dict[str, str | list[str]] = {**keys.public_jwk(key), "d": b64u(numbers.private_value.to_bytes(32, "big"))}
    try:
        plaintext = jwe.decrypt_compact(sealed, ECKey.import_key(private), algorithms=["ECDH-ES", "A256GCM"]).plaintext
    except Exception as cause:
        raise Untrusted("what was delivered is not for this phone") from cause
    told = strict_object(plaintext or b"")
    if told.get("type") != "generator" or told.get("credential") != credential or integer(told.get("v")) != 1:
        raise Untrusted("another thing than the generator that was asked for")
    if (told.get("algorithm"), told.get("digits"), told.get("period")) != ("SHA-256", DIGITS, PERIOD):
        raise Untrusted("codes of another form than this phone makes")
    return unb64u(told.get("secret"), length=SECRET_BYTES)


def code_at(secret: bytes, now: int) -> str:
    """The code of the step that ``now`` (seconds since 1970) lies in: HOTP of RFC 4226 with HMAC-SHA-256."""
    digest = hmac.digest(secret, (now // PERIOD).to_bytes(8, "big"), hashlib.sha256)
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"
