"""Signatures in a PDF: each over its revision, and what came after."""

from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import EmbeddedPdfSignature, async_validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_timestamp
from pyhanko.sign.validation.status import SignatureCoverageLevel

from hsm_service.documents.domain.findings import Finding, Problem, Reason, Report, worst_first
from hsm_service.documents.service.judging.trust import USAGE, Trust, seconds, trusted, who

MAX_SIGNATURES: Final = 30


async def judge(document: bytes, trust: Trust) -> Report:
    """Every signature and document time-stamp, in the order in which they were made."""
    try:
        reader = PdfFileReader(BytesIO(document), strict=False)
        if reader.encrypted:
            return Report("pdf", problem=Problem.ENCRYPTED)
        signatures = list(reader.embedded_signatures)
    except MemoryError:
        raise
    except Exception:  # a hostile PDF can raise anything out of a parser
        return Report("pdf", problem=Problem.UNREADABLE)
    if not signatures:
        return Report("pdf", problem=Problem.UNSIGNED)
    if len(signatures) > MAX_SIGNATURES:
        return Report("pdf", problem=Problem.TOO_MANY)
    store = _store(reader)
    return Report("pdf", tuple([await _judged(each, trust, store) for each in signatures]))


async def _judged(signature: EmbeddedPdfSignature, trust: Trust, store: Any) -> Finding:
    stamp = signature.sig_object_type == "/DocTimeStamp"
    try:
        return await (_stamp(signature, trust, store) if stamp else _signature(signature, trust, store))
    except MemoryError:
        raise
    except Exception:
        return Finding("", "", "", "PDF", None, None, "", (Reason.MALFORMED,), stamp)


async def _signature(signature: EmbeddedPdfSignature, trust: Trust, store: Any) -> Finding:
    async def validate(revocation: str, moment: Any = None) -> Any:
        return await async_validate_pdf_signature(
            signature,
            trust.context(revocation=revocation, moment=moment, store=store),
            trust.context(revocation="soft-fail", store=store),
            key_usage_settings=USAGE,
        )

    first = await validate("soft-fail")
    stamped = first.timestamp_validity
    reasons: list[Reason] = []
    moment = None
    if stamped is not None:
        if not (stamped.intact and stamped.valid):
            reasons.append(Reason.STAMP_BROKEN)
        elif not stamped.trusted:
            reasons.append(Reason.STAMP_UNTRUSTED)
        else:
            moment = stamped.timestamp  # what the certificate was worth then is what counts
    status, chain = await trusted(lambda mode: validate(mode, moment))
    reasons += [*_integrity(status), *chain]
    name, number, issuer = who(status.signing_cert)
    return Finding(
        name,
        number,
        issuer,
        "PAdES" if signature.sig_object.get("/SubFilter") == "/ETSI.CAdES.detached" else "PDF",
        seconds(status.signer_reported_dt),
        seconds(moment),
        _covers(status),
        worst_first(reasons),
    )


async def _stamp(signature: EmbeddedPdfSignature, trust: Trust, store: Any) -> Finding:
    async def validate(revocation: str) -> Any:
        return await async_validate_pdf_timestamp(signature, trust.context(revocation=revocation, store=store))

    status, chain = await trusted(validate)
    name, _, issuer = who(status.signing_cert)
    believed = status.timestamp if status.trusted and status.intact and status.valid else None
    reasons = worst_first([*_integrity(status), *chain])
    return Finding(
        name, "", issuer, "RFC 3161", seconds(status.timestamp), seconds(believed), _covers(status), reasons, True
    )


def _integrity(status: Any) -> list[Reason]:
    """Is it the document, is it the key, and did anything come after that a signature does not allow?"""
    reasons = []
    if not status.intact:
        reasons.append(Reason.CHANGED)
    elif not status.valid:
        reasons.append(Reason.FORGED)
    later = status.modification_level
    allowed = later is None or later <= ModificationLevel.FORM_FILLING
    if status.coverage is None or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        reasons.append(Reason.CHANGED)  # bytes inside its own revision are not covered
    elif not allowed or status.docmdp_ok is False:
        reasons.append(Reason.CHANGED)
    if not getattr(status, "seed_value_ok", True):
        reasons.append(Reason.WRONG_USE)
    return reasons


def _covers(status: Any) -> str:
    return "all" if status.coverage is SignatureCoverageLevel.ENTIRE_FILE else "earlier"


def _store(reader: PdfFileReader) -> Any:
    try:
        return DocumentSecurityStore.read_dss(reader)
    except (NoDSSFoundError, PdfError, LookupError, TypeError, ValueError):
        return None
