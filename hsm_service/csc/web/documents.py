"""Signatures around documents, and time stamps: what API 2's ``signDoc`` and both versions' ``timestamp`` do.

The holder approves what the key signs. Around a document that is the digest of the signed attributes, so they are fixed
when ``authorize`` asks. Of whole documents everything is prepared then, and kept under the request's secret until
``signDoc`` fetches it (decision 0042). Of hashes alone, CAdES and the CMS for a PDF come out the same when ``signDoc``
makes them again from its own words and the time of asking: nothing is kept in between. What ``signDoc`` says otherwise
has another digest, for which there is no approval.
"""

import asyncio
import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.errors import JsonObject, TooMany, Unavailable
from foundation.web import SlidingWindow
from foundation.web.turns import Turns
from hsm_service.credentials.domain.credential import Credential
from hsm_service.csc import dialect
from hsm_service.csc.dialect.version1 import TimestampRequest
from hsm_service.csc.errors import InvalidRequest, NotImplementedHere
from hsm_service.csc.web.calls import signing_caller, under_way
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.form import Form, Format
from hsm_service.documents.domain.parcel import Parcel
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.domain.stamp import Stamp
from hsm_service.documents.ports import TimeStamps
from hsm_service.documents.service import DocumentService, Finished
from hsm_service.oauth.domain.caller import Caller
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.domain.preparations import Kept
from hsm_service.signing.domain.request import Ask, Label
from hsm_service.signing.errors import NotTheApprovedHashes
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.preparations import PreparationService
from hsm_service.signing.service.responses import Collected, ResponseService

STAMPS_PER_MINUTE: Final = 120
"""Of one caller: an accredited authority wants money for each."""
AT_ONCE: Final = 2
"""Calls with documents of one caller on one gateway."""
_NOT_AUTHORIZED: Final = "documentDigests or documents are not authorized by the SAD"
_DRAWN_ANEW: Final = (Format.PADES, Format.XADES)
"""What has identifiers drawn by chance in it: prepared a second time it is another."""


@dataclass(frozen=True)
class Work:
    """A signature under way. ``digest``: what the key signs; ``number``: of what is kept for it, if anything is."""

    digest: bytes
    prepared: Prepared | None
    finished: Finished | None
    number: int | None = None

    @classmethod
    def of_kept(cls, kept: Kept) -> "Work":
        """What was prepared, or is finished already."""
        if not kept.finished:
            prepared = Prepared.from_bytes(kept.content)
            return cls(prepared.digest, prepared, None, kept.number)
        parcel = Parcel.from_bytes(kept.content)
        digest, finished = parcel.parts
        return cls(digest, None, Finished.from_bytes(finished), kept.number)

    def kept(self, finished: Finished) -> bytes:
        """What ``of_kept`` reads when it is finished."""
        return Parcel({}, (self.digest, finished.to_bytes())).to_bytes()


