"""Strict base64url and strict JSON (docs/protocol.md section 1)."""

import base64
import binascii
import json
import re
from typing import Any, Final

from desktop_agent.errors import UntrustedServer

MAX_SIGNED: Final = 256 * 1024
"""Bytes of a signed object. An approval of 100 documents with long labels has about 30 kB."""

_B64U = re.compile(r"[A-Za-z0-9_-]*\Z")


def b64u(data: bytes) -> str:
    """RFC 4648 section 5 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: object) -> bytes:
    """Bytes of strict base64url. Raises UntrustedServer."""
    if not isinstance(text, str) or len(text) > 2 * MAX_SIGNED or not _B64U.match(text):
        raise UntrustedServer("O serviço enviou dados malformados.")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as cause:
        raise UntrustedServer("O serviço enviou dados malformados.") from cause
    if b64u(data) != text:
        raise UntrustedServer("O serviço enviou dados malformados.")
    return data


def strict_object(data: bytes) -> dict[str, Any]:
    """A JSON object without duplicate keys, NaN or other dialects. Raises UntrustedServer."""
    if len(data) > MAX_SIGNED:
        raise UntrustedServer("O serviço enviou dados demais.")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_never)
    except (UnicodeDecodeError, ValueError, RecursionError) as cause:
        raise UntrustedServer("O serviço enviou dados malformados.") from cause
    if not isinstance(value, dict):
        raise UntrustedServer("O serviço enviou dados malformados.")
    return value


def integer(value: object) -> int | None:
    """``value`` when it is a JSON integer (True is one to Python, not to the protocol)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _never(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
