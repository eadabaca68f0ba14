"""A holder of the tests who signs prepared documents with a key in memory, as SAM and phone would together."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from foundation.clock import FixedClock
from hsm_service.documents.domain.form import Form
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.service import DocumentService, Finished
from protocol.algorithms import SIGN_ALGORITHMS
from tests.agent.pki import Authority, Holder

NOW = datetime.now(UTC).replace(microsecond=0)


def signatory(holder: Holder, algorithm: str = "RSA-PKCS1-SHA256") -> Signatory:
    return Signatory(tuple(holder.chain), algorithm)


def sign(holder: Holder, prepared: Prepared) -> bytes:
    """What the SAM would answer for ``prepared.digest``."""
    algorithm = SIGN_ALGORITHMS[prepared.signatory.algorithm]
    prehashed = Prehashed(algorithm.hash)
    if isinstance(holder.key, ec.EllipticCurvePrivateKey):
        return holder.key.sign(prepared.digest, ec.ECDSA(prehashed))
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    if algorithm.family == "RSA-PSS":
        salted = padding.PSS(padding.MGF1(algorithm.hash), algorithm.digest_bytes)
        return holder.key.sign(prepared.digest, salted, prehashed)
    return holder.key.sign(prepared.digest, padding.PKCS1v15(), prehashed)


async def finished(
    service: DocumentService, form: Form, holder: Holder, algorithm: str = "RSA-PKCS1-SHA256", **what: Any
) -> Finished:
    """Prepared, kept as bytes, read again, signed, finished."""
    prepared = await service.prepare(form, signatory(holder, algorithm), **what)
    kept = Prepared.from_bytes(prepared.to_bytes())
    assert kept == prepared
    return await service.finish(kept, sign(holder, kept))


def service(**parts: Any) -> DocumentService:
    return DocumentService(FixedClock(NOW), **parts)


__all__ = ["NOW", "Authority", "Holder", "Mapping", "finished", "hashes", "service", "sign", "signatory", "x509"]
