"""Whether a certificate chain is the AC's, for our key, and valid now. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from hsm_service.sam.credentials.domain import Certificate
from hsm_service.sam.errors import CertificateRefused

MAX_CERTIFICATES: Final = 4
"""Holder, issuing CA, root; one more for a CA between."""

CLOCK_DIFFERENCE: Final = timedelta(minutes=5)
"""The AC's clock may be ahead of ours; a certificate that begins in five minutes is no attack."""


def accept(chain: Sequence[bytes], spki: bytes, root: x509.Certificate, now: datetime) -> Certificate:
    """Check a chain (DER, holder's first) and read the holder's certificate. Raises CertificateRefused.

    1. It parses. 2. The first one is for our key. 3. Each is signed by the next, and the last is the pinned root or
    signed by it. 4. Each issuer is a CA with room for what is below it, and may sign certificates. 5. All valid now.
    Not checked: names, policies and purposes, which the AC's profile decides; revocation, which the AC tells us.
    """
    if not 1 <= len(chain) <= MAX_CERTIFICATES:
        raise CertificateRefused(f"a chain has 1 to {MAX_CERTIFICATES} certificates")
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in chain]  # 1
        leaf = certificates[0]
        own = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if own != spki:  # 2
            raise CertificateRefused("the certificate is for another key")
        path = certificates if certificates[-1] == root else [*certificates, root]
        for below, (certificate, issuer) in enumerate(pairwise(path)):
            certificate.verify_directly_issued_by(issuer)  # 3
            _demand_authority(issuer, below)  # 4
        for certificate in path:  # 5
            _demand_valid(certificate, now)
        return Certificate(
            list(chain),
            _common_name(leaf),
            format(leaf.serial_number, "x"),
            leaf.not_valid_before_utc,
            leaf.not_valid_after_utc,
        )
    except (ValueError, TypeError, InvalidSignature, x509.InvalidVersion, x509.ExtensionNotFound) as cause:
        raise CertificateRefused(f"not a chain of the pinned root: {type(cause).__name__}") from cause


def _demand_authority(issuer: x509.Certificate, below: int) -> None:
    constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    if not constraints.ca or (constraints.path_length is not None and constraints.path_length < below):
        raise CertificateRefused("an issuer is no authority for this path")
    if not issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
        raise CertificateRefused("an issuer may not sign certificates")


def _demand_valid(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc - CLOCK_DIFFERENCE <= now < certificate.not_valid_after_utc:
        raise CertificateRefused("a certificate of the chain is not valid now")


def _common_name(certificate: x509.Certificate) -> str:
    """The name before the colon: ICP-Brasil writes ``NAME:CPF``, and numbers do not belong on every screen."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names:
        raise CertificateRefused("the certificate names nobody")
    value = names[0].value
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    return text.split(":", 1)[0].strip()
