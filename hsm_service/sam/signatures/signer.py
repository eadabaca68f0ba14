"""The only place that signs with a holder's key. It takes a permit, and lets nothing out that does not verify."""

from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.activations.domain import Permit
from hsm_service.sam.errors import SignatureNotReleased
from protocol.algorithms import SignAlgorithm
from protocol.errors import SignatureInvalid

_log = get_logger(__name__)


class Signer:
    """``sign(permit)``, never ``sign(hash)``."""

    def __init__(self, hsm: Hsm) -> None:
        self._hsm = hsm

    async def sign(self, permit: Permit, certificate: bytes) -> list[bytes]:
        """One signature for each digest of the permit, in its order; each verified with the certificate (DER).

        Raises SignatureNotReleased when one does not verify, HsmUnavailable, TypeError for what is not a permit.
        """
        if not isinstance(permit, Permit):
            raise TypeError("the signer takes permits only")
        if permit.epoch != self._hsm.epoch:
            raise SignatureNotReleased("the HSM was initialised anew since the permit was made", retry_after=1)
        permit.spend()
        sign = self._hsm.sign_kept if permit.in_session else self._hsm.sign_wrapped
        made = await sign(permit.key, permit.key_algorithm, permit.algorithm, permit.digests)
        # An epoch that ended meanwhile is no matter: what verifies with the certificate was made by its key.
        verify_all(certificate, permit.algorithm, permit.digests, made)
        return made


@lru_cache(maxsize=2048)
def _key_of(certificate: bytes) -> CertificatePublicKeyTypes:
    """Parsing costs as much as verifying, and holders sign again."""
    return x509.load_der_x509_certificate(certificate).public_key()


def verify_all(certificate: bytes, algorithm: SignAlgorithm, digests: tuple[bytes, ...], made: list[bytes]) -> None:
    """Each signature over its digest, by the key of the certificate. Raises SignatureNotReleased."""
    public = _key_of(certificate)
    if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) or len(made) != len(digests):
        raise SignatureNotReleased("not as many signatures as hashes, or not such a key")
    for digest, signature in zip(digests, made, strict=True):
        try:
            algorithm.verify(public, signature, digest)
        except SignatureInvalid as cause:
            _log.error("signature_does_not_verify", algorithm=algorithm.name)
            raise SignatureNotReleased("a signature does not verify with the certificate") from cause
