"""What a call of either version does, once it is read: whose credential, what is asked, what is signed.

Every call is a POST with JSON, ``info`` included (CSC 8.1).
"""

import asyncio
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject
from foundation.web import UnsupportedMedia
from foundation.web.bodies import read_body
from foundation.web.turns import Turns
from hsm_service.credentials.domain.credential import Credential, Facts
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.credentials.service import CredentialService
from hsm_service.csc import dialect
from hsm_service.csc.errors import DocumentsUnderWay, InvalidRequest
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.service.callers import read_authorization
from hsm_service.oauth.web.bearer import SERVICE_ONLY, Authenticator
from hsm_service.signing.domain import request as signing_request
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.service import Approved, Consented, SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from protocol.explicit import Factors

NAME: Final = "Link ID"
_SECONDS_FOR_DOCUMENTS: Final = 120
"""Sixteen MiB over a line of a megabit and a half."""
_UPLOADS: Final = 4
"""Long bodies of one caller that arrive at the same time on one gateway: each lies in memory whole."""
_RETRY_SECONDS: Final = 5
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?:,|;|$)", re.IGNORECASE)


def under_way() -> DocumentsUnderWay:
    """What a caller hears that sends more documents at once than it may."""
    return DocumentsUnderWay(retry_after=_RETRY_SECONDS, data={"why": "documents"})


@dataclass(frozen=True)
class Calls:
    """The core that both versions speak for."""

    clock: Clock
    authenticator: Authenticator
    credentials: CredentialService
    signing: SigningService
    explicit: ExplicitSigning
    uploads: Turns = field(default_factory=lambda: Turns(_UPLOADS, under_way))

    async def read(
        self, request: web.Request, scopes: frozenset[str] = SERVICE_ONLY, *, max_bytes: int = dialect.MAX_BODY
    ) -> tuple[Caller, JsonObject]:
        """Who first: a stranger learns nothing about what is wrong with a body. Raises DocumentsUnderWay too."""
        caller = await self.authenticator.caller(request, scopes)
        said = request.content_length
        if max_bytes <= dialect.MAX_BODY or (said is not None and said <= dialect.MAX_BODY):
            return caller, await body_of(request, max_bytes)
        with self.uploads.of(caller.id):
            return caller, await body_of(request, max_bytes)

    async def with_sad(self, caller: Caller, body: JsonObject) -> JsonObject:
        """The SAD that opens the activation, whichever of its three names the caller used (CSC 11.10)."""
        given = body.get("SAD")
        if given is not None and not isinstance(given, str):
            return body
        sad = await self.authenticator.sad(caller, given)
        return body if sad is None else {**body, "SAD": sad}

    async def credential(self, caller: Caller, credential: str) -> Credential:
        """One that this caller may use. Raises NoSuchCredential: another's, and one that does not exist, alike."""
        check_own(caller, credential)
        return await self.credentials.info(credential)

    async def facts(self, caller: Caller, credential: str) -> Facts:
        """The same without its certificates. Raises NoSuchCredential."""
        check_own(caller, credential)
        return await self.credentials.facts(credential)

    async def expired_certificate(self, credential: str) -> InvalidRequest:
        """The standard's sentence names the certificate."""
        subject = (await self.credentials.info(credential)).certificate.subject
        return InvalidRequest(f"Signing certificate '{subject}' is expired.")

    def ask_of(
        self, wanted: dialect.AuthorizeRequest | dialect.SessionRequest, credential: Facts
    ) -> signing_request.Ask | signing_request.SessionAsk:
        """What signing is asked for."""
        algorithm = wanted.algorithm_for(credential.key_algorithm)
        if isinstance(wanted, dialect.SessionRequest):
            return signing_request.SessionAsk(
                credential=wanted.credential,
                until=wanted.until_from(int(self.clock.now().timestamp())),
                maximum=wanted.maximum,
                purpose=wanted.purpose,
                hash_algorithm=wanted.hash_name,
                sign_algorithm=algorithm.name,
                signed=wanted.signed,
            )
        return signing_request.Ask(
            credential=wanted.credential,
            hashes=wanted.hashes,
            hash_algorithm=wanted.hash_name,
            sign_algorithm=algorithm.name,
            labels=labels_for(len(wanted.hashes), wanted.labels, wanted.description),
            signed=wanted.signed,
        )

    async def consented(self, caller: Caller, credential: str) -> bool:
        """Whether this caller may send the holder's factors for this credential now."""
        return await self.explicit.standing(signing_caller(caller), credential) is not None

    async def open(
        self, caller: Caller, ask: signing_request.Ask, factors: Factors, at: datetime | None = None
    ) -> JsonObject:
        """The SAD, by factors that this caller sent. Raises ConsentUnknown, FactorsWrong."""
        opened = await self.explicit.open(signing_caller(caller), ask, factors, at=at)
        return {"SAD": opened.sad, "expiresIn": opened.expires_in}

    def consent_of(self, wanted: dialect.ConsentRequest) -> signing_request.ConsentAsk:
        """What the holder is asked to consent to."""
        return signing_request.ConsentAsk(
            credential=wanted.credential,
            until=wanted.until_from(int(self.clock.now().timestamp())),
            maximum=wanted.maximum,
            purpose=wanted.purpose,
            signed=wanted.signed,
        )

    async def sign(self, caller: Caller, wanted: dialect.SignRequest) -> list[bytes]:
        """Steps 8 to 10; of a session, U1 to U10."""
        self.check_sign(caller, wanted)
        return await self.signing.sign(
            signing_caller(caller),
            sad=wanted.sad,
            credential=wanted.credential,
            hashes=wanted.hashes,
            hash_algorithm=wanted.algorithm.hash_name,
            sign_algorithm=wanted.algorithm.name,
            said=wanted.use,
        )

    def check_sign(self, caller: Caller, wanted: dialect.SignRequest) -> None:
        """The caller's credential, and digests as long as their algorithm makes them."""
        check_own(caller, wanted.credential)
        dialect.check_lengths(wanted.hashes, wanted.algorithm.hash_name)

    async def extend(self, caller: Caller, wanted: dialect.ExtendRequest) -> JsonObject:
        """11.9: the SAD of a session goes on; that of listed hashes never covers others (decision 0021)."""
        check_own(caller, wanted.credential)
        state = await self.signing.extend(
            signing_caller(caller),
            sad=wanted.sad,
            credential=wanted.credential,
            count=len(wanted.hashes),
            hash_algorithm=wanted.hash_name,
        )
        return approved(state)


