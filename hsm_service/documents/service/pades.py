"""PAdES around a raw signature, by pyHanko: an incremental update with a hole, and the CMS that goes into it.

A PDF comes from anybody: what parses one (``with_hole``, ``demand_whole``) runs in a process of its own (``jobs``), and
whatever a parser throws becomes UnsuitableDocument. The rest counts bytes; it blocks, call it in a thread.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from foundation.errors import LinkIdError
from hsm_service.documents.domain.form import Form, Level
from hsm_service.documents.domain.policies import SignaturePolicy
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.errors import UnsuitableDocument
from hsm_service.documents.service import cms
from hsm_service.documents.service.drawing import stamped, words

_HEADER_WITHIN: Final = 1024
"""Bytes: readers look for %PDF- this far."""
_ATTRIBUTES_ROOM: Final = 4096
TOKEN_ROOM: Final = 16 * 1024
"""Bytes for a time-stamp token with its certificates."""

logging.getLogger("pyhanko").setLevel(logging.CRITICAL + 1)  # names and CPFs stand in its warnings
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL + 1)


def with_hole(
    form: Form, signatory: Signatory, at: datetime, pdf: bytes, stamp: Stamp | None, *, certify: bool | None = False
) -> tuple[bytes, tuple[int, int]]:
    """The PDF with a field and a hole for its CMS, and where that is. Raises UnsuitableDocument: damaged, encrypted, no
    pages, or certified against any change.

    ``certify``: the first signature of a document says that later ones, and forms filled in, are the only changes
    allowed (ISO 32000-2, DocMDP); a document that is signed already cannot be certified. None: only if it is the first.
    """
    with as_unsuitable():
        reader = _reader(pdf)
        writer = IncrementalPdfFileWriter(BytesIO(pdf), prev=reader, strict=False)
        if certify and reader.embedded_signatures:
            raise UnsuitableDocument("signed already: it takes revisions, and no certification")
        metadata = signers.PdfSignatureMetadata(
            field_name=f"LinkID-{secrets.token_hex(6)}",
            md_algorithm=signatory.digest_name,
            subfilter=fields.SigSeedSubFilter.PADES,
            name=signatory.name or None,
            certify=not reader.embedded_signatures if certify is None else certify,
            docmdp_permissions=fields.MDPPerm.FILL_FORMS,
        )
        pdf_signer = stamped(metadata, cms.signer(signatory), stamp, pages=_pages(reader))
        session = pdf_signer.init_signing_session(writer)
        session.system_time = at  # /M and the stamp: one time for the whole preparation
        said = None if stamp is None else words(stamp, signatory.name, at)
        room = 2 * _room(form, signatory)  # it is written in hexadecimal
        document = session.prepare_tbs_document(None, bytes_reserved=room, appearance_text_params=said)
        hole, output = document.digest_tbs_document()
        output.seek(0)
        return output.read(), (hole.reserved_region_start, hole.reserved_region_end)


def prepared(
    form: Form,
    signatory: Signatory,
    at: datetime,
    policy: SignaturePolicy | None,
    content: bytes,
    hole: tuple[int, int],
    pdf: bytes,
) -> Prepared:
    """The first half, of what ``with_hole`` made of ``pdf``: what will be signed is computed here, over its bytes.

    Raises UnsuitableDocument when the parser gave back another document, or a hole that is none.
    """
    start, end = hole
    if not (content.startswith(pdf) and len(pdf) < start < end <= len(content)):
        raise UnsuitableDocument("its parser gave something else back")
    inside = content[start:end]
    if inside[:1] != b"<" or inside[-1:] != b">" or inside[1:-1].strip(b"0"):
        raise UnsuitableDocument("its parser left no room")
    digest = digest_around(content, hole, signatory.digest_name)
    to_sign = cms.signed_attributes(signatory, digest, at, policy, pdf=True)
    return Prepared(form, signatory, at, to_sign, content, hole)


def fill(prepared: Prepared, container: bytes) -> bytes:
    """The second half: the CMS in its hole. Raises UnsuitableDocument when it does not fit."""
    assert prepared.hole is not None, "prepared from a PDF"
    start, end = prepared.hole
    output = BytesIO(prepared.content)
    with as_unsuitable():
        PreparedByteRangeDigest(b"", start, end).fill_with_cms(output, container)
    return output.getvalue()


def covered(prepared: Prepared) -> bytes:
    """The digest of what the signature covers, of the file as it is now."""
    assert prepared.hole is not None, "prepared from a PDF"
    return digest_around(prepared.content, prepared.hole, prepared.signatory.digest_name)


def demand_whole(pdf: bytes) -> None:
    """Read what we wrote as a stranger would: the last signature holds and covers the whole file.

    Raises UnsuitableDocument, also when an earlier signature that held does not allow this one.
    """
    with as_unsuitable():
        *_, ours = PdfFileReader(BytesIO(pdf), strict=False).embedded_regular_signatures
        status = validate_pdf_signature(ours, signer_validation_context=_no_roots())
        if not (status.intact and status.valid and status.coverage is SignatureCoverageLevel.ENTIRE_FILE):
            raise UnsuitableDocument("what was written does not verify")


def _reader(pdf: bytes) -> PdfFileReader:
    """Tolerant, as much software writes a little beside the standard; `demand_whole` makes that good."""
    if b"%PDF-" not in pdf[:_HEADER_WITHIN]:
        raise UnsuitableDocument("not a PDF")
    reader = PdfFileReader(BytesIO(pdf), strict=False)
    if reader.encrypted:
        raise UnsuitableDocument("encrypted")
    if _pages(reader) < 1:
        raise UnsuitableDocument("no pages")
    if "/AcroForm" in reader.root and "/XFA" in reader.root["/AcroForm"]:
        raise UnsuitableDocument("its pages are made by a program inside it (XFA): what is signed would not be seen")
    if any(item.docmdp_level is fields.MDPPerm.NO_CHANGES for item in reader.embedded_signatures):
        raise UnsuitableDocument("certified against any change")
    return reader


def digest_around(content: bytes, hole: tuple[int, int], name: str) -> bytes:
    """Of everything but the hole: what a signature or stamp in it covers."""
    digest = hashlib.new(name)
    digest.update(memoryview(content)[: hole[0]])
    digest.update(memoryview(content)[hole[1] :])
    return digest.digest()


def _pages(reader: PdfFileReader) -> int:
    return int(reader.root["/Pages"]["/Count"])


def _room(form: Form, signatory: Signatory) -> int:
    """Bytes to keep free: known before anything is signed, with room for a time stamp where one comes."""
    certificates = sum(len(der) for der in signatory.chain)
    stamp = 0 if form.level is Level.B else TOKEN_ROOM
    return certificates + signatory.signature_room + _ATTRIBUTES_ROOM + stamp


def _no_roots() -> ValidationContext:
    return ValidationContext(trust_roots=[], allow_fetching=False)


@contextmanager
def as_unsuitable() -> Iterator[None]:
    """Foreign errors die here; a hostile PDF can raise anything out of a parser."""
    try:
        yield
    except LinkIdError:
        raise
    except Exception as cause:
        raise UnsuitableDocument(f"damaged, or uses what we do not know ({type(cause).__name__})") from cause
