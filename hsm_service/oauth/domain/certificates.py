"""Certificates of clients (RFC 8705): their name for binding, and whether one is whose a registration says. Pure."""

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from foundation.encoding import b64u
from hsm_service.oauth.errors import BadClientData

MAX_SUBJECT: Final = 500


class SubjectKind(StrEnum):
    """By what of a certificate a client is known (RFC 8705 section 2.1.2)."""

    DN = "dn"  # tls_client_auth_subject_dn, RFC 4514
    DNS = "dns"
    URI = "uri"
    IP = "ip"
    EMAIL = "email"


def thumbprint(der: bytes) -> str:
    """``x5t#S256``."""
    return b64u(hashlib.sha256(der).digest())


def checked_subject(text: str) -> str:
    """A subject as it is registered, such as ``dn:CN=folha,O=Contratos SA``. Raises BadClientData."""
    kind, separator, value = text.partition(":")
    known = separator and value and kind in set(SubjectKind)
    if not known or len(text) > MAX_SUBJECT or not text.isprintable():
        raise BadClientData('a certificate\'s subject is written as "dn:…", "dns:…", "uri:…", "ip:…" or "email:…"')
    try:
        if kind == SubjectKind.DN:
            x509.Name.from_rfc4514_string(value)
        if kind == SubjectKind.IP:
            ipaddress.ip_address(value)
    except ValueError as cause:
        raise BadClientData(f"{value!r} is not a {kind}") from cause
    return text


def bears(certificate: x509.Certificate, subject: str) -> bool:
    """Whether a certificate has the registered subject: exactly, without wildcards."""
    kind, _, value = subject.partition(":")
    if kind == SubjectKind.DN:
        return certificate.subject == x509.Name.from_rfc4514_string(value)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    match kind:
        case SubjectKind.DNS:
            return value in names.get_values_for_type(x509.DNSName)
        case SubjectKind.URI:
            return value in names.get_values_for_type(x509.UniformResourceIdentifier)
        case SubjectKind.EMAIL:
            return value in names.get_values_for_type(x509.RFC822Name)
        case _:
            return ipaddress.ip_address(value) in names.get_values_for_type(x509.IPAddress)


def in_its_time(certificate: x509.Certificate, now: datetime) -> bool:
    """Neither too early nor too late."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def issued_by_one_of(certificate: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether one of these authorities issued it directly, for a client, and both are in their time.

    Settings name the authorities that issue to clients themselves, not a root above them: no path is built, so nothing
    that a client brings decides what is believed.
    """
    if not in_its_time(certificate, now) or _is_authority(certificate) or not _for_clients(certificate):
        return False
    return any(in_its_time(one, now) and _is_authority(one) and _issued(certificate, one) for one in authorities)


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _for_clients(certificate: x509.Certificate) -> bool:
    """A certificate that lists usages lists ours among them."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    except ValueError:
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages
