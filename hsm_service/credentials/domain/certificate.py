"""What a certificate says, in the forms that dialects ask for."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hsm_service.credentials.errors import UnreadableCertificate


@dataclass(frozen=True)
class Certificate:
    """An X.509 certificate, read once. ``subject`` and ``issuer`` in RFC 4514, ``serial`` lower-case hexadecimal."""

    der: bytes
    subject: str
    issuer: str
    serial: str
    valid_from: datetime
    valid_to: datetime
    key_type: str
    """``RSA`` or ``EC``."""
    key_bits: int
    curve: str | None
    """``P-256`` …, None for RSA."""


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@lru_cache(maxsize=4096)
def read_certificate(der: bytes) -> Certificate:
    """Parse DER. Raises UnreadableCertificate: bytes that reach this point came from our own AC."""
    try:
        parsed = x509.load_der_x509_certificate(der)
        key = parsed.public_key()
        subject, issuer = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
    except ValueError as cause:
        raise UnreadableCertificate("not an X.509 certificate") from cause
    if isinstance(key, rsa.RSAPublicKey):
        key_type, bits, curve = "RSA", key.key_size, None
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        key_type, bits, curve = "EC", key.curve.key_size, _CURVES[key.curve.name]
    else:
        raise UnreadableCertificate(f"a key of kind {type(key).__name__}")
    return Certificate(
        der=der,
        subject=subject,
        issuer=issuer,
        serial=f"{parsed.serial_number:x}",
        valid_from=parsed.not_valid_before_utc,
        valid_to=parsed.not_valid_after_utc,
        key_type=key_type,
        key_bits=bits,
        curve=curve,
    )
