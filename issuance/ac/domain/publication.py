"""Revocation lists and OCSP answers before they are signed (RFC 5280 section 5, RFC 6960, DOC-ICP-04 item 7.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp

from foundation.errors import BadInput, Internal
from issuance.ac.domain.authority import authority_key_identifier

MAX_NONCE: Final = 128
"""RFC 9654 section 2.1: at least 1, at most 128 octets; a longer one is a malformed request."""
MAX_OCSP_REQUEST: Final = 4096

_REASONS: Final = {
    "unspecified": x509.ReasonFlags.unspecified,
    "keyCompromise": x509.ReasonFlags.key_compromise,
    "affiliationChanged": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessationOfOperation": x509.ReasonFlags.cessation_of_operation,
    "privilegeWithdrawn": x509.ReasonFlags.privilege_withdrawn,
}


class BadOcspRequest(BadInput):
    """Not an OCSP request that can be answered; the answer says ``malformedRequest``."""

    code = "bad_ocsp_request"


class BadKeptList(Internal):
    """The list kept outside the database is not one of this authority: nothing is published until somebody looks."""

    code = "bad_kept_list"


@dataclass(frozen=True)
class RevokedLine:
    """One entry of a list."""

    serial: int
    at: datetime
    reason: str


@dataclass(frozen=True)
class Asked:
    """Which certificate an OCSP request asks about."""

    serial: int
    name_hash: bytes
    key_hash: bytes
    algorithm: hashes.SHA1 | hashes.SHA256
    nonce: bytes | None


@dataclass(frozen=True)
class Status:
    """What is known: None is good."""

    revoked: RevokedLine | None


def next_crl_number(last: int, now: datetime) -> int:
    """Rising also when the database was restored from a backup: never below the seconds since 1970."""
    return max(last + 1, int(now.timestamp()))


def revocation_list(
    issuer: x509.Certificate, number: int, lines: Sequence[RevokedLine], *, now: datetime, life: timedelta
) -> x509.CertificateRevocationListBuilder:
    """Version 2 with AKI and CRL number. An unspecified reason is left out, as RFC 5280 section 5.3.1 wants."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now)
        .next_update(now + life)
        .add_extension(authority_key_identifier(issuer), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for line in lines:
        entry = x509.RevokedCertificateBuilder().serial_number(line.serial).revocation_date(line.at)
        if line.reason != "unspecified":
            entry = entry.add_extension(x509.CRLReason(_REASONS[line.reason]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder


def lines_of(der: bytes, issuer: x509.Certificate) -> tuple[int, dict[int, RevokedLine]]:
    """Number and entries (by serial) of a list that this issuer signed. Raises BadKeptList."""
    key = issuer.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    try:
        crl = x509.load_der_x509_crl(der)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        good = crl.is_signature_valid(key)
    except (ValueError, x509.ExtensionNotFound) as cause:
        raise BadKeptList("not a revocation list") from cause
    if not good:
        raise BadKeptList("not signed by the issuing authority")
    entries = [RevokedLine(entry.serial_number, entry.revocation_date_utc, _reason(entry)) for entry in crl]
    return number, {entry.serial: entry for entry in entries}


def read_ocsp_request(der: bytes) -> Asked:
    """The one certificate asked about. Raises BadOcspRequest, also for several (``cryptography`` reads one)."""
    if len(der) > MAX_OCSP_REQUEST:
        raise BadOcspRequest("too long")
    try:
        request = ocsp.load_der_ocsp_request(der)
        algorithm = request.hash_algorithm
        serial, name_hash, key_hash = request.serial_number, request.issuer_name_hash, request.issuer_key_hash
        nonce = _nonce(request.extensions)
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm, x509.DuplicateExtension) as cause:
        raise BadOcspRequest("not an OCSP request about one certificate") from cause
    if not isinstance(algorithm, hashes.SHA1 | hashes.SHA256):
        raise BadOcspRequest("issuer hashes other than SHA-1 and SHA-256")
    return Asked(serial, name_hash, key_hash, algorithm, nonce)


def is_about(asked: Asked, issuer: x509.Certificate) -> bool:
    """Whether the certificate asked about would be one of this issuer's (RFC 6960 section 4.1.1)."""
    key = issuer.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    form = PublicFormat.PKCS1 if isinstance(key, rsa.RSAPublicKey) else PublicFormat.UncompressedPoint
    encoding = Encoding.DER if isinstance(key, rsa.RSAPublicKey) else Encoding.X962
    said = (asked.name_hash, asked.key_hash)
    return said == (_hash(asked, issuer.subject.public_bytes()), _hash(asked, key.public_bytes(encoding, form)))


def ocsp_answer(
    asked: Asked, status: Status | None, responder: x509.Certificate, *, now: datetime, life: timedelta
) -> ocsp.OCSPResponseBuilder:
    """Good, revoked or (None) unknown; the nonce echoed. An unknown serial is never called good."""
    now = now.replace(microsecond=0)
    revoked = None if status is None else status.revoked
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        issuer_name_hash=asked.name_hash,
        issuer_key_hash=asked.key_hash,
        serial_number=asked.serial,
        algorithm=asked.algorithm,
        cert_status=_status(status),
        this_update=now,
        next_update=now + life,
        revocation_time=None if revoked is None else revoked.at,
        revocation_reason=None if revoked is None else _REASONS[revoked.reason],
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder).certificates([responder])
    if asked.nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(asked.nonce), critical=False)
    return builder


def refused(reason: ocsp.OCSPResponseStatus) -> bytes:
    """An unsigned OCSP error (RFC 6960 section 2.3), DER."""
    return ocsp.OCSPResponseBuilder.build_unsuccessful(reason).public_bytes(Encoding.DER)


def _status(status: Status | None) -> ocsp.OCSPCertStatus:
    if status is None:
        return ocsp.OCSPCertStatus.UNKNOWN
    return ocsp.OCSPCertStatus.GOOD if status.revoked is None else ocsp.OCSPCertStatus.REVOKED


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        flag = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return "unspecified"
    return next((name for name, known in _REASONS.items() if known is flag), "unspecified")


def _nonce(extensions: x509.Extensions) -> bytes | None:
    try:
        nonce = extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
    if not 1 <= len(nonce) <= MAX_NONCE:
        raise ValueError("a nonce of a length that is none")
    return nonce


def _hash(asked: Asked, data: bytes) -> bytes:
    digest = hashes.Hash(asked.algorithm)
    digest.update(data)
    return digest.finalize()
