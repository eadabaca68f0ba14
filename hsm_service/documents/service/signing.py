"""The two halves of every signature. In between, a person decides.

    prepared = await service.prepare(form, signatory, content=pdf)
    # prepared.digest, prepared.hash_algorithm: what is approved and signed; prepared.to_bytes() is for keeping it
    finished = await service.finish(prepared, signature)

The steps: (1) the form is one of ours, its policy is to be had, the certificate is valid now; (2) the digest of the
content is computed, or given; (3) what will be signed is fixed, times included; then, later, (4) the signature is the
signatory's over exactly that; (5) the content is still the one whose digest was signed; (6) the container is closed;
(7) time stamp and evidence are added, where the level asks for them; (8) the result is read as a stranger would.

A dialect joins by a Protocol of its own with these two methods; both take and give values of ``domain``.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from foundation.clock import Clock
from foundation.errors import JsonObject
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.domain.policies import PolicyShelf, policy_for
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.errors import (
    BadPreparation,
    DocumentTooLarge,
    FormNotPossible,
    NoEvidence,
    NoTimeStamp,
    SignatureNotOfPreparation,
    UnsuitableDocument,
)
from hsm_service.documents.ports import Evidences, Parsing, TimeStamps
from hsm_service.documents.service import cms, jobs, long_term, pades, xades
from hsm_service.documents.service.workshop import InThread

MAX_DOCUMENT: Final = 25 * 1024 * 1024
"""Bytes of a document that is signed or verified here."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A relative reference that leads nowhere else, whoever resolves it."""
_NO_POLICIES: Final[PolicyShelf] = {}


@dataclass(frozen=True)
class Finished:
    """``content`` is the document with its signature, or the signature alone when ``detached``."""

    content: bytes
    media_type: str
    detached: bool
    evidence: Evidence | None = None
    """What was put in for the long term (CSC's validationInfo)."""

    def to_bytes(self) -> bytes:
        """For whoever keeps it until it is fetched."""
        groups = _groups(self.evidence)
        head: JsonObject = {
            "media_type": self.media_type,
            "detached": self.detached,
            "evidence": None if self.evidence is None else [len(group) for group in groups],
        }
        return Parcel(head, (self.content, *(der for group in groups for der in group))).to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Finished":
        """What ``to_bytes`` wrote."""
        parcel = Parcel.from_bytes(data)
        head: Any = parcel.head
        content, *rest = parcel.parts
        evidence = None
        if head["evidence"] is not None:
            first, second = head["evidence"][0], head["evidence"][0] + head["evidence"][1]
            evidence = Evidence(tuple(rest[:first]), tuple(rest[first:second]), tuple(rest[second:]))
        return cls(content, head["media_type"], head["detached"], evidence)


