"""Ways to sign that the service knows (docs/protocol.md section 5), with their names in CSC."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes

HASH_BYTES: Final[Mapping[str, int]] = {"SHA-256": 32, "SHA-384": 48, "SHA-512": 64}
HASHES: Final[Mapping[str, type[hashes.HashAlgorithm]]] = {
    "SHA-256": hashes.SHA256, "SHA-384": hashes.SHA384, "SHA-512": hashes.SHA512,
}  # fmt: skip
_SHA2: Final = "2.16.840.1.101.3.4.2."
_PSS_OID: Final = "1.2.840.113549.1.1.10"
_LAST: Final[Mapping[str, int]] = {"SHA-256": 1, "SHA-384": 2, "SHA-512": 3}


@dataclass(frozen=True)
class Algorithm:
    """One way to sign. ``name``: in approval documents; ``oid`` and ``parameters`` (base64): in CSC."""

    name: str
    family: str
    hash_name: str
    oid: str
    parameters: str | None = None

    @property
    def hash_oid(self) -> str:
        return f"{_SHA2}{_LAST[self.hash_name]}"

    @property
    def hash(self) -> hashes.HashAlgorithm:
        """For ``cryptography``."""
        return HASHES[self.hash_name]()


def algorithm(family: str, hash_name: str = "SHA-256") -> Algorithm:
    """``family``: RSA-PKCS1, RSA-PSS (MGF1 over the same hash, a salt as long as it) or ECDSA."""
    name, last = f"{family}-{hash_name.replace('-', '')}", _LAST[hash_name]
    match family:
        case "RSA-PKCS1":
            return Algorithm(name, family, hash_name, f"1.2.840.113549.1.1.{10 + last}")
        case "ECDSA":
            return Algorithm(name, family, hash_name, f"1.2.840.10045.4.3.{1 + last}")
        case "RSA-PSS":
            return Algorithm(name, family, hash_name, _PSS_OID, _pss_parameters(hash_name))
        case _:
            raise ValueError(family)


def _pss_parameters(hash_name: str) -> str:
    """RSASSA-PSS-params (RFC 4055 section 3.1), base64."""
    digest = _tlv(0x30, bytes.fromhex("06096086480165030402") + bytes([_LAST[hash_name]]) + b"\x05\x00")
    mask = _tlv(0x30, bytes.fromhex("06092a864886f70d010108") + digest)
    salt = _tlv(0x02, bytes([HASH_BYTES[hash_name]]))
    return base64.b64encode(_tlv(0x30, _tlv(0xA0, digest) + _tlv(0xA1, mask) + _tlv(0xA2, salt))).decode("ascii")


def _tlv(tag: int, content: bytes) -> bytes:
    """DER, short form: nothing here reaches 128 bytes."""
    return bytes([tag, len(content)]) + content
