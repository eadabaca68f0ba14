"""TLS: contexts for serving, and a certificate authority of the development machine's own.

A real phone on the same network has no camera and no WebCrypto without HTTPS, so ``make run LAN=1`` makes an authority
once (``ca.crt`` is installed on the phone by hand) and a server certificate for this machine's addresses, renewed
when it nears its end or the addresses change. Production brings its own files.
"""

import contextlib
import ipaddress
import os
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_DAYS: Final = 3650
_LEAF_DAYS: Final = 397
"""Phones refuse server certificates longer than 398 days (Apple) whatever authority signed them."""
_RENEW_BEFORE: Final = timedelta(days=30)
_BACKDATE: Final = timedelta(hours=1)
"""A phone's clock may be a little behind ours."""


@dataclass(frozen=True)
class TlsFiles:
    """Where a process finds its certificate (with its chain), its key, and the authorities it believes."""

    certificate: Path
    key: Path
    authorities: Path


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For public HTTPS: TLS 1.2 or newer. Raises OSError or ssl.SSLError when the files are no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def asking_server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For public HTTPS at an address of its own, where programs may show a certificate (RFC 8705).

    Which ones are let through the handshake is said by ``let_knock``; without one a client still gets in, nameless.
    """
    context = server_context(certificate, key)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def let_knock(context: ssl.SSLContext, certificates: Iterable[bytes]) -> None:
    """Let clients with these certificates (DER), or with ones that these issued, finish the handshake.

    It proves that they have the key, and nothing else: who they are is decided where clients are authenticated, which
    does not believe what is let in here. Certificates that cannot be read are skipped.
    """
    for certificate in certificates:
        with contextlib.suppress(ssl.SSLError):
            context.load_verify_locations(cadata=certificate)


def private_server_context(files: TlsFiles) -> ssl.SSLContext:
    """For the private channel: TLS 1.3, and the peer must have a certificate of our private authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def private_client_context(files: TlsFiles) -> ssl.SSLContext:
    """The other end: shows our certificate, believes only the private authority, checks the host's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.authorities)
    return context


class DevelopmentAuthority:
    """The development machine's own authority, kept in one folder: ``ca.crt``, ``ca.key`` and what it issued."""

    def __init__(self, folder: Path, now: datetime) -> None:
        """Open the authority of ``folder``, making it (0700, key 0600) when it is missing or near its end."""
        self.folder = folder
        self._now = now
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.certificate_file = folder / "ca.crt"
        self._key_file = folder / "ca.key"
        if not self._usable():
            self._make()
        self._certificate = _read_certificate(self.certificate_file)
        self._key = _read_key(self._key_file)

    def server(self, hosts: Sequence[str], name: str = "server") -> TlsFiles:
        """A server certificate for these host names and addresses; the one on disk when it still fits."""
        return self._leaf(hosts, name, [ExtendedKeyUsageOID.SERVER_AUTH])

    def peer(self, hosts: Sequence[str], name: str) -> TlsFiles:
        """A certificate for either end of the private channel."""
        return self._leaf(hosts, name, [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])

    def _leaf(self, hosts: Sequence[str], name: str, usages: list[x509.ObjectIdentifier]) -> TlsFiles:
        files = TlsFiles(self.folder / f"{name}.crt", self.folder / f"{name}.key", self.certificate_file)
        if not self._still_fits(files, hosts, usages):
            self._issue(files, hosts, name, usages)
        return files

    def _usable(self) -> bool:
        if not (self.certificate_file.exists() and self._key_file.exists()):
            return False
        # A new authority must be installed on the phone by hand, so it is replaced only when it really ends.
        return _read_certificate(self.certificate_file).not_valid_after_utc > self._now + _RENEW_BEFORE

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Link ID development authority {self._now:%Y-%m-%d}")
        certificate = (
            _builder(name, name, key.public_key(), self._now, _CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_pair(self.certificate_file, [certificate], self._key_file, key)

    def _still_fits(self, files: TlsFiles, hosts: Sequence[str], usages: list[x509.ObjectIdentifier]) -> bool:
        if not (files.certificate.exists() and files.key.exists()):
            return False
        certificate = _read_certificate(files.certificate)
        if certificate.not_valid_after_utc < self._now + _RENEW_BEFORE:
            return False
        try:
            certificate.verify_directly_issued_by(self._certificate)
        except Exception:
            return False
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        listed = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        return set(names) == set(_names(hosts)) and set(listed) == set(usages)

    def _issue(self, files: TlsFiles, hosts: Sequence[str], name: str, usages: list[x509.ObjectIdentifier]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(_name(f"Link ID {name}"), self._certificate.subject, key.public_key(), self._now, _LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(hosts)), critical=False)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        _write_pair(files.certificate, [certificate, self._certificate], files.key, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    result: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            result.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            result.append(x509.DNSName(host))
    return result


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read_certificate(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _read_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{file}: not an elliptic curve key")
    return key


def _write_pair(
    certificate_file: Path, chain: Sequence[x509.Certificate], key_file: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(key_file, pem, 0o600)
    _write(certificate_file, b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain), 0o644)


def _write(file: Path, content: bytes, mode: int) -> None:
    """Never a moment in which the key is readable by others, nor a half-written file."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
    temporary.replace(file)
