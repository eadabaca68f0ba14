"""What is done with bytes that others made, each a function from a parcel to a parcel. They run in a child that parses
one document and ends (the slice's floor ``process``); ``workshop`` is how the gateway asks for them.

    judge         what signatures are worth
    pdf.prepare   a PDF with a hole for a signature
    pdf.finish    a signed PDF read as a stranger would; evidence, and a hole for a document time-stamp
    xml.prepare   an XML with a signature without its value, and what is to be signed
    xml.finish    the value in its place, and read as a stranger would
    xml.stamp     a time stamp beside it
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from foundation.errors import LinkIdError
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.question import Question
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.service import long_term, pades, xades
from hsm_service.documents.service.judging import judge
from hsm_service.documents.service.judging.trust import Trust

Job: TypeAlias = Callable[[Parcel], Parcel]


def answered(asked: bytes) -> bytes:
    """A job as bytes, and its answer. What the document is refused for is said by its error's code."""
    name, _, rest = asked.partition(b"\n")
    try:
        return JOBS[name.decode("ascii")](Parcel.from_bytes(rest)).to_bytes()
    except LinkIdError as error:
        return Parcel({"error": error.code, "detail": error.detail}).to_bytes()


def _judge(asked: Parcel) -> Parcel:
    (question,) = asked.parts
    told = Question.from_bytes(question)
    trust = Trust(told.roots, told.certificates, told.lists, datetime.fromtimestamp(told.now, UTC))
    return Parcel(asyncio.run(judge(told.document, told.original, trust)).as_json())


def pdf_prepare(
    form: Form, signatory: Signatory, at: datetime, pdf: bytes, stamp: Stamp | None, *, certify: bool | None
) -> Parcel:
    """The parcel of ``pdf.prepare``; its answer: {"hole"}, the PDF."""
    told: Any = None if stamp is None else asdict(stamp)
    return Parcel({**_said(form, signatory, at), "stamp": told, "certify": certify}, (pdf, *signatory.chain))


def _pdf_prepare(asked: Parcel) -> Parcel:
    head: Any = asked.head
    pdf, *chain = asked.parts
    told = head["stamp"]
    stamp = None if told is None else Stamp(told["verification"], told["page"], tuple(told["box"]))
    form, signatory, at = _heard(head, chain)
    content, hole = pades.with_hole(form, signatory, at, pdf, stamp, certify=head["certify"])
    return Parcel({"hole": list(hole)}, (content,))


def pdf_finish(pdf: bytes, evidence: Evidence | None, *, awaiting: bool) -> Parcel:
    """The parcel of ``pdf.finish``. ``awaiting``: a hole for a document time-stamp; its answer: {"hole"} or {}, the
    PDF."""
    groups = (evidence.certificates, evidence.crls, evidence.ocsps) if evidence is not None else ()
    head: Any = {"evidence": [len(group) for group in groups], "awaiting": awaiting}
    return Parcel(head, (pdf, *(der for group in groups for der in group)))


def _pdf_finish(asked: Parcel) -> Parcel:
    head: Any = asked.head
    pdf, *rest = asked.parts
    pades.demand_whole(pdf)
    if head["evidence"]:
        groups, at = [], 0
        for count in head["evidence"]:
            groups.append(tuple(rest[at : at + count]))
            at += count
        pdf = long_term.pdf_with_evidence(pdf, Evidence(*groups))
    if not head["awaiting"]:
        return Parcel({}, (pdf,))
    pdf, hole = long_term.pdf_awaiting_stamp(pdf, long_term.STAMP_HASH)
    return Parcel({"hole": list(hole)}, (pdf,))


def xml_prepare(form: Form, signatory: Signatory, at: datetime, xml: bytes, element: str | None) -> Parcel:
    """The parcel of ``xml.prepare``; its answer: {}, what is to be signed, the XML."""
    return Parcel({**_said(form, signatory, at), "element": element}, (xml, *signatory.chain))


def _xml_prepare(asked: Parcel) -> Parcel:
    head: Any = asked.head
    xml, *chain = asked.parts
    prepared = xades.prepare_enveloped(*_heard(head, chain), xml, head["element"])
    return Parcel({}, (prepared.to_sign, prepared.content))


def xml_finish(prepared: Prepared, signature: bytes) -> Parcel:
    """The parcel of ``xml.finish``; its answer: {}, the XML, the canonical value to be stamped."""
    return Parcel({}, (prepared.to_bytes(), signature))


def _xml_finish(asked: Parcel) -> Parcel:
    kept, signature = asked.parts
    prepared = Prepared.from_bytes(kept)
    xml = xades.close(prepared, signature)
    xades.demand_whole(prepared, xml)
    return Parcel({}, (xml, xades.value_to_stamp(xml)))


def _xml_stamp(asked: Parcel) -> Parcel:
    xml, token = asked.parts
    return Parcel({}, (xades.with_time_stamp(xml, token),))


def _said(form: Form, signatory: Signatory, at: datetime) -> dict[str, Any]:
    return {
        "form": [form.format, form.level, form.packaging, form.policy],
        "algorithm": signatory.algorithm,
        "at": int(at.timestamp()),
    }


def _heard(head: Any, chain: list[bytes]) -> tuple[Form, Signatory, datetime]:
    format_, level, packaging, policy = head["form"]
    form = Form(Format(format_), Level(level), Packaging(packaging), policy)
    return form, Signatory(tuple(chain), head["algorithm"]), datetime.fromtimestamp(head["at"], UTC)


JOBS: Final[Mapping[str, Job]] = {
    "judge": _judge,
    "pdf.prepare": _pdf_prepare,
    "pdf.finish": _pdf_finish,
    "xml.prepare": _xml_prepare,
    "xml.finish": _xml_finish,
    "xml.stamp": _xml_stamp,
}
