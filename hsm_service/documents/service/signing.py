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
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foundation.clock import Clock
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
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
)
from hsm_service.documents.ports import Evidences, TimeStamps
from hsm_service.documents.service import cms, long_term, pades, xades

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


class DocumentService:
    """Prepares and finishes. It keeps nothing: a preparation is the caller's to keep."""

    def __init__(
        self,
        clock: Clock,
        *,
        policies: PolicyShelf | None = None,
        time_stamps: TimeStamps | None = None,
        evidences: Evidences | None = None,
    ) -> None:
        """``time_stamps``: None where no authority is set up; levels above B-B then raise NoTimeStamp.

        ``evidences``: None likewise; B-LT and B-LTA then raise NoEvidence.
        """
        self._clock = clock
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
        certify: bool = False,
        at: datetime | None = None,
    ) -> Prepared:
        """Steps 1 to 3, from a document or from its digest (by the hash of the signatory's algorithm); not both.

        ``stamp``: only on a PDF. ``element``: XAdES enveloped, the Id of what is signed (NF-e: infNFe's), else all.
        ``name``: XAdES detached, how the signature refers to the file. ``certify``: a PDF's first signature as a
        certification (CSC's ``Certification``; without it ``Revision``). ``at``: an earlier time (UTC, whole seconds)
        at which the same was prepared: CMS, CAdES and the CMS for a PDF then come out as they did.

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
        _demand_fitting(form, content, digest, on_page=stamp is not None or certify)
        # (2) and (3) The digest of the content; what will be signed, with its times.
        if form.format is Format.PADES and content is not None:
            return await asyncio.to_thread(pades.prepare, form, signatory, at, policy, content, stamp, certify=certify)
        if form.format is Format.XADES:
            return await asyncio.to_thread(_prepare_xades, form, signatory, at, content, digest, element, name)
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
            xml = await asyncio.to_thread(xades.close, prepared, signature)
            await asyncio.to_thread(xades.demand_whole, prepared, xml)
            return Finished(xml, "application/xml", detached=prepared.form.packaging is Packaging.DETACHED)
        return await self._finish_cms(prepared, signature)

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
        pdf = await asyncio.to_thread(pades.fill, prepared, closed)
        # (8) Read it as a stranger would.
        await asyncio.to_thread(pades.demand_whole, pdf)
        if evidence is not None:
            pdf = await asyncio.to_thread(long_term.pdf_with_evidence, pdf, evidence)
        if form.level is Level.LTA:
            awaiting, hole = await asyncio.to_thread(long_term.pdf_awaiting_stamp, pdf, "sha256")
            token = await self._stamp(hole.document_digest, "sha256")
            pdf = await asyncio.to_thread(long_term.pdf_stamped, awaiting, hole, token)
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


def _demand_fitting(form: Form, content: bytes | None, digest: bytes | None, *, on_page: bool) -> None:
    """One of the two, of a size that we take; what changes a PDF needs one."""
    if (content is None) == (digest is None):
        raise FormNotPossible("either a document or its digest")
    if content is not None and len(content) > MAX_DOCUMENT:
        raise DocumentTooLarge(f"at most {MAX_DOCUMENT} bytes")
    if on_page and (form.format is not Format.PADES or content is None):
        raise FormNotPossible("a stamp, or a certification, needs a PDF")


def _prepare_xades(
    form: Form,
    signatory: Signatory,
    at: datetime,
    content: bytes | None,
    digest: bytes | None,
    element: str | None,
    name: str,
) -> Prepared:
    if form.packaging is Packaging.ENVELOPED:
        if content is None:
            raise FormNotPossible("an enveloped signature needs the document")
        return xades.prepare_enveloped(form, signatory, at, content, element)
    if not _NAME.fullmatch(name):
        raise FormNotPossible("a file's name of letters, digits, dots, hyphens")
    of_file = _digest(signatory.digest_name, content) if content is not None else digest
    if of_file is None or len(of_file) != signatory.sign_algorithm.digest_bytes:
        raise FormNotPossible(f"the digest is not one of {signatory.sign_algorithm.hash_name}")
    return xades.prepare_detached(form, signatory, at, of_file, name)


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
