"""Our own authority, over its private channel: its time stamps, and evidence for its certificates."""

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.channel import Answer, PrivateCalls
from foundation.encoding import JsonObject, b64u
from foundation.errors import LinkIdError
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.errors import BadCertificate, NoEvidence, NoTimeStamp

_MAX_FILE: Final = 4 * 1024 * 1024


class AuthorityTsa:
    """See ``ports.TimeStampingAuthority``."""

    def __init__(self, ac: PrivateCalls) -> None:
        """``ac``: to the AC."""
        self._ac = ac

    async def ask(self, request: bytes) -> bytes:
        try:
            return await _file(self._ac, "tsa", {"request": b64u(request)})
        except LinkIdError as cause:
            raise NoTimeStamp(f"the AC does not stamp ({cause.code})") from cause


class AuthorityEvidence:
    """See ``ports.Evidences``: for certificates of the authority's own, and for no others."""

    def __init__(self, ac: PrivateCalls) -> None:
        """``ac``: to the AC."""
        self._ac = ac

    async def collect(self, certificates: Sequence[bytes]) -> Evidence:
        """The lists of root and issuing authority, and for each holder's certificate an OCSP answer of now."""
        try:
            root, issuing = [
                x509.load_der_x509_certificate(await _file(self._ac, name)) for name in ("root.crt", "issuing.crt")
            ]
            lists = [await _file(self._ac, name) for name in ("root.crl", "issuing.crl")]
            answers = [
                answer
                for der in certificates
                for answer in await self._proved(x509.load_der_x509_certificate(der), root, issuing)
            ]
        except (BadCertificate, NoEvidence):
            raise
        except (LinkIdError, ValueError) as cause:
            raise NoEvidence("the authority does not publish now") from cause
        issuers = tuple(each.public_bytes(Encoding.DER) for each in (issuing, root))
        return Evidence(issuers, tuple(lists), tuple(answers))

    async def _proved(
        self, certificate: x509.Certificate, root: x509.Certificate, issuing: x509.Certificate
    ) -> list[bytes]:
        if certificate.issuer == root.subject:
            return []  # the root answers by its list alone
        if certificate.issuer != issuing.subject:
            raise NoEvidence("a certificate of another authority")
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuing, hashes.SHA256()).build()
        der = await _file(self._ac, "ocsp", {"request": b64u(asked.public_bytes(Encoding.DER))})
        answer = ocsp.load_der_ocsp_response(der)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise NoEvidence("OCSP does not answer")
        if answer.certificate_status is ocsp.OCSPCertStatus.REVOKED:
            raise BadCertificate("the certificate is revoked")
        if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
            raise NoEvidence("OCSP does not know the certificate")
        return [der]


async def _file(ac: PrivateCalls, name: str, body: JsonObject | None = None) -> bytes:
    answer = await ac.call(f"pki/{name}", body or {})
    return Answer(f"pki/{name}", answer).data("body", max_bytes=_MAX_FILE)
