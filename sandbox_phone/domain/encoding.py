"""Bytes as text and back, one spelling for each value (protocol section 1)."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

from sandbox_phone.errors import Malformed

MAX_JSON: Final = 256 * 1024
"""Bytes of a JSON text we read: an approval of 100 documents with long labels has about 30 kB."""

_B64U = re.compile(r"[A-Za-z0-9_-]*\Z")


def b64u(data: bytes) -> str:
    """RFC 4648 section 5 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: object, *, length: int | None = None) -> bytes:
    """The bytes of strict base64url text; exactly ``length`` of them when given. Raises Malformed."""
    if not isinstance(text, str) or not _B64U.match(text):
        raise Malformed("not base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as cause:
        raise Malformed("not base64url without padding") from cause
    if b64u(data) != text:
        raise Malformed("base64url with leftover bits")
    if length is not None and len(data) != length:
        raise Malformed(f"{len(data)} bytes where {length} belong")
    return data


def sha256(data: bytes) -> bytes:
    """SHA-256, 32 bytes."""
    return hashlib.sha256(data).digest()


def canonical(value: Mapping[str, Any]) -> bytes:
    """RFC 8785."""
    return rfc8785.dumps(dict(value))


def strict_object(data: bytes) -> dict[str, Any]:
    """The JSON object of ``data``. Raises Malformed: duplicate keys, NaN, not UTF-8, too much, not an object."""
    if len(data) > MAX_JSON:
        raise Malformed("too much JSON")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
    except (UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise Malformed("not JSON in UTF-8") from cause
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def integer(value: object) -> int | None:
    """``value`` when it is a JSON integer. True is an int to Python and not to the protocol."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("a key stands twice")
    return result


def _never(name: str) -> Any:
    raise Malformed(f"{name} is not JSON")
