"""A certificate authority of the tests, and holders' keys."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

Private: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
DAY = timedelta(days=1)


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "BR"), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """A root that issues directly."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = name("AC de Teste")
        self.certificate = self._build(self.subject, self.key, ca=True)

    def issue(self, common: str, key: Private, *, days: int = 365, since: int = -1) -> x509.Certificate:
        return self._build(name(common), key, ca=False, days=days, since=since)

    def _build(
        self, subject: x509.Name, key: Private, *, ca: bool, days: int = 3650, since: int = -1
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=not ca,
            content_commitment=not ca,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=ca,
            crl_sign=ca,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + since * DAY)
            .not_valid_after(now + days * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256())


class Holder:
    """A certificate and its key, as the SAM would hold it."""

    def __init__(
        self, authority: Authority, common: str = "MARIA DA SILVA:12345678909", *, ecdsa: bool = False, **times: int
    ) -> None:
        self.key: Private = ec.generate_private_key(ec.SECP256R1()) if ecdsa else rsa.generate_private_key(65537, 2048)
        self.authority = authority
        self.certificate = authority.issue(common, self.key, **times)

    @property
    def chain(self) -> list[bytes]:
        return [der(self.certificate), der(self.authority.certificate)]

    def sign(self, digest: bytes, *, pss: bool = False) -> bytes:
        by_length: dict[int, hashes.HashAlgorithm] = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}
        hashed = by_length[len(digest)]
        if not isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, ec.ECDSA(Prehashed(hashed)))
        if pss:
            return self.key.sign(digest, padding.PSS(padding.MGF1(hashed), len(digest)), Prehashed(hashed))
        return self.key.sign(digest, padding.PKCS1v15(), Prehashed(hashed))
