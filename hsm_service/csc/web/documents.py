"""Signatures around documents, and time stamps: what API 2's ``signDoc`` and both versions' ``timestamp`` do.

The holder approves what the key signs. Around a document that is the digest of the signed attributes, so they are fixed
when ``authorize`` asks, with the time of asking in them, and come out the same when ``signDoc`` makes them again from
its own words: what it says otherwise has another digest, for which there is no approval. Nothing is kept in between.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.errors import JsonObject, TooMany
from foundation.web import SlidingWindow
from hsm_service.credentials.domain.credential import Credential
from hsm_service.csc import dialect
from hsm_service.csc.dialect.version1 import TimestampRequest
from hsm_service.csc.errors import InvalidRequest, NotImplementedHere
from hsm_service.csc.web.calls import signing_caller
from hsm_service.documents.domain.evidence import Evidence
from hsm_service.documents.domain.form import Form
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.ports import TimeStamps
from hsm_service.documents.service import DocumentService
from hsm_service.oauth.domain.caller import Caller
from hsm_service.signing.domain.request import Ask
from hsm_service.signing.errors import NotTheApprovedHashes
from hsm_service.signing.service import SigningService

STAMPS_PER_MINUTE: Final = 120
"""Of one caller: an accredited authority wants money for each."""


class DocumentCalls:
    """Made once for both versions."""

    def __init__(
        self, clock: Clock, signing: SigningService, documents: DocumentService, time_stamps: TimeStamps | None
    ) -> None:
        """``time_stamps``: None where no authority is set up."""
        self._clock = clock
        self._signing = signing
        self._documents = documents
        self._time_stamps = time_stamps
        self._stamped = SlidingWindow(STAMPS_PER_MINUTE, timedelta(minutes=1))

    @property
    def stamps(self) -> bool:
        """Whether there is an authority."""
        return self._time_stamps is not None

    async def fixed(self, ask: Ask, forms: Sequence[Form], credential: Credential) -> tuple[Ask, datetime]:
        """What the holder is asked for instead of the documents' digests, and the time that stands in it."""
        at = self._clock.now().replace(microsecond=0)
        prepared = [
            await self._prepared(dialect.ToSign(form, digest=digest), credential, ask.sign_algorithm, at)
            for form, digest in zip(forms, ask.hashes, strict=True)
        ]
        return replace(ask, hashes=[one.digest for one in prepared]), at

    async def sign(self, caller: Caller, wanted: dialect.SignDocRequest, credential: Credential) -> JsonObject:
        """11.11: signed is what was fixed when it was asked. The same call again gives the same signatures.

        Raises InvalidRequest when these documents were not approved; NoTimeStamp, NoEvidence.
        """
        at = await self._signing.asked_at(signing_caller(caller), sad=wanted.sad, credential=wanted.credential)
        at = at or self._clock.now().replace(microsecond=0)
        prepared = [await self._prepared(item, credential, wanted.algorithm.name, at) for item in wanted.items]
        try:
            signatures = await self._signing.sign(
                signing_caller(caller),
                sad=wanted.sad,
                credential=wanted.credential,
                hashes=[one.digest for one in prepared],
                hash_algorithm=wanted.algorithm.hash_name,
                sign_algorithm=wanted.algorithm.name,
            )
        except NotTheApprovedHashes as cause:
            raise InvalidRequest("documentDigests or documents are not authorized by the SAD") from cause
        finished = [
            await self._documents.finish(one, signature) for one, signature in zip(prepared, signatures, strict=True)
        ]
        evidence = [one.evidence for one in finished if one.evidence is not None]
        told = _validation(evidence) if wanted.validation_info else None
        return dialect.signed_documents([(one.content, one.detached) for one in finished], told)

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
        return await self._documents.prepare(item.form, signatory, content=item.content, digest=item.digest, at=at)


def _validation(evidence: Sequence[Evidence]) -> Mapping[str, Sequence[bytes]]:
    """All of it, each once."""
    return {
        "ocsp": list(dict.fromkeys(one for each in evidence for one in each.ocsps)),
        "crl": list(dict.fromkeys(one for each in evidence for one in each.crls)),
        "certificates": list(dict.fromkeys(one for each in evidence for one in each.certificates)),
    }