class DocumentService:
    """Prepares and finishes. It keeps nothing: a preparation is the caller's to keep."""

    def __init__(
        self,
        clock: Clock,
        *,
        policies: PolicyShelf | None = None,
        time_stamps: TimeStamps | None = None,
        evidences: Evidences | None = None,
        parsing: Parsing | None = None,
    ) -> None:
        """``time_stamps``: None where no authority is set up; levels above B-B then raise NoTimeStamp.

        ``evidences``: None likewise; B-LT and B-LTA then raise NoEvidence. ``parsing``: the gateway's processes;
        without them documents are read in a thread, which is for documents of one's own.
        """
        self._clock = clock
        self._parsing = parsing or InThread()
        self._policies = _NO_POLICIES if policies is None else policies
        self._time_stamps = time_stamps
        self._evidences = evidences

    async def prepare(
        self,
        form: Form,
        signatory: Signatory,
        *,
        content: bytes | None = None,
        digest: bytes | None = None,
        stamp: Stamp | None = None,
        element: str | None = None,
        name: str = "documento",
        certify: bool | None = False,
        at: datetime | None = None,
    ) -> Prepared:
        """Steps 1 to 3, from a document or from its digest (by the hash of the signatory's algorithm); not both.

        ``stamp``: only on a PDF. ``element``: XAdES enveloped, the Id of what is signed (NF-e: infNFe's), else all.
        ``name``: XAdES detached, how the signature refers to the file. ``certify``: a PDF's first signature as a
        certification (CSC's ``Certification``; without it ``Revision``; None: if it is the first). ``at``: an earlier
        time (UTC, whole seconds) at which the same was prepared: CMS, CAdES and the CMS for a PDF then come out as they
        did.

        A digest gives a signature alone: CMS, detached CAdES, or the CMS for a PDF that the caller prepared.
        Raises FormNotPossible, UnsuitableDocument, DocumentTooLarge, BadCertificate, PolicyNotAvailable; NoTimeStamp at
        once where the level needs a stamp and no authority is set up, before a person is asked.
        """
        if at is None:
            at = self._clock.now().replace(microsecond=0)
        # (1) The form is one of ours, its policy is to be had, the certificate is valid now.
        policy = policy_for(self._policies, form, at)
        signatory.demand_valid(at)
        self._demand_parts(form, has_content=content is not None)
        _demand_fitting(form, content, digest, on_page=stamp is not None or certify is True)
        # (2) and (3) The digest of the content; what will be signed, with its times.
        if form.format is Format.PADES and content is not None:
            asked = jobs.pdf_prepare(form, signatory, at, content, stamp, certify=certify)
            made = await self._parsing.do("pdf.prepare", asked)
            whole, hole = _pdf_of(made), _hole_of(made)
            return await asyncio.to_thread(pades.prepared, form, signatory, at, policy, whole, hole, content)
        if form.format is Format.XADES and form.packaging is Packaging.ENVELOPED:
            if content is None:
                raise FormNotPossible("an enveloped signature needs the document")
            made = await self._parsing.do("xml.prepare", jobs.xml_prepare(form, signatory, at, content, element))
            return Prepared(form, signatory, at, *_two_of(made))
        if form.format is Format.XADES:
            return await asyncio.to_thread(_prepare_beside, form, signatory, at, content, digest, name)
        kept = content if content is not None and form.packaging is Packaging.ATTACHED else b""
        if digest is None:
            assert content is not None, "one of the two"
            digest = await asyncio.to_thread(_digest, signatory.digest_name, content)
        elif form.packaging is Packaging.ATTACHED:
            raise FormNotPossible("an attached signature needs the document")
        elif len(digest) != signatory.sign_algorithm.digest_bytes:
            raise FormNotPossible(f"the digest is not one of {signatory.sign_algorithm.hash_name}")
        pdf = form.format is Format.PADES
        to_sign = await asyncio.to_thread(cms.signed_attributes, signatory, digest, at, policy, pdf=pdf)
        return Prepared(form, signatory, at, to_sign, kept)

    def _demand_parts(self, form: Form, *, has_content: bool) -> None:
        """Whatever the level needs later is set up; nobody approves what cannot be finished."""
        if form.level is not Level.B and self._time_stamps is None:
            raise NoTimeStamp("no time-stamping authority is set up")
        if form.level not in (Level.LT, Level.LTA):
            return
        if self._evidences is None:
            raise NoEvidence("no authority is set up")
        if form.format is Format.PADES and not has_content:
            raise FormNotPossible("evidence goes beside the signature: it needs the PDF")

    async def finish(self, prepared: Prepared, signature: bytes) -> Finished:
        """Steps 4 to 8. ``signature``: RSA as it is, ECDSA as DER, as the SAM gives it.

        Raises SignatureNotOfPreparation, BadPreparation, NoTimeStamp, NoEvidence. It may be called again with the same.
        """
        # (4) The signature is the signatory's over exactly what was prepared.
        if not await asyncio.to_thread(prepared.signatory.signed, prepared.digest, signature):
            raise SignatureNotOfPreparation
        if prepared.form.format is Format.XADES:
            return await self._finish_xades(prepared, signature)
        return await self._finish_cms(prepared, signature)

    async def _finish_xades(self, prepared: Prepared, signature: bytes) -> Finished:
        # (5), (6) and (8) The process that parses it closes it, and reads it as a stranger would.
        xml, value = _two_of(await self._parsing.do("xml.finish", jobs.xml_finish(prepared, signature)))
        # (7) The time stamp, over the signature's value.
        if prepared.form.level is not Level.B:
            token = await self._stamp(hashlib.sha256(value).digest(), "sha256")
            (xml,) = _parts_of(await self._parsing.do("xml.stamp", Parcel({}, (xml, token))), 1)
        return Finished(xml, "application/xml", detached=prepared.form.packaging is Packaging.DETACHED)

    async def _finish_cms(self, prepared: Prepared, signature: bytes) -> Finished:
        form, whole = prepared.form, prepared.hole is not None
        # (5) The content is still the one whose digest was signed.
        await asyncio.to_thread(_demand_same_content, prepared)
        # (6) The container.
        closed = await asyncio.to_thread(cms.container, prepared, signature)
        # (7) The time stamp, and the evidence.
        if form.level is not Level.B:
            hash_name = prepared.signatory.digest_name
            token = await self._stamp(await asyncio.to_thread(cms.imprint, closed, hash_name), hash_name)
            closed = await asyncio.to_thread(cms.with_time_stamp, closed, token)
        evidence = await self._evidence(form, closed)
        if not whole:
            if evidence is not None:
                closed = await asyncio.to_thread(long_term.cms_with_evidence, closed, evidence)
            return Finished(closed, "application/pkcs7-signature", form.packaging is not Packaging.ATTACHED, evidence)
        signed = await asyncio.to_thread(pades.fill, prepared, closed)
        # (8) Read it as a stranger would; what comes after the signature is only added.
        asked = jobs.pdf_finish(signed, evidence, awaiting=form.level is Level.LTA)
        made = await self._parsing.do("pdf.finish", asked)
        pdf = _pdf_of(made)
        if not pdf.startswith(signed):
            raise UnsuitableDocument("its parser gave something else back")
        if form.level is Level.LTA:
            hole = _hole_of(made)
            digest = await asyncio.to_thread(pades.digest_around, pdf, hole, long_term.STAMP_HASH)
            token = await self._stamp(digest, long_term.STAMP_HASH)
            pdf = await asyncio.to_thread(long_term.pdf_stamped, pdf, hole, token)
        return Finished(pdf, form.media_type, detached=False, evidence=evidence)

    async def _stamp(self, digest: bytes, hash_name: str) -> bytes:
        if self._time_stamps is None:
            raise NoTimeStamp("no time-stamping authority is set up")
        return await self._time_stamps.stamp(digest, hash_name)

    async def _evidence(self, form: Form, container: bytes) -> Evidence | None:
        if form.level not in (Level.LT, Level.LTA):
            return None
        if self._evidences is None:
            raise NoEvidence("no authority is set up")
        return await self._evidences.collect(await asyncio.to_thread(long_term.signers_of, container))


