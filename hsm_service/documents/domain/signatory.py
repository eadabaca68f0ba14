"""Who signs, and by which algorithm: certificates as the holder's credential has them."""

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import algos
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from hsm_service.documents.errors import BadCertificate
from protocol.algorithms import SIGN_ALGORITHMS, SignAlgorithm
from protocol.errors import AlgorithmRefused, SignatureInvalid

_MAX_CHAIN = 8
_MAX_CERTIFICATE = 16_384


@dataclass(frozen=True)
class Signatory:
    """``chain``: DER, leaf first, as credentials have it. ``algorithm``: a name of docs/protocol.md section 5."""

    chain: tuple[bytes, ...]
    algorithm: str

    def __post_init__(self) -> None:
        """Raises BadCertificate for certificates that are none, or a key that does not make such signatures."""
        if not 1 <= len(self.chain) <= _MAX_CHAIN or any(len(der) > _MAX_CERTIFICATE for der in self.chain):
            raise BadCertificate("a chain of one to eight certificates")
        if self.algorithm not in SIGN_ALGORITHMS:
            raise BadCertificate(f"no algorithm {self.algorithm[:40]}")
        try:
            keys = [x509.load_der_x509_certificate(der).public_key() for der in self.chain]
        except ValueError as cause:
            raise BadCertificate("not a certificate") from cause
        wanted = ec.EllipticCurvePublicKey if self.sign_algorithm.family == "ECDSA" else rsa.RSAPublicKey
        if not isinstance(keys[0], wanted):
            raise BadCertificate(f"this key does not make {self.algorithm}")

    @property
    def sign_algorithm(self) -> SignAlgorithm:
        """Family and hash."""
        return SIGN_ALGORITHMS[self.algorithm]

    @property
    def digest_name(self) -> str:
        """``sha256``: as pyHanko and hashlib call the hash."""
        return self.sign_algorithm.hash.name

    @property
    def leaf(self) -> x509.Certificate:
        """The holder's certificate."""
        return x509.load_der_x509_certificate(self.chain[0])

    @property
    def certificates(self) -> list[asn1_x509.Certificate]:
        """As pyHanko takes them."""
        return [asn1_x509.Certificate.load(der) for der in self.chain]

    @property
    def name(self) -> str:
        """For people. ICP-Brasil writes ``NAME:CPF``: the number is for no screen."""
        names = self.leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value).partition(":")[0] if names else ""

    @property
    def mechanism(self) -> algos.SignedDigestAlgorithm:
        """``signatureAlgorithm`` of CMS."""
        wanted, digest = self.sign_algorithm, self.digest_name
        match wanted.family:
            case "RSA-PKCS1":
                return algos.SignedDigestAlgorithm({"algorithm": f"{digest}_rsa"})
            case "ECDSA":
                return algos.SignedDigestAlgorithm({"algorithm": f"{digest}_ecdsa"})
            case "RSA-PSS":  # the parameters of docs/protocol.md: MGF1 over the same hash, a salt as long as it
                hashed = algos.DigestAlgorithm({"algorithm": digest})
                mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": hashed})
                parameters = algos.RSASSAPSSParams(
                    {"hash_algorithm": hashed, "mask_gen_algorithm": mask, "salt_length": wanted.digest_bytes}
                )
                return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})

    @property
    def signature_room(self) -> int:
        """Bytes that a signature may have."""
        key = self.leaf.public_key()
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey), "looked at when it was made"
        return key.key_size // 8 if isinstance(key, rsa.RSAPublicKey) else 2 * ((key.key_size + 7) // 8) + 16

    def demand_valid(self, at: datetime) -> None:
        """Raises BadCertificate outside the certificate's validity."""
        leaf = self.leaf
        if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
            raise BadCertificate("the certificate is not within its validity")

    def signed(self, digest: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is this key's, over exactly this digest."""
        key = self.leaf.public_key()
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey), "looked at when it was made"
        try:
            self.sign_algorithm.verify(key, signature, digest)
        except (SignatureInvalid, AlgorithmRefused):
            return False
        return True
