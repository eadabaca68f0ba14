"""OIDs on CSC's side, names on ours (docs/protocol.md section 5): one table, both ways.

RSASSA-PSS is one OID with parameters (RFC 4055 section 3.1). We make PSS with MGF1 over the same hash and a salt as
long as the hash, so exactly those parameters are accepted. They have few DER encodings (NULL present or absent in two
places, the trailer field always at its default), which are simply listed: no parser, nothing to trick.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocol.algorithms import HASH_BYTES, SIGN_ALGORITHMS, HashName, SignAlgorithm

HASH_OIDS: Final[Mapping[str, HashName]] = MappingProxyType(
    {
        "2.16.840.1.101.3.4.2.1": "SHA-256",
        "2.16.840.1.101.3.4.2.2": "SHA-384",
        "2.16.840.1.101.3.4.2.3": "SHA-512",
    }
)
RSA: Final = "1.2.840.113549.1.1.1"
"""rsaEncryption: PKCS#1 v1.5 with the hash named apart."""
PSS: Final = "1.2.840.113549.1.1.10"

_BOUND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1.2.840.113549.1.1.11": "RSA-PKCS1-SHA256",
        "1.2.840.113549.1.1.12": "RSA-PKCS1-SHA384",
        "1.2.840.113549.1.1.13": "RSA-PKCS1-SHA512",
        "1.2.840.10045.4.3.2": "ECDSA-SHA256",
        "1.2.840.10045.4.3.3": "ECDSA-SHA384",
        "1.2.840.10045.4.3.4": "ECDSA-SHA512",
    }
)
"""OIDs that say both the scheme and the hash."""

CURVES: Final[Mapping[str, str]] = MappingProxyType({"P-256": "1.2.840.10045.3.1.7", "P-384": "1.3.132.0.34"})


class BadParameters(ValueError):
    """PSS parameters that are missing, or that are not ours."""


class HashNeeded(ValueError):
    """rsaEncryption without a hash algorithm."""


def sign_algorithm(oid: str, hash_name: HashName | None, parameters: bytes | None) -> SignAlgorithm | None:
    """What ``signAlgo``, ``hashAlgorithmOID`` and ``signAlgoParams`` mean together; None for an OID we do not know.

    Raises HashNeeded or BadParameters. A hash named beside an OID that implies one is ignored (CSC 11.10).
    """
    if oid == RSA:
        if hash_name is None:
            raise HashNeeded
        return _named("RSA-PKCS1", hash_name)
    if oid == PSS:
        found = _PSS_PARAMETERS.get(parameters or b"")
        if found is None:
            raise BadParameters
        return _named("RSA-PSS", found)
    name = _BOUND.get(oid)
    return None if name is None else SIGN_ALGORITHMS[name]


def usual(family: str, hash_name: HashName) -> SignAlgorithm:
    """The algorithm meant when a caller names only the hash: PKCS#1 v1.5 for RSA keys, ECDSA for the others."""
    return _named("RSA-PKCS1" if family.startswith("RSA") else "ECDSA", hash_name)


def oids_of(algorithms: list[SignAlgorithm]) -> list[str]:
    """``key/algo``: the OIDs under which these may be asked for, hash-bound ones first (clients take the first)."""
    names = {algorithm.name for algorithm in algorithms}
    oids = [oid for oid, name in _BOUND.items() if name in names]
    if any(algorithm.family == "RSA-PSS" for algorithm in algorithms):
        oids.append(PSS)
    if any(algorithm.family == "RSA-PKCS1" for algorithm in algorithms):
        oids.append(RSA)
    return oids


def _named(family: str, hash_name: HashName) -> SignAlgorithm:
    return SIGN_ALGORITHMS[f"{family}-{hash_name.replace('-', '')}"]


# --- the encodings of RSASSA-PSS-params that we accept


def _tlv(tag: int, content: bytes) -> bytes:
    """DER, short form: nothing here reaches 128 bytes."""
    return bytes([tag, len(content)]) + content


def _pss_parameters() -> Mapping[bytes, HashName]:
    sha2 = bytes.fromhex("06096086480165030402")  # 2.16.840.1.101.3.4.2.x, nine content bytes with the last
    mgf1 = bytes.fromhex("06092a864886f70d010108")  # 1.2.840.113549.1.1.8
    null = bytes.fromhex("0500")
    found: dict[bytes, HashName] = {}
    for last, hash_name in enumerate(HASH_OIDS.values(), start=1):
        oid = sha2 + bytes([last])
        salt = _tlv(0xA2, _tlv(0x02, bytes([HASH_BYTES[hash_name]])))
        for outer in (null, b""):
            for inner in (null, b""):
                hash_field = _tlv(0xA0, _tlv(0x30, oid + outer))
                mask = _tlv(0xA1, _tlv(0x30, mgf1 + _tlv(0x30, oid + inner)))
                found[_tlv(0x30, hash_field + mask + salt)] = hash_name
    return MappingProxyType(found)


_PSS_PARAMETERS: Final = _pss_parameters()