class DocumentCalls:
    """Made once for both versions."""

    def __init__(
        self,
        clock: Clock,
        signing: SigningService,
        documents: DocumentService,
        time_stamps: TimeStamps | None,
        *,
        preparations: PreparationService,
        responses: ResponseService,
        verification: str,
    ) -> None:
        """``time_stamps``: None where no authority is set up; ``verification``: the address on visible stamps."""
        self._clock = clock
        self._signing = signing
        self._documents = documents
        self._time_stamps = time_stamps
        self._preparations = preparations
        self._responses = responses
        self._verification = verification
        self._stamped = SlidingWindow(STAMPS_PER_MINUTE, timedelta(minutes=1))
        self._turns = Turns(AT_ONCE, under_way)

    @property
    def stamps(self) -> bool:
        """Whether there is an authority."""
        return self._time_stamps is not None

    async def fixed(self, ask: Ask, forms: Sequence[Form], credential: Credential) -> tuple[Ask, datetime]:
        """What the holder is asked for instead of the documents' digests, and the time that stands in it."""
        at = self._now()
        prepared = [
            await self._prepared(dialect.ToSign(form, digest=digest), credential, ask.sign_algorithm, at)
            for form, digest in zip(forms, ask.hashes, strict=True)
        ]
        return replace(ask, hashes=[one.digest for one in prepared]), at

    async def prepared(
        self, caller: Caller, wanted: dialect.DocumentsRequest, credential: Credential
    ) -> tuple[Ask, list[tuple[bytes, bytes]]]:
        """What the holder is asked for, and what ``keep`` keeps once it is asked. In the order of the request.

        Raises TooMuchKept, DocumentsUnderWay; what documents are refused for.
        """
        size = sum(len(item.content or b"") for item in wanted.items)
        await self._preparations.demand_room(signing_caller(caller), size)
        algorithm, at = wanted.algorithm, self._now()
        with self._turns.of(caller.id):
            prepared = [await self._prepared(item, credential, algorithm.name, at) for item in wanted.items]
        words = [await asyncio.to_thread(item.words, algorithm.name) for item in wanted.items]
        sizes = [None if item.content is None else len(item.content) for item in wanted.items]
        labels = labels_for(len(wanted.items), wanted.labels, wanted.description)
        ask = Ask(
            credential=wanted.credential,
            hashes=[one.digest for one in prepared],
            hash_algorithm=algorithm.hash_name,
            sign_algorithm=algorithm.name,
            labels=[
                Label(label.text, label.size if size is None else size)
                for label, size in zip(labels, sizes, strict=True)
            ],
            signed=None,
        )
        return ask, [(said, one.to_bytes()) for said, one in zip(words, prepared, strict=True)]

    async def keep(self, caller: Caller, handle: str, kept: Sequence[tuple[bytes, bytes]]) -> None:
        """Until ``signDoc``. Where that cannot be, the request is taken back: nobody shall approve it in vain."""
        try:
            await self._preparations.keep(signing_caller(caller), handle, kept)
        except BaseException:
            with suppress(Unavailable):
                await self._signing.withdraw(signing_caller(caller), handle)
            raise

    async def sign(self, caller: Caller, wanted: dialect.SignDocRequest, credential: Credential) -> JsonObject:
        """11.11: signed is what was fixed when it was asked. The same call again gives the same signatures, and of what
        is kept the same documents. In mode A the answer waits for ``signPolling``.

        Raises InvalidRequest when these documents were not approved; NoTimeStamp, NoEvidence, DocumentsUnderWay.
        """
        with self._turns.of(caller.id):
            work = await self._found(caller, wanted, credential)
            if wanted.kept is not None:
                return await self._later(caller, wanted, work)
            return await self._signed(caller, wanted, work)

    async def _signed(self, caller: Caller, wanted: dialect.SignDocRequest, work: Sequence[Work]) -> JsonObject:
        left = [one for one in work if one.finished is None]
        made: Sequence[bytes] = ()
        if left:
            with _authorized():
                made = await self._signing.sign(
                    signing_caller(caller),
                    sad=wanted.sad,
                    credential=wanted.credential,
                    hashes=[one.digest for one in left],
                    hash_algorithm=wanted.algorithm.hash_name,
                    sign_algorithm=wanted.algorithm.name,
                )
        signatures = iter(made)
        finished = [one.finished or await self._finished(wanted.sad, one, next(signatures)) for one in work]
        return await asyncio.to_thread(_answer, finished, validation_info=wanted.validation_info)

    async def collected(self, found: Collected) -> JsonObject | None:
        """11.12: the documents of a call in mode A; None while the SAM or a time stamp is away."""
        if found.signatures is None:
            return None
        finished = []
        for number, signature in zip(found.documents, found.signatures, strict=True):
            one = await self._opened(found.sad, number)
            try:
                finished.append(one.finished or await self._finished(found.sad, one, signature))
            except Unavailable:
                return None
        return await asyncio.to_thread(_answer, finished, validation_info=found.validation_info)

    async def _found(self, caller: Caller, wanted: dialect.SignDocRequest, credential: Credential) -> list[Work]:
        """What was kept for these words; what was not is made again, and in mode A kept from now on."""
        at = await self._signing.asked_at(signing_caller(caller), sad=wanted.sad, credential=wanted.credential)
        algorithm = wanted.algorithm.name
        words = [await asyncio.to_thread(item.words, algorithm) for item in wanted.items]
        numbers = await self._preparations.matching(wanted.sad, words)
        if at is not None and any(
            number is None and item.content is not None and item.form.format in _DRAWN_ANEW
            for number, item in zip(numbers, wanted.items, strict=True)
        ):
            raise InvalidRequest(_NOT_AUTHORIZED)
        work = []
        for number, item, said in zip(numbers, wanted.items, words, strict=True):
            if number is not None:
                work.append(await self._opened(wanted.sad, number))
                continue
            prepared = await self._prepared(item, credential, algorithm, at or self._now())
            if wanted.kept is not None:
                await self._preparations.demand_room(signing_caller(caller), len(item.content or b""))
                kept = [(said, prepared.to_bytes())]
                (number,) = await self._preparations.keep(signing_caller(caller), wanted.sad, kept)
            work.append(Work(prepared.digest, prepared, None, number))
        return work

    async def _later(self, caller: Caller, wanted: dialect.SignDocRequest, work: Sequence[Work]) -> JsonObject:
        assert wanted.kept is not None, "mode A"
        numbers = [one.number for one in work if one.number is not None]
        kept = timedelta(milliseconds=wanted.kept)
        with _authorized():
            response = await self._responses.sign(
                signing_caller(caller),
                sad=wanted.sad,
                credential=wanted.credential,
                hashes=[one.digest for one in work],
                hash_algorithm=wanted.algorithm.hash_name,
                sign_algorithm=wanted.algorithm.name,
                kept=kept,
                documents=numbers,
                validation_info=wanted.validation_info,
            )
        await self._preparations.prolong(wanted.sad, numbers, self._clock.now() + kept)
        with suppress(Unavailable):  # now, so that its time is that of the signature; else when it is collected
            await self.collected(await self._responses.collect(signing_caller(caller), response))
        return {"responseID": response}

    async def _finished(self, sad: str, work: Work, signature: bytes) -> Finished:
        """Closed; and of what is kept the one that was stored, whoever stored it."""
        assert work.prepared is not None, "not finished yet"
        finished = await self._documents.finish(work.prepared, signature)
        if work.number is None:
            return finished
        content = await asyncio.to_thread(work.kept, finished)
        stored = await self._preparations.finish(sad, work.number, content)
        if stored is content:
            return finished
        return (await asyncio.to_thread(Work.of_kept, Kept(work.number, True, stored))).finished or finished

    async def _opened(self, sad: str, number: int) -> Work:
        return await asyncio.to_thread(Work.of_kept, await self._preparations.opened(sad, number))

    def _now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    async def stamp(self, caller: Caller, wanted: TimestampRequest) -> JsonObject:
        """11.13. Raises NotImplementedHere without an authority, TooMany, NoTimeStamp."""
        if self._time_stamps is None:
            raise NotImplementedHere()
        wait = self._stamped.take(caller.id, self._clock.now())
        if wait:
            raise TooMany(retry_after=wait)
        name = wanted.hash_name.replace("-", "").lower()
        token = await self._time_stamps.stamp(wanted.digest, name, wanted.nonce)
        return {"timestamp": base64.b64encode(token).decode("ascii")}

    async def _prepared(self, item: dialect.ToSign, credential: Credential, algorithm: str, at: datetime) -> Prepared:
        signatory = Signatory(tuple(credential.chain), algorithm)
        stamp = None
        if item.stamp:
            stamp = Stamp(self._verification, item.page, *([] if item.box is None else [item.box]))
        return await self._documents.prepare(
            item.form,
            signatory,
            content=item.content,
            digest=item.digest,
            stamp=stamp,
            element=item.element,
            name=item.name,
            certify=item.certify,
            at=at,
        )


@contextmanager
def _authorized() -> Iterator[None]:
    try:
        yield
    except NotTheApprovedHashes as cause:
        raise InvalidRequest(_NOT_AUTHORIZED) from cause


def _answer(finished: Sequence[Finished], *, validation_info: bool) -> JsonObject:
    evidence = [one.evidence for one in finished if one.evidence is not None]
    told = _validation(evidence) if validation_info else None
    return dialect.signed_documents([(one.content, one.detached) for one in finished], told)


def _validation(evidence: Sequence[Evidence]) -> Mapping[str, Sequence[bytes]]:
    """All of it, each once."""
    return {
        "ocsp": list(dict.fromkeys(one for each in evidence for one in each.ocsps)),
        "crl": list(dict.fromkeys(one for each in evidence for one in each.crls)),
        "certificates": list(dict.fromkeys(one for each in evidence for one in each.certificates)),
    }
