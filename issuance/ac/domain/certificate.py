"""A holder's certificate: from an order and a public key to what the HSM will sign, and the check of what it signed.

Extensions after DOC-ICP-04 v8.1 item 7.1.2: AKI, KU (critical), CertificatePolicies, two CRL addresses, AIA, SAN; and
SKI, which RFC 5280 recommends. Subject and otherNames come from the profile's table.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from foundation.errors import BadInput, Internal
from foundation.ids import Random
from issuance.ac.domain.authority import (
    BACKDATED,
    Authority,
    authority_key_identifier,
    distinguished_name,
    distribution_points,
    issuer_access,
    key_usage,
)
from issuance.domain.order import facts
from issuance.domain.profile import Profile, profile_named
from protocol.algorithms import KEY_KINDS, KeyAlgorithm
from protocol.orders import IssueOrder

HolderKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_SERIAL_BYTES: Final = 16
"""126 random bits (CA/Browser Forum asks 64), always the same length in DER and on paper."""

_SMALL_PRIMES: Final = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)


class BadRequest(BadInput):
    """The certificate request (CSR) is not acceptable; ``detail`` says which rule."""

    code = "bad_certificate_request"
    summary = "The certificate request is not acceptable."
    may_disclose = False


class BadCertificateMade(Internal):
    """What came out of the HSM is not what was to be signed. Nothing is released; somebody must look at the HSM."""

    code = "bad_certificate_made"


@dataclass(frozen=True)
class Validity:
    """From and to, whole seconds, both included (RFC 5280 section 4.1.2.5)."""

    start: datetime
    end: datetime


def new_serial(random: Random) -> int:
    """A serial number: positive, 126 random bits."""
    return (int.from_bytes(random(_SERIAL_BYTES), "big") & ((1 << 126) - 1)) | (1 << 126)


def serial_text(serial: int) -> str:
    """As it is written everywhere: lower-case hex without leading zeros."""
    return f"{serial:x}"


def validity(order: IssueOrder, issuer: x509.Certificate, now: datetime) -> Validity:
    """The order's days, never beyond the issuer's own end."""
    start = now.replace(microsecond=0) - BACKDATED
    end = start + timedelta(days=order.valid_days, seconds=-1)
    return Validity(max(start, issuer.not_valid_before_utc), min(end, issuer.not_valid_after_utc))


def checked_request(der: bytes, spki: bytes, algorithm: KeyAlgorithm) -> HolderKey:
    """Step I7: the CSR's own signature proves possession, its key is the one meant, and the key is sound.

    Everything else in the CSR (subject, extensions) is ignored. Raises BadRequest.
    """
    try:
        request = x509.load_der_x509_csr(der)
        key = request.public_key()
        good = request.is_signature_valid
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as cause:
        raise BadRequest("not a readable PKCS#10 request") from cause
    if not good:
        raise BadRequest("the request is not signed by its own key")
    if spki_of(key) != spki:
        raise BadRequest("the request is for another key than the possession statement names")
    return checked_key(key, algorithm)


def checked_key(key: object, algorithm: KeyAlgorithm) -> HolderKey:
    """A key of exactly the ordered kind without the known weaknesses of generators. Raises BadRequest."""
    if not KEY_KINDS[algorithm].is_kind_of(key):
        raise BadRequest(f"the key is not {algorithm}")
    if not isinstance(key, rsa.RSAPublicKey):
        assert isinstance(key, ec.EllipticCurvePublicKey), "KEY_KINDS knows RSA and curves"
        return key
    numbers = key.public_numbers()
    if numbers.e != 65537:
        raise BadRequest("the public exponent is not 65537")
    if any(numbers.n % prime == 0 for prime in _SMALL_PRIMES) or numbers.n % 2 == 0:
        raise BadRequest("the modulus has a small factor")
    if _is_roca(numbers.n):
        raise BadRequest("the modulus is of the ROCA kind (CVE-2017-15361)")
    return key


def spki_of(key: object) -> bytes:
    """SubjectPublicKeyInfo, DER. Raises BadRequest for a key of a kind we never issue for."""
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise BadRequest("the key is neither RSA nor EC")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def holder_certificate(
    order: IssueOrder, key: HolderKey, issuer: x509.Certificate, authority: Authority, *, serial: int, span: Validity
) -> x509.CertificateBuilder:
    """What will be signed. The same arguments give the same bytes, so a retry after a crash signs the same thing."""
    profile = profile_named(order.profile)
    return profile_certificate(
        profile, facts(order), order.person.email, key, issuer, authority, serial=serial, span=span
    )


def profile_certificate(
    profile: Profile,
    about: dict[str, str],
    email: str,
    key: HolderKey,
    issuer: x509.Certificate,
    authority: Authority,
    *,
    serial: int,
    span: Validity,
) -> x509.CertificateBuilder:
    """The certificate of any profile, offered or only prepared."""
    known = {
        **about,
        "authority": authority.issuing_name,
        "registration_cnpj": authority.registration_cnpj,
        "identification": authority.identification,
    }
    policy = x509.PolicyInformation(
        x509.ObjectIdentifier(f"{profile.policy_branch}.{authority.policy_number}"), [authority.cps_url]
    )
    names: list[x509.GeneralName] = [
        x509.OtherName(x509.ObjectIdentifier(oid), _octet_string(value))
        for oid, value in profile.other_name_values(known)
    ]
    # An EC key cannot encipher (RFC 5480 section 3): keyEncipherment is for RSA only.
    usage = key_usage(
        digital_signature=True, content_commitment=True, key_encipherment=isinstance(key, rsa.RSAPublicKey)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(distinguished_name(profile.subject_parts(known)))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(span.start)
        .not_valid_after(span.end)
        .add_extension(authority_key_identifier(issuer), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]),
            critical=False,
        )
        .add_extension(x509.CertificatePolicies([policy]), critical=False)
        .add_extension(distribution_points(authority.addresses("issuing.crl")), critical=False)
        .add_extension(
            issuer_access(authority.addresses("chain.p7b")[:1], authority.addresses("ocsp")[:1]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([*names, x509.RFC822Name(email)]), critical=False)
    )


def check_made(made: x509.Certificate, issuer: x509.Certificate, *, serial: int, spki: bytes, span: Validity) -> None:
    """Step I10: the certificate is signed by our issuing key and says what was intended. Raises BadCertificateMade.

    A stale PKCS#11 handle has been seen to sign with another key; such a certificate must not leave.
    """
    try:
        made.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as cause:
        raise BadCertificateMade("the certificate does not verify with the issuing key") from cause
    said = (made.serial_number, spki_of(made.public_key()), made.not_valid_before_utc, made.not_valid_after_utc)
    if said != (serial, spki, span.start, span.end):
        raise BadCertificateMade("the certificate does not say what was intended")


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the DER."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def _octet_string(text: str) -> bytes:
    """DER of an OCTET STRING, which is how otherName values are written in practice."""
    body = text.encode("ascii")
    length = bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])
    return b"\x04" + length + body


_ROCA_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip


def _is_roca(modulus: int) -> bool:
    """Whether the modulus lies in the subgroup generated by 65537 modulo every small prime (Nemec et al., CCS 2017)."""
    return all(modulus % prime in _generated_by_65537(prime) for prime in _ROCA_PRIMES)


def _generated_by_65537(prime: int) -> set[int]:
    members, value = set(), 1
    while value not in members:
        members.add(value)
        value = value * 65537 % prime
    return members