def approved(state: Approved) -> JsonObject:
    """The SAD, and of a session the activation that each use names."""
    told: JsonObject = {"linkid": {"activation": state.session}} if state.session is not None else {}
    return {"SAD": state.sad, "expiresIn": state.expires_in, **told}


def consented(state: Consented) -> JsonObject:
    """A consent signs nothing by itself: there is no SAD."""
    return {
        "linkid": {
            "consent": state.consent,
            "maximum": state.maximum,
            "until": int(state.until.timestamp()),
        }
    }


async def body_of(request: web.Request, max_bytes: int = dialect.MAX_BODY) -> JsonObject:
    """Raises BodyTooLarge, UnsupportedMedia, InvalidRequest."""
    body = await read_body(
        request, max_bytes=max_bytes, seconds=_SECONDS_FOR_DOCUMENTS if max_bytes > dialect.MAX_BODY else None
    )
    if body and request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    if len(body) <= dialect.MAX_BODY:
        return dialect.read_object(body, max_bytes)
    return await asyncio.to_thread(dialect.read_object, body, max_bytes)


def call_key(label: bytes, authorization: Sequence[str], body: JsonObject) -> bytes:
    """32 bytes that only this very call has: its token and all that it says, in whatever order it says it."""
    _, token = read_authorization(authorization)
    said = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
    return hmac.digest(token.encode("utf-8"), label + said, "sha256")


def preferred_wait(request: web.Request) -> float | None:
    """Seconds of ``Prefer: wait=n`` (RFC 7240); None without. Whatever is longer than we wait is cut by the service."""
    for value in request.headers.getall("Prefer", []):
        found = _WAIT.search(value)
        if found:
            return float(found[1])
    return None


def check_own(caller: Caller, credential: str) -> None:
    """Another's credential and one that does not exist get the same answer."""
    if credential not in caller.credentials:
        raise NoSuchCredential("not one of this caller's")


def signing_caller(caller: Caller) -> signing_request.Caller:
    """As signing knows it."""
    return signing_request.Caller(signing_request.CallerKind(caller.kind.value), caller.id, caller.name)
