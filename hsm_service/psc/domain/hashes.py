"""Digests as applications send them: base64 for most, hexadecimal for BirdID's. The algorithm's length decides.

For one algorithm the two never have the same length (44 and 64 characters for SHA-256, 64 and 96 for SHA-384, 88 and
128 for SHA-512), so nothing is guessed. The length alone would not do: 64 characters are a SHA-256 in hexadecimal or a
SHA-384 in base64. Hexadecimal of another length is refused and never read as base64, which it could be by the letter:
a real digest in base64 has nothing but hexadecimal digits once in 10^20.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from hsm_service.psc.errors import BadPscRequest
from protocol.algorithms import HASH_BYTES, HashName

HASH_OIDS: Final[Mapping[str, HashName]] = MappingProxyType(
    {
        "2.16.840.1.101.3.4.2.1": "SHA-256",
        "2.16.840.1.101.3.4.2.2": "SHA-384",
        "2.16.840.1.101.3.4.2.3": "SHA-512",
    }
)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+\Z")
_LONGEST: Final = 256


def read_digest(text: str, hash_name: HashName) -> bytes:
    """The digest's bytes. Raises BadPscRequest."""
    size = HASH_BYTES[hash_name]
    wrong = BadPscRequest(f"hash: expected {size} bytes ({hash_name}) in base64 or hexadecimal")
    if len(text) > _LONGEST:
        raise wrong
    if _HEX.match(text):
        if len(text) != 2 * size:
            raise wrong
        return bytes.fromhex(text)
    plain = text.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as cause:
        raise wrong from cause
    if len(data) != size:
        raise wrong
    return data
