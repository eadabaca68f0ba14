"""P-256 keys as the protocol writes them: JWK of four members, thumbprints, raw signatures (section 1)."""

from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sandbox_phone.domain.encoding import b64u, canonical, sha256, unb64u
from sandbox_phone.errors import Malformed, Untrusted

_SIZE: Final = 32  # bytes of a coordinate, and of r and s


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, from the operating system's randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def to_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """PKCS#8, unencrypted: a sandbox keeps no real secret (a real phone's key cannot be exported)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def from_pem(pem: str) -> ec.EllipticCurvePrivateKey:
    """The key of :func:`to_pem`. Raises Malformed."""
    try:
        key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    except ValueError as cause:
        raise Malformed("not a private key in PEM") from cause
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Malformed("not a P-256 key")
    return key


def public_jwk(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> dict[str, str]:
    """The public half, exactly ``kty, crv, x, y``."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    numbers = public.public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": b64u(numbers.x.to_bytes(_SIZE, "big")),
        "y": b64u(numbers.y.to_bytes(_SIZE, "big")),
    }


def read_jwk(value: object) -> ec.EllipticCurvePublicKey:
    """A public key from its JWK. Raises Malformed: other members, other curve, a point that is not on it."""
    if not isinstance(value, Mapping) or set(value) != {"kty", "crv", "x", "y"}:
        raise Malformed("a public JWK has exactly kty, crv, x, y")
    if value["kty"] != "EC" or value["crv"] != "P-256":
        raise Malformed("not a P-256 key")
    x, y = unb64u(value["x"], length=_SIZE), unb64u(value["y"], length=_SIZE)
    try:
        return ec.EllipticCurvePublicNumbers(
            int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1()
        ).public_key()
    except ValueError as cause:
        raise Malformed("not a point of P-256") from cause


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 with SHA-256: the key's name, ``jkt``."""
    return b64u(sha256(canonical({name: jwk[name] for name in ("crv", "kty", "x", "y")})))


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256, raw ``r || s``, 64 bytes."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_SIZE, "big") + s.to_bytes(_SIZE, "big")


def verify(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
    """Raises Untrusted unless ``signature`` (raw) over ``message`` is by ``key``."""
    if len(signature) != 2 * _SIZE:
        raise Untrusted("a signature has 64 bytes")
    r, s = int.from_bytes(signature[:_SIZE], "big"), int.from_bytes(signature[_SIZE:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as cause:
        raise Untrusted("the signature does not verify") from cause
