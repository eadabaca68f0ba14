"""Levels above B-T: evidence beside the signature, and a stamp over both.

What parses a PDF runs in a process of its own (``jobs``); the rest blocks, call it in a thread.
"""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from asn1crypto import cms, core, crl, ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PreparedByteRangeDigest
from pyhanko.sign.validation.dss import DocumentSecurityStore

from hsm_service.documents.domain.encodings import parts, set_of, tag_of, tagged
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.service.cms import closed, opened
from hsm_service.documents.service.pades import TOKEN_ROOM, as_unsuitable

_CERTIFICATES: Final = (2, 0)
STAMP_HASH: Final = "sha256"
"""Of document time-stamps."""


def signers_of(container: bytes) -> list[bytes]:
    """Whose certificates need evidence: the signer's, and that of whoever stamped the signature. DER."""
    signed = cms.ContentInfo.load(container)["content"]
    info = signed["signer_infos"][0]
    found = [_signer(signed)]
    if not isinstance(info["unsigned_attrs"], core.Void):
        for attribute in info["unsigned_attrs"]:
            if attribute["type"].native == "signature_time_stamp_token":
                found += [_signer(token["content"]) for token in attribute["values"]]
    return found


def cms_with_evidence(container: bytes, evidence: Evidence) -> bytes:
    """CAdES B-LT (EN 319 122-1): certificates and lists go into SignedData, which no signature covers."""
    kind, fields = opened(container)
    certificates = {der for field in fields if tag_of(field) == _CERTIFICATES for der in parts(field)}
    version, digests, content, *_, infos = fields
    added = tagged(0, set_of(certificates | set(evidence.certificates))), tagged(1, set_of(evidence.crls))
    return closed(kind, [version, digests, content, *added, infos])


def pdf_with_evidence(pdf: bytes, evidence: Evidence) -> bytes:
    """PAdES B-LT: a document security store in an incremental update, for the last signature."""
    output = BytesIO(pdf)
    with as_unsuitable():
        *_, last = PdfFileReader(BytesIO(pdf), strict=False).embedded_regular_signatures
        DocumentSecurityStore.add_dss(
            output,
            last.pkcs7_content.hex().upper().encode("ascii"),
            certs=[asn1_x509.Certificate.load(der) for der in evidence.certificates],
            crls=[crl.CertificateList.load(der) for der in evidence.crls],
            ocsps=[ocsp.OCSPResponse.load(der) for der in evidence.ocsps],
            strict=False,
        )
    return output.getvalue()


def pdf_awaiting_stamp(pdf: bytes, hash_name: str) -> tuple[bytes, tuple[int, int]]:
    """PAdES B-LTA, first half: an update with a hole for a document time-stamp, and where that is."""
    with as_unsuitable():
        writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
        name = f"LinkID-TS-{hashlib.sha256(pdf).hexdigest()[:12]}"
        embedder = PdfCMSEmbedder(new_field_spec=SigFieldSpec(name)).write_cms(field_name=name, writer=writer)
        next(embedder)
        stamp = DocumentTimestamp(bytes_reserved=2 * TOKEN_ROOM)  # type: ignore[no-untyped-call]
        embedder.send(SigObjSetup(sig_placeholder=stamp))
        hole, output = embedder.send(SigIOSetup(md_algorithm=hash_name))
        output.seek(0)
        return output.read(), (hole.reserved_region_start, hole.reserved_region_end)


def pdf_stamped(pdf: bytes, hole: tuple[int, int], token: bytes) -> bytes:
    """Second half."""
    output = BytesIO(pdf)
    with as_unsuitable():
        PreparedByteRangeDigest(b"", *hole).fill_with_cms(output, token)
    return output.getvalue()


def _signer(signed: cms.SignedData) -> bytes:
    """The certificate that a SignedData's only signer names. Raises LookupError when it is not in there."""
    named = signed["signer_infos"][0]["sid"].chosen
    certificates: Sequence[cms.CertificateChoices] = signed["certificates"]
    for choice in certificates:
        found = choice.chosen
        if found.serial_number == named["serial_number"].native and found.issuer == named["issuer"]:
            return bytes(found.dump())
    raise LookupError("the signer's certificate is missing")


__all__: Final = ["cms_with_evidence", "pdf_awaiting_stamp", "pdf_stamped", "pdf_with_evidence", "signers_of"]
