"""What a certificate says, which algorithm its key signs with, and whether a signature is its own."""

import itertools
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from desktop_agent.domain.algorithm import HASH_BYTES, Algorithm, algorithm
from desktop_agent.errors import ServiceRefused, UntrustedServer


@dataclass(frozen=True)
class Certificate:
    """A signing certificate with its issuers, leaf first."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def der(self) -> bytes:
        return self.leaf.public_bytes(serialization.Encoding.DER)

    @property
    def ders(self) -> list[bytes]:
        """Leaf first, as they came."""
        return [one.public_bytes(serialization.Encoding.DER) for one in (self.leaf, *self.chain)]

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
        """How its key usually signs SHA-256 digests. Raises ServiceRefused for a kind of key we do not know."""
        key = self.leaf.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            return algorithm("RSA-PKCS1")
        if isinstance(key, ec.EllipticCurvePublicKey):
            return algorithm("ECDSA")
        raise ServiceRefused("A chave deste certificado é de um tipo que este programa não conhece.")

    @property
    def room(self) -> int:
        """Bytes that a signature of its key may need."""
        key = self.leaf.public_key()
        size: int = getattr(key, "key_size", 0) // 8
        return size if isinstance(key, rsa.RSAPublicKey) else 2 * size + 12

    def check_dates(self, now: datetime) -> None:
        """Raises ServiceRefused outside its validity."""
        if now < self.leaf.not_valid_before_utc:
            raise ServiceRefused("Este certificado ainda não é válido.", "Confira o relógio deste computador.")
        if now > self.leaf.not_valid_after_utc:
            day = self.leaf.not_valid_after_utc.strftime("%d/%m/%Y")
            raise ServiceRefused(
                f"Este certificado venceu em {day}.", "É preciso emitir outro e associar este computador de novo."
            )

    def verify(self, digest: bytes, signature: bytes, algorithm: Algorithm | None = None) -> None:
        """Raises UntrustedServer unless ``signature`` is this key's over ``digest``, by the usual or that algorithm."""
        key, way = self.leaf.public_key(), algorithm or self.algorithm
        try:
            hashed = Prehashed(way.hash)
            if isinstance(key, rsa.RSAPublicKey) and way.family == "RSA-PKCS1":
                key.verify(signature, digest, padding.PKCS1v15(), hashed)
            elif isinstance(key, rsa.RSAPublicKey) and way.family == "RSA-PSS":
                salted = padding.PSS(padding.MGF1(way.hash), HASH_BYTES[way.hash_name])
                key.verify(signature, digest, salted, hashed)
            elif isinstance(key, ec.EllipticCurvePublicKey) and way.family == "ECDSA":
                key.verify(signature, digest, ec.ECDSA(hashed))
            else:
                raise InvalidSignature
        except (InvalidSignature, ValueError) as cause:  # ValueError: a digest that is not as long as its hash
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
