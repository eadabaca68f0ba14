"""The authority itself as data, and the certificates of its own keys: root, issuing, OCSP, time stamps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

ROOT_DAYS: Final = 7305
ISSUING_DAYS: Final = 3652
OCSP_DAYS: Final = 30
"""Short, because id-pkix-ocsp-nocheck means that nobody asks whether it was revoked (RFC 6960 section 4.2.2.2.1)."""
OCSP_RENEW_BEFORE: Final = timedelta(days=10)
TSA_DAYS: Final = 1826
"""Stamps are believed as long as their authority's certificate, unless they were stamped again (B-LTA)."""
TSA_RENEW_BEFORE: Final = timedelta(days=365)
BACKDATED: Final = timedelta(minutes=5)
"""Computers whose clock is a little late must not refuse what was just issued."""


@dataclass(frozen=True)
class Authority:
    """How this authority calls itself and where it publishes. Ordinary settings: nothing here is secret."""

    organisation: str = "ICP-Brasil"
    root_name: str = "Link ID Autoridade Certificadora Raiz de Desenvolvimento"
    issuing_name: str = "AC Link ID Desenvolvimento"
    """Also the OU of its holders' certificates."""
    registration_cnpj: str = "11222333000181"
    """CNPJ of the registration authority, an OU of the holders' certificates."""
    identification: str = "Videoconferencia"
    """How holders are identified, an OU of their certificates (DOC-ICP-04 item 7.1.4)."""
    policy_number: int = 999
    """The authority's own number below each type's branch of policy OIDs, given by the ITI; 999 is nobody's."""
    stamping_policy: str = "2.16.76.1.6.999"
    """The policy of our time stamps, below ICP-Brasil's branch for them; 999 is nobody's."""
    cps_url: str = "http://127.0.0.1:8442/pki/dpc.txt"
    pki_urls: tuple[str, str] = ("http://127.0.0.1:8442/pki", "http://127.0.0.1:8441/pki")
    """Two places: DOC-ICP-04 item 7.1.2.2 (d) demands two addresses of the revocation list."""

    def addresses(self, name: str) -> list[str]:
        """Where a published file is found."""
        return [f"{base}/{name}" for base in self.pki_urls]


def distinguished_name(parts: Sequence[tuple[str, str]]) -> x509.Name:
    """A name from (C | O | OU | CN, text) in order."""
    return x509.Name([x509.NameAttribute(_OIDS[part], text) for part, text in parts])


_OIDS: Final = {
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "CN": NameOID.COMMON_NAME,
}


def root_name(authority: Authority) -> x509.Name:
    """The root's name."""
    return distinguished_name([("C", "BR"), ("O", authority.organisation), ("CN", authority.root_name)])


def issuing_name(authority: Authority) -> x509.Name:
    """The issuing authority's name."""
    return distinguished_name([("C", "BR"), ("O", authority.organisation), ("CN", authority.issuing_name)])


def root_certificate(
    authority: Authority, key: rsa.RSAPublicKey, *, serial: int, now: datetime
) -> x509.CertificateBuilder:
    """The self-signed root, to be signed by its own key."""
    name = root_name(authority)
    return (
        _validity(x509.CertificateBuilder(), now, ROOT_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def issuing_certificate(
    authority: Authority, key: rsa.RSAPublicKey, root: x509.Certificate, *, serial: int, now: datetime
) -> x509.CertificateBuilder:
    """The issuing authority, to be signed by the root. It may not make further authorities (path length 0)."""
    policy = x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), [authority.cps_url])
    return (
        _validity(x509.CertificateBuilder(), now, ISSUING_DAYS)
        .subject_name(issuing_name(authority))
        .issuer_name(root.subject)
        .public_key(key)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority_key_identifier(root), critical=False)
        .add_extension(x509.CertificatePolicies([policy]), critical=False)
        .add_extension(distribution_points(authority.addresses("root.crl")), critical=False)
        .add_extension(issuer_access(authority.addresses("root.crt")[:1]), critical=False)
    )


def ocsp_certificate(
    authority: Authority, key: rsa.RSAPublicKey, issuing: x509.Certificate, *, serial: int, now: datetime
) -> x509.CertificateBuilder:
    """The delegated OCSP responder (RFC 6960 section 4.2.2.2), to be signed by the issuing authority."""
    parts = [("C", "BR"), ("O", authority.organisation), ("CN", f"{authority.issuing_name} OCSP")]
    return (
        _validity(x509.CertificateBuilder(), now, OCSP_DAYS)
        .subject_name(distinguished_name(parts))
        .issuer_name(issuing.subject)
        .public_key(key)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        .add_extension(x509.OCSPNoCheck(), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority_key_identifier(issuing), critical=False)
        .add_extension(issuer_access(authority.addresses("issuing.crt")[:1]), critical=False)
    )


def tsa_certificate(
    authority: Authority, key: rsa.RSAPublicKey, root: x509.Certificate, *, serial: int, now: datetime
) -> x509.CertificateBuilder:
    """The time-stamping authority (RFC 3161 section 2.3: for time stamps only, critical), to be signed by the root."""
    parts = [("C", "BR"), ("O", authority.organisation), ("CN", f"{authority.issuing_name} Carimbo do Tempo")]
    return (
        _validity(x509.CertificateBuilder(), now, TSA_DAYS)
        .subject_name(distinguished_name(parts))
        .issuer_name(root.subject)
        .public_key(key)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(digital_signature=True, content_commitment=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(authority_key_identifier(root), critical=False)
        .add_extension(distribution_points(authority.addresses("root.crl")), critical=False)
        .add_extension(issuer_access(authority.addresses("root.crt")[:1]), critical=False)
    )


def key_usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """The usages named, and no others."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Points to exactly the identifier that stands in the issuer's certificate."""
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def distribution_points(urls: Sequence[str]) -> x509.CRLDistributionPoints:
    """One point per address, as readers of ICP-Brasil certificates expect."""
    return x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in urls]
    )


def issuer_access(issuers: Sequence[str], ocsp: Sequence[str] = ()) -> x509.AuthorityInformationAccess:
    """Where the issuer's certificates and the OCSP responder are found."""
    described = [(AuthorityInformationAccessOID.CA_ISSUERS, url) for url in issuers]
    described += [(AuthorityInformationAccessOID.OCSP, url) for url in ocsp]
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in described]
    )


def _validity(builder: x509.CertificateBuilder, now: datetime, days: int) -> x509.CertificateBuilder:
    start = now.replace(microsecond=0) - BACKDATED
    return builder.not_valid_before(start).not_valid_after(start + timedelta(days=days, seconds=-1))
