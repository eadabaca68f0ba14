"""Ways to sign: from a mechanism and what it is given to the digest that the service signs, and back again.

The service signs SHA-2 digests with a padding of its own making, nothing else. So bytes that are no digest cannot be
signed here at all, whatever a program would like: raw RSA, SHA-1, MD5 with SHA-1 (TLS 1.1), a salt of another length.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from desktop_agent.domain.algorithm import HASH_BYTES, Algorithm, algorithm
from desktop_agent.pkcs11.codes import Ckm, Refused, Rv
from desktop_agent.pkcs11.wire import Mechanism

SEEN: Final = 64 * 1024
"""Bytes of the data that are kept to tell what they are: CMS attributes are a few hundred."""


@dataclass(frozen=True)
class Way:
    """A mechanism. ``hash_name`` None: the program hashed already."""

    family: str
    hash_name: str | None


WAYS: Final[Mapping[int, Way]] = {
    Ckm.RSA_PKCS: Way("RSA-PKCS1", None),
    Ckm.SHA256_RSA_PKCS: Way("RSA-PKCS1", "SHA-256"),
    Ckm.SHA384_RSA_PKCS: Way("RSA-PKCS1", "SHA-384"),
    Ckm.SHA512_RSA_PKCS: Way("RSA-PKCS1", "SHA-512"),
    Ckm.RSA_PKCS_PSS: Way("RSA-PSS", None),
    Ckm.SHA256_RSA_PKCS_PSS: Way("RSA-PSS", "SHA-256"),
    Ckm.SHA384_RSA_PKCS_PSS: Way("RSA-PSS", "SHA-384"),
    Ckm.SHA512_RSA_PKCS_PSS: Way("RSA-PSS", "SHA-512"),
    Ckm.ECDSA: Way("ECDSA", None),
    Ckm.ECDSA_SHA256: Way("ECDSA", "SHA-256"),
    Ckm.ECDSA_SHA384: Way("ECDSA", "SHA-384"),
    Ckm.ECDSA_SHA512: Way("ECDSA", "SHA-512"),
}
_PSS_HASHES: Final[Mapping[int, tuple[str, int]]] = {
    0x250: ("SHA-256", 2), 0x260: ("SHA-384", 3), 0x270: ("SHA-512", 4),
}  # fmt: skip
"""CKM_SHA… of the parameters: our name, and the CKG_MGF1_… that goes with it."""
_DIGEST_INFO: Final[Mapping[str, bytes]] = {
    "SHA-256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "SHA-384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "SHA-512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What stands before the digest in PKCS#1 v1.5 (RFC 8017 section 9.2, note 1)."""


@dataclass(frozen=True)
class KeyShape:
    """What can be signed with a key. ``family``: ``RSA`` or ``ECDSA``; ``bits`` of modulus or field."""

    family: str
    bits: int

    @property
    def signature_bytes(self) -> int:
        """As PKCS#11 has it: ECDSA is r || s."""
        return -(-self.bits // 8) * (1 if self.family == "RSA" else 2)

    @property
    def hash_names(self) -> list[str]:
        """Which SHA-2 digests it signs."""
        return [name for name, length in HASH_BYTES.items() if self.family == "RSA" or length * 8 == self.bits]

    def takes(self, way: Way) -> bool:
        """A curve takes the hash of its own length: longer ones would be cut, shorter ones are the weaker part."""
        if not way.family.startswith(self.family):
            return False
        return way.hash_name is None or way.hash_name in self.hash_names


@dataclass(frozen=True)
class Wanted:
    """A digest to sign, and the data it is of, where the program gave all of it."""

    algorithm: Algorithm
    digest: bytes
    data: bytes | None


class Operation:
    """Between C_SignInit and the signature. Memory does not grow with the data."""

    def __init__(self, mechanism: Mechanism, shape: KeyShape) -> None:
        """Raises Refused for a mechanism or parameters that the service cannot do with this key."""
        way = WAYS.get(mechanism.type or 0)
        if way is None or not shape.takes(way):
            raise Refused(Rv.MECHANISM_INVALID)
        self._way, self._shape = way, shape
        self._pss = _pss_hash(mechanism, way) if way.family == "RSA-PSS" else None
        if way.family != "RSA-PSS" and mechanism.parameters:
            raise Refused(Rv.MECHANISM_PARAM_INVALID)
        self._hash = hashlib.new(_python(way.hash_name)) if way.hash_name else None
        self._seen = bytearray()
        self._length = 0

    def feed(self, data: bytes) -> None:
        self._length += len(data)
        self._seen += data[: SEEN - len(self._seen)]
        if self._hash is not None:
            self._hash.update(data)

    def wanted(self) -> Wanted:
        """Raises Refused when what was fed is no digest."""
        whole = bytes(self._seen) if self._length == len(self._seen) else None
        if self._hash is not None and self._way.hash_name is not None:
            return Wanted(algorithm(self._way.family, self._way.hash_name), self._hash.digest(), whole)
        if whole is None:
            raise Refused(Rv.DATA_LEN_RANGE)
        hash_name, digest = self._given(whole)
        return Wanted(algorithm(self._way.family, hash_name), digest, None)

    def _given(self, data: bytes) -> tuple[str, bytes]:
        if self._way.family == "RSA-PKCS1":
            for name, head in _DIGEST_INFO.items():
                if data.startswith(head) and len(data) == len(head) + HASH_BYTES[name]:
                    return name, data[len(head) :]
            raise Refused(Rv.DATA_INVALID)
        names = [name for name, length in HASH_BYTES.items() if length == len(data)]
        if self._pss is not None:
            names = [name for name in names if name == self._pss]
        elif len(data) * 8 != self._shape.bits:
            names = []
        if not names:
            raise Refused(Rv.DATA_LEN_RANGE)
        return names[0], data


def _pss_hash(mechanism: Mechanism, way: Way) -> str:
    """MGF1 over the same hash and a salt as long as it: that is what the service makes."""
    hash_type, mask, salt = mechanism.pss or (0, 0, 0)
    name, its_mask = _PSS_HASHES.get(hash_type, ("", 0))
    if not name or mask != its_mask or salt != HASH_BYTES[name] or way.hash_name not in (None, name):
        raise Refused(Rv.MECHANISM_PARAM_INVALID)
    return name


def as_pkcs11(signature: bytes, shape: KeyShape) -> bytes:
    """The service's ECDSA is DER; PKCS#11's is r || s. RSA stays."""
    if shape.family == "RSA":
        return signature
    half = shape.signature_bytes // 2
    r, s = decode_dss_signature(signature)
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


def _python(hash_name: str) -> str:
    return hash_name.replace("-", "").lower()
