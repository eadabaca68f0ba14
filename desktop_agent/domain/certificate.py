"""What a certificate says, which algorithm its key signs with, and whether a signature is its own."""

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from desktop_agent.errors import ServiceRefused, UntrustedServer

SHA256_OID: Final = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class Algorithm:
    """One way to sign: its name in approval documents, its OID in CSC, its name for pyHanko, bytes it may need."""

    name: str
    oid: str
    mechanism: str
    room: int


@dataclass(frozen=True)
class Certificate:
    """A signing certificate with its issuers, leaf first."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def der(self) -> bytes:
        return self.leaf.public_bytes(serialization.Encoding.DER)

    @property
    def holder(self) -> str:
        """Who it is, for people. ICP-Brasil writes ``NAME:CPF`` into the common name; the number is not for screens."""
        names = self.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value).partition(":")[0] if names else self.leaf.subject.rfc4514_string()

    @property
    def issuer(self) -> str:
        names = self.leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self.leaf.issuer.rfc4514_string()

    @property
    def algorithm(self) -> Algorithm:
        """How its key signs SHA-256 digests. Raises ServiceRefused for a kind of key we do not know."""
        key = self.leaf.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            return Algorithm("RSA-PKCS1-SHA256", "1.2.840.113549.1.1.11", "sha256_rsa", key.key_size // 8)
        if isinstance(key, ec.EllipticCurvePublicKey):
            return Algorithm("ECDSA-SHA256", "1.2.840.10045.4.3.2", "sha256_ecdsa", 2 * (key.key_size // 8) + 12)
        raise ServiceRefused("A chave deste certificado é de um tipo que este programa não conhece.")

    def check_dates(self, now: datetime) -> None:
        """Raises ServiceRefused outside its validity."""
        if now < self.leaf.not_valid_before_utc:
            raise ServiceRefused("Este certificado ainda não é válido.", "Confira o relógio deste computador.")
        if now > self.leaf.not_valid_after_utc:
            day = self.leaf.not_valid_after_utc.strftime("%d/%m/%Y")
            raise ServiceRefused(
                f"Este certificado venceu em {day}.", "É preciso emitir outro e associar este computador de novo."
            )

    def verify(self, digest: bytes, signature: bytes) -> None:
        """Raises UntrustedServer unless ``signature`` is this key's over the SHA-256 ``digest``."""
        key, sha256 = self.leaf.public_key(), Prehashed(hashes.SHA256())
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, digest, padding.PKCS1v15(), sha256)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, digest, ec.ECDSA(sha256))
            else:
                raise InvalidSignature
        except InvalidSignature as cause:
            raise UntrustedServer("A assinatura devolvida não confere com o certificado.") from cause


def read_chain(ders: list[bytes]) -> Certificate:
    """The leaf and its issuers. Raises UntrustedServer when one is not a certificate or the order is not leaf first."""
    if not ders:
        raise UntrustedServer("O serviço não enviou o certificado.")
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in ders]
    except ValueError as cause:
        raise UntrustedServer("O serviço enviou um certificado malformado.") from cause
    for below, above in itertools.pairwise(certificates):
        if below.issuer != above.subject:
            raise UntrustedServer("O serviço enviou uma cadeia de certificados fora de ordem.")
    return Certificate(certificates[0], tuple(certificates[1:]))
