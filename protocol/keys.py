"""P-256 public keys as they travel, and signatures by them (docs/protocol.md section 1)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from foundation.encoding import BadEncoding, b64u, canonical_json, unb64u
from protocol.errors import BadKey, SignatureInvalid

SIGNATURE_BYTES: Final = 64
"""r || s, 32 bytes each, as WebCrypto and JOSE have it."""

_MEMBERS: Final = {"kty", "crv", "x", "y"}


@dataclass(frozen=True)
class P256Key:
    """A public key: two 32-byte coordinates of a point that was checked to be on the curve."""

    x: bytes
    y: bytes

    def __post_init__(self) -> None:
        """Raises BadKey for anything that is not a point of the curve."""
        if len(self.x) != 32 or len(self.y) != 32:
            raise BadKey("coordinates of P-256 have 32 bytes")
        try:
            _ = self.public
        except ValueError as cause:
            raise BadKey("not a point of P-256") from cause

    @classmethod
    def from_jwk(cls, value: object) -> "P256Key":
        """Read a JWK (RFC 7517) with exactly ``kty, crv, x, y``. Raises BadKey for everything else."""
        if not isinstance(value, Mapping) or set(value) != _MEMBERS:
            raise BadKey("a key has exactly the members kty, crv, x, y")
        x, y = value["x"], value["y"]
        if value["kty"] != "EC" or value["crv"] != "P-256" or not isinstance(x, str) or not isinstance(y, str):
            raise BadKey("only EC keys of the curve P-256")
        try:
            return _known(unb64u(x, max_len=32), unb64u(y, max_len=32))
        except BadEncoding as cause:
            raise BadKey("coordinates are base64url") from cause

    @classmethod
    def from_point(cls, point: bytes) -> "P256Key":
        """From SEC 1 uncompressed form, 65 bytes beginning with 4. Raises BadKey."""
        if len(point) != 65 or point[0] != 4:
            raise BadKey("not an uncompressed point of P-256")
        return _known(point[1:33], point[33:])

    @classmethod
    def from_public(cls, key: ec.EllipticCurvePublicKey) -> "P256Key":
        """From a key of ``cryptography``. Raises BadKey when it is of another curve."""
        if not isinstance(key.curve, ec.SECP256R1):
            raise BadKey("only keys of the curve P-256")
        numbers = key.public_numbers()
        return cls(numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))

    @property
    def point(self) -> bytes:
        """SEC 1 uncompressed, 65 bytes."""
        return b"\x04" + self.x + self.y

    @property
    def jwk(self) -> dict[str, str]:
        """As it travels."""
        return {"kty": "EC", "crv": "P-256", "x": b64u(self.x), "y": b64u(self.y)}

    @cached_property
    def jkt(self) -> str:
        """Its name: the RFC 7638 SHA-256 thumbprint, b64u. Canonical JSON sorts the members as that RFC wants."""
        return b64u(hashlib.sha256(canonical_json(self.jwk)).digest())

    @cached_property
    def public(self) -> ec.EllipticCurvePublicKey:
        """For the primitives of ``cryptography``."""
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.point)

    def verify(self, signature: bytes, message: bytes) -> None:
        """ECDSA with SHA-256 over ``message``; ``signature`` is r || s. Raises SignatureInvalid."""
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureInvalid(f"a signature has {SIGNATURE_BYTES} bytes")
        try:
            self.public.verify(signature_to_der(signature), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature as cause:
            raise SignatureInvalid(f"not a signature by {self.jkt}") from cause


@lru_cache(maxsize=4096)
def _known(x: bytes, y: bytes) -> P256Key:
    """The same keys come again and again, and a point that was once looked at is on the curve. Raises BadKey."""
    return P256Key(x, y)


def signature_to_der(raw: bytes) -> bytes:
    """r || s as the DER that X.509 and CMS want."""
    half = len(raw) // 2
    return utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def signature_from_der(der: bytes) -> bytes:
    """DER as r || s of P-256, 64 bytes."""
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes, *, deterministic: bool = False) -> bytes:
    """What a client does with a software key: ECDSA with SHA-256, r || s. For operators' tools and simulators."""
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=deterministic)
    return signature_from_der(key.sign(message, algorithm))