def _groups(evidence: Evidence | None) -> tuple[Sequence[bytes], ...]:
    return () if evidence is None else (evidence.certificates, evidence.crls, evidence.ocsps)


def _demand_fitting(form: Form, content: bytes | None, digest: bytes | None, *, on_page: bool) -> None:
    """One of the two, of a size that we take; what changes a PDF needs one."""
    if (content is None) == (digest is None):
        raise FormNotPossible("either a document or its digest")
    if content is not None and len(content) > MAX_DOCUMENT:
        raise DocumentTooLarge(f"at most {MAX_DOCUMENT} bytes")
    if on_page and (form.format is not Format.PADES or content is None):
        raise FormNotPossible("a stamp, or a certification, needs a PDF")


def _prepare_beside(
    form: Form, signatory: Signatory, at: datetime, content: bytes | None, digest: bytes | None, name: str
) -> Prepared:
    """XAdES detached: of the file only its digest, so there is nothing to parse."""
    if not _NAME.fullmatch(name):
        raise FormNotPossible("a file's name of letters, digits, dots, hyphens")
    of_file = _digest(signatory.digest_name, content) if content is not None else digest
    if of_file is None or len(of_file) != signatory.sign_algorithm.digest_bytes:
        raise FormNotPossible(f"the digest is not one of {signatory.sign_algorithm.hash_name}")
    return xades.prepare_detached(form, signatory, at, of_file, name)


def _pdf_of(made: Parcel) -> bytes:
    (pdf,) = _parts_of(made, 1)
    return pdf


def _two_of(made: Parcel) -> tuple[bytes, bytes]:
    one, two = _parts_of(made, 2)
    return one, two


def _parts_of(made: Parcel, count: int) -> Sequence[bytes]:
    if len(made.parts) != count:
        raise BadPreparation("its parser gave something else back")
    return made.parts


def _hole_of(made: Parcel) -> tuple[int, int]:
    hole = made.head.get("hole")
    if not isinstance(hole, list) or len(hole) != 2 or not all(type(each) is int for each in hole):
        raise BadPreparation("its parser left no room")
    start, end = hole
    if not 0 < start < end <= len(_pdf_of(made)):
        raise BadPreparation("its parser left no room")
    return start, end


def _demand_same_content(prepared: Prepared) -> None:
    try:
        named = cms.message_digest(prepared.to_sign)
        if prepared.hole is not None:
            same = prepared.form.format is Format.PADES and pades.covered(prepared) == named
        elif prepared.form.packaging is Packaging.ATTACHED:
            same = _digest(prepared.signatory.digest_name, prepared.content) == named
        else:
            same = not prepared.content
    except (ValueError, TypeError, LookupError) as cause:
        raise BadPreparation("what was signed is no set of attributes") from cause
    if not same:
        raise BadPreparation("the content is not the one whose digest was signed")


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.new(name, content).digest()
