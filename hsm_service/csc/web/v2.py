"""The calls of CSC API 2.0, each a few lines: who calls, what they say, one service, the answer.

Steps 1, 2 and 10 of one signature are here.
"""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject, JsonValue
from foundation.web import answer
from hsm_service.credentials.domain.credential import Facts
from hsm_service.credentials.service import CredentialService
from hsm_service.csc import dialect
from hsm_service.csc.errors import NotImplementedHere
from hsm_service.csc.web.calls import (
    NAME,
    Calls,
    approved,
    body_of,
    call_key,
    consented,
    preferred_wait,
    signing_caller,
)
from hsm_service.csc.web.documents import DocumentCalls
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.web.bearer import ANY_SCOPE, Authenticator
from hsm_service.signing.domain.request import Ask, SessionAsk
from hsm_service.signing.errors import CertificateNotValid
from hsm_service.signing.service import Approved, Asked, Consented, SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from hsm_service.signing.service.responses import ResponseService

PREFIX: Final = "/csc/v2"
_CALL: Final = b"linkid-csc-v2-call\x00"
POLL_SECONDS: Final = 2
"""``Retry-After`` of a request still waiting: CSC names no interval."""


class CscV2:
    """Handlers and their routes."""

    def __init__(
        self,
        *,
        clock: Clock,
        authenticator: Authenticator,
        credentials: CredentialService,
        signing: SigningService,
        explicit: ExplicitSigning,
        responses: ResponseService,
        documents: DocumentCalls,
        issuer: str,
        app_url: str,
        name: str = NAME,
    ) -> None:
        """``issuer``: our OAuth server (RFC 8414); ``app_url``: the phone app's origin, for QR codes and the logo."""
        self._calls = Calls(clock, authenticator, credentials, signing, explicit)
        self._clock = clock
        self._credentials = credentials
        self._signing = signing
        self._responses = responses
        self._documents = documents
        self._issuer = issuer
        self._app = app_url
        self._name = name

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application. The last one answers for everything the standard has and we do not."""
        return [
            web.post(f"{PREFIX}/info", self.info),
            web.post(f"{PREFIX}/credentials/list", self.list_credentials),
            web.post(f"{PREFIX}/credentials/info", self.credential_info),
            web.post(f"{PREFIX}/credentials/authorize", self.authorize),
            web.post(f"{PREFIX}/credentials/authorizeCheck", self.authorize_check),
            web.post(f"{PREFIX}/credentials/getChallenge", self.get_challenge),
            web.post(f"{PREFIX}/credentials/extendTransaction", self.extend_transaction),
            web.post(f"{PREFIX}/signatures/signHash", self.sign_hash),
            web.post(f"{PREFIX}/signatures/signPolling", self.sign_polling),
            web.post(f"{PREFIX}/signatures/signDoc", self.sign_doc),
            web.post(f"{PREFIX}/signatures/timestamp", self.timestamp),
            web.post(f"{PREFIX}/linkid/withdraw", self.withdraw),
            web.post(f"{PREFIX}/{{method:.*}}", self.not_implemented),
        ]

    async def info(self, request: web.Request) -> web.Response:
        """11.1: what this service is; anybody may ask."""
        dialect.read_info(await body_of(request))
        logo, stamps = f"{self._app}/icons/icon-192.png", self._documents.stamps
        return answer(dialect.info(name=self._name, issuer=self._issuer, logo=logo, stamps=stamps))

    async def list_credentials(self, request: web.Request) -> web.Response:
        """11.4: what this caller may use."""
        caller, body = await self._calls.read(request)
        wanted = dialect.read_list(body)
        found = await self._credentials.known(sorted(caller.credentials), only_valid=wanted.only_valid)
        return answer(dialect.listed(found, wanted, self._clock.now()))

    async def credential_info(self, request: web.Request) -> web.Response:
        """11.5."""
        caller, body = await self._calls.read(request, ANY_SCOPE)
        wanted = dialect.read_credential_info(body)
        found = await self._calls.credential(caller, wanted.credential)
        explicit = wanted.wanted.auth_info and await self._calls.consented(caller, found.id)
        return answer(dialect.credential_info(found, wanted.wanted, self._clock.now(), explicit=explicit))

    async def authorize(self, request: web.Request) -> web.Response:
        """11.6: 202 with a handle; the phone is asked. With an ``Idempotency-Key`` the same call again finds it."""
        # 1. What is asked; 2. by whom.
        caller, body = await self._calls.read(request, max_bytes=dialect.MAX_SIGN_DOC)
        said = dialect.said_of(body)
        consent = dialect.read_consent(body, said)
        if consent is not None:
            await self._calls.facts(caller, consent.credential)
            return self._told(await self._signing.ask(signing_caller(caller), self._calls.consent_of(consent)), {})
        wanted = (
            dialect.read_documents(body) or dialect.read_session(body, said=said) or dialect.read_authorize(body, said)
        )
        credential = await self._calls.facts(caller, wanted.credential)
        key = await _repeated_by(request, body)
        if key is not None:
            before = await self._signing.asked_before(signing_caller(caller), credential.id, key)
            if before is not None:
                return self._told(before, {})
        ask, at, kept = await self._asked(caller, wanted, credential)
        told: dict[str, JsonValue] = {}
        if isinstance(ask, Ask) and (kept or at is not None):
            told = {"to_sign": [base64.b64encode(digest).decode("ascii") for digest in ask.hashes]}
        if isinstance(ask, Ask) and isinstance(wanted, dialect.AuthorizeRequest) and wanted.factors is not None:
            # E1 to E8: the holder consented to factors from this caller, and nobody is rung.
            opened = await self._calls.open(caller, ask, wanted.factors, at)
            return answer({**opened, **({"linkid": told} if told else {})})
        # 3 to 5 are signing's.
        try:
            asked = await self._signing.ask(signing_caller(caller), ask, at=at, call_key=key)
        except CertificateNotValid as cause:
            raise await self._calls.expired_certificate(credential.id) from cause
        if kept:
            await self._documents.keep(caller, asked.handle, kept)
        return self._told(asked, told)

    def _told(self, asked: Asked, told: Mapping[str, JsonValue]) -> web.Response:
        """202: the phone is asked."""
        return answer(
            {
                "handle": asked.handle,
                "linkid": {
                    "request": asked.document,
                    "verification_code": asked.verification_code,
                    "expires_in": asked.expires_in,
                    "qr": f"{self._app}/r#1.{asked.document}",
                    **({} if asked.statement is None else {"statement": asked.statement}),
                    **told,
                },
            },
            status=202,
        )

    async def _asked(
        self,
        caller: Caller,
        wanted: dialect.AuthorizeRequest | dialect.DocumentsRequest | dialect.SessionRequest,
        facts: Facts,
    ) -> tuple[Ask | SessionAsk, datetime | None, Sequence[tuple[bytes, bytes]]]:
        """What signing is asked for; the time that stands in it; and what is kept of documents meanwhile."""
        if isinstance(wanted, dialect.DocumentsRequest):
            ask, kept = await self._documents.prepared(caller, wanted, await self._credentials.info(facts.id))
            return ask, None, kept
        plain = self._calls.ask_of(wanted, facts)
        if isinstance(plain, Ask) and isinstance(wanted, dialect.AuthorizeRequest) and wanted.forms is not None:
            return *await self._documents.fixed(plain, wanted.forms, await self._credentials.info(facts.id)), ()
        return plain, None, ()

    async def authorize_check(self, request: web.Request) -> web.Response:
        """11.7: 202 while the holder thinks, 200 with the SAD. ``Prefer: wait=25`` holds the answer back (RFC 7240)."""
        caller, body = await self._calls.read(request)
        handle = dialect.read_handle(body)
        state = await self._signing.look(signing_caller(caller), handle, wait=preferred_wait(request) or 0.0)
        if isinstance(state, Approved):
            return answer(approved(state))
        if isinstance(state, Consented):
            return answer(consented(state))
        waiting = answer({"handle": state.handle, "linkid": {"expires_in": state.expires_in}}, status=202)
        waiting.headers["Retry-After"] = str(POLL_SECONDS)
        return waiting

    async def get_challenge(self, request: web.Request) -> web.Response:
        """11.8: 204, nothing rings: the challenge goes to the phone with what it is for, when ``authorize`` says it."""
        caller, body = await self._calls.read(request)
        await self._calls.facts(caller, dialect.read_challenge(body))
        return _nothing()

    async def extend_transaction(self, request: web.Request) -> web.Response:
        """11.9: of a session."""
        caller, body = await self._calls.read(request)
        return answer(await self._calls.extend(caller, dialect.read_extend(body)))

    async def sign_hash(self, request: web.Request) -> web.Response:
        """11.10: steps 8 to 10; of a session, U1 to U10. In mode A the answer is kept for ``signPolling``.

        The SAD may be a credential token, or the caller's own.
        """
        caller, body = await self._calls.read(request, ANY_SCOPE)
        body = await self._calls.with_sad(caller, body)
        wanted = dialect.read_sign_hash(body, request.headers.get("Idempotency-Key"))
        if wanted.kept is None:
            return answer(dialect.signed(await self._calls.sign(caller, wanted)))
        self._calls.check_sign(caller, wanted)
        response = await self._responses.sign(
            signing_caller(caller),
            sad=wanted.sad,
            credential=wanted.credential,
            hashes=wanted.hashes,
            hash_algorithm=wanted.algorithm.hash_name,
            sign_algorithm=wanted.algorithm.name,
            said=wanted.use,
            kept=timedelta(milliseconds=wanted.kept),
        )
        return answer({"responseID": response})

    async def sign_polling(self, request: web.Request) -> web.Response:
        """11.12: the signatures or documents of a call in mode A; 202 in an error's form while they are not there."""
        caller, body = await self._calls.read(request)
        found = await self._responses.collect(signing_caller(caller), dialect.read_polling(body))
        if found.documents:
            told = await self._documents.collected(found)
        else:
            told = None if found.signatures is None else dialect.signed(found.signatures)
        if told is not None:
            return answer(told)
        text = "The previous async request has been accepted but not yet completed"
        waiting = answer({"error": "accepted_request", "error_description": text}, status=202)
        waiting.headers["Retry-After"] = str(POLL_SECONDS)
        return waiting

    async def sign_doc(self, request: web.Request) -> web.Response:
        """11.11: signatures around documents, for what ``authorize`` fixed then."""
        caller, body = await self._calls.read(request, ANY_SCOPE, max_bytes=dialect.MAX_SIGN_DOC)
        body = await self._calls.with_sad(caller, body)
        wanted = dialect.read_sign_doc(body)
        credential = await self._calls.credential(caller, wanted.credential)
        return answer(await self._documents.sign(caller, wanted, credential))

    async def timestamp(self, request: web.Request) -> web.Response:
        """11.13: by the authority of the settings."""
        caller, body = await self._calls.read(request)
        return answer(await self._documents.stamp(caller, dialect.version1.read_timestamp(body)))

    async def withdraw(self, request: web.Request) -> web.Response:
        """Ours: whoever asked gives up, and the phone stops showing it."""
        caller, body = await self._calls.read(request)
        await self._signing.withdraw(signing_caller(caller), dialect.read_handle(body))
        return _nothing()

    async def not_implemented(self, _request: web.Request) -> web.Response:
        """10.2: 501 for a method we do not have."""
        raise NotImplementedHere()


def _nothing() -> web.Response:
    return web.Response(status=204, headers={"Cache-Control": "no-store"})


async def _repeated_by(request: web.Request, body: JsonObject) -> bytes | None:
    """What makes this call and a later one the same; None when its caller named no ``Idempotency-Key``.

    The request's secret follows from it (decision 0020), so nothing is remembered. Raises InvalidRequest.
    """
    key = dialect.read_key(request.headers.get("Idempotency-Key"))
    if key is None:
        return None
    authorization = request.headers.getall("Authorization", [])
    return await asyncio.to_thread(call_key, _CALL, authorization, {"key": key, "said": body})
