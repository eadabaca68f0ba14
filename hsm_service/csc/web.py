"""The calls of CSC API 2.0, each a few lines: who calls, what they say, one service, the answer.

Every call is a POST with JSON, ``info`` included (CSC 8.1). Steps 1, 2 and 10 of one signature are here.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject
from foundation.web import UnsupportedMedia, answer
from foundation.web.bodies import read_body
from hsm_service.credentials.errors import NoSuchCredential
from hsm_service.credentials.service import CredentialService
from hsm_service.csc import dialect
from hsm_service.csc.errors import InvalidRequest, NotImplementedHere
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.web.bearer import ANY_SCOPE, SERVICE_ONLY, Authenticator
from hsm_service.signing.domain import request as signing_request
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.errors import CertificateNotValid
from hsm_service.signing.service import Approved, SigningService

PREFIX: Final = "/csc/v2"
POLL_SECONDS: Final = 2
"""``Retry-After`` of a request still waiting: CSC names no interval."""
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?:,|;|$)", re.IGNORECASE)

Call = Callable[[Caller, JsonObject], Awaitable[web.Response]]


class CscV2:
    """Handlers and their routes."""

    def __init__(
        self,
        *,
        clock: Clock,
        authenticator: Authenticator,
        credentials: CredentialService,
        signing: SigningService,
        issuer: str,
        app_url: str,
        name: str = "Link ID",
    ) -> None:
        """``issuer``: our OAuth server (RFC 8414); ``app_url``: the phone app's origin, for QR codes and the logo."""
        self._clock = clock
        self._authenticator = authenticator
        self._credentials = credentials
        self._signing = signing
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
            web.post(f"{PREFIX}/signatures/signHash", self.sign_hash),
            web.post(f"{PREFIX}/linkid/withdraw", self.withdraw),
            web.post(f"{PREFIX}/{{method:.*}}", self.not_implemented),
        ]

    async def info(self, request: web.Request) -> web.Response:
        """11.1: what this service is; anybody may ask."""
        dialect.read_info(await _body(request))
        return answer(dialect.info(name=self._name, issuer=self._issuer, logo=f"{self._app}/icons/icon-192.png"))

    async def list_credentials(self, request: web.Request) -> web.Response:
        """11.4: what this caller may use."""
        caller, body = await self._read(request)
        wanted = dialect.read_list(body)
        found = await self._credentials.known(sorted(caller.credentials), only_valid=wanted.only_valid)
        return answer(dialect.listed(found, wanted, self._clock.now()))

    async def credential_info(self, request: web.Request) -> web.Response:
        """11.5."""
        caller, body = await self._read(request, ANY_SCOPE)
        wanted = dialect.read_credential_info(body)
        _check_own(caller, wanted.credential)
        found = await self._credentials.info(wanted.credential)
        return answer(dialect.credential_info(found, wanted.wanted, self._clock.now()))

    async def authorize(self, request: web.Request) -> web.Response:
        """11.6: 202 with a handle; the phone is asked."""
        # 1. What is asked; 2. by whom.
        caller, body = await self._read(request)
        wanted = dialect.read_session(body) or dialect.read_authorize(body)
        _check_own(caller, wanted.credential)
        credential = await self._credentials.info(wanted.credential)
        algorithm = wanted.algorithm_for(credential.key_algorithm)
        ask: signing_request.Ask | signing_request.SessionAsk
        if isinstance(wanted, dialect.SessionRequest):
            ask = signing_request.SessionAsk(
                credential=wanted.credential,
                until=wanted.until_from(int(self._clock.now().timestamp())),
                maximum=wanted.maximum,
                purpose=wanted.purpose,
                hash_algorithm=wanted.hash_name,
                sign_algorithm=algorithm.name,
                signed=wanted.signed,
            )
        else:
            ask = signing_request.Ask(
                credential=wanted.credential,
                hashes=wanted.hashes,
                hash_algorithm=wanted.hash_name,
                sign_algorithm=algorithm.name,
                labels=labels_for(len(wanted.hashes), wanted.labels, wanted.description),
                signed=wanted.signed,
            )
        # 3 to 5 are signing's.
        try:
            asked = await self._signing.ask(_signing_caller(caller), ask)
        except CertificateNotValid as cause:
            raise InvalidRequest(f"Signing certificate '{credential.certificate.subject}' is expired.") from cause
        return answer(
            {
                "handle": asked.handle,
                "linkid": {
                    "request": asked.document,
                    "verification_code": asked.verification_code,
                    "expires_in": asked.expires_in,
                    "qr": f"{self._app}/r#1.{asked.document}",
                    "statement": asked.statement,
                },
            },
            status=202,
        )

    async def authorize_check(self, request: web.Request) -> web.Response:
        """11.7: 202 while the holder thinks, 200 with the SAD. ``Prefer: wait=25`` holds the answer back (RFC 7240)."""
        caller, body = await self._read(request)
        handle = dialect.read_handle(body)
        state = await self._signing.check(_signing_caller(caller), handle, wait=preferred_wait(request))
        if isinstance(state, Approved):
            told = {"linkid": {"activation": state.session}} if state.session is not None else {}
            return answer({"SAD": state.sad, "expiresIn": state.expires_in, **told})
        waiting = answer({"handle": state.handle, "linkid": {"expires_in": state.expires_in}}, status=202)
        waiting.headers["Retry-After"] = str(POLL_SECONDS)
        return waiting

    async def sign_hash(self, request: web.Request) -> web.Response:
        """11.10: steps 8 to 10; of a session, U1 to U10. The SAD may be a credential token, or the caller's own."""
        caller, body = await self._read(request, ANY_SCOPE)
        body = await self._with_sad(caller, body)
        wanted = dialect.read_sign_hash(body, request.headers.get("Idempotency-Key"))
        _check_own(caller, wanted.credential)
        if any(len(digest) != wanted.algorithm.digest_bytes for digest in wanted.hashes):
            raise InvalidRequest("Invalid digest value length")
        signatures = await self._signing.sign(
            _signing_caller(caller),
            sad=wanted.sad,
            credential=wanted.credential,
            hashes=wanted.hashes,
            hash_algorithm=wanted.algorithm.hash_name,
            sign_algorithm=wanted.algorithm.name,
            said=wanted.use,
        )
        return answer(dialect.signed(signatures))

    async def withdraw(self, request: web.Request) -> web.Response:
        """Ours: whoever asked gives up, and the phone stops showing it."""
        caller, body = await self._read(request)
        await self._signing.withdraw(_signing_caller(caller), dialect.read_handle(body))
        return web.Response(status=204, headers={"Cache-Control": "no-store"})

    async def not_implemented(self, _request: web.Request) -> web.Response:
        """10.2: 501 for a method we do not have."""
        raise NotImplementedHere()

    async def _read(self, request: web.Request, scopes: frozenset[str] = SERVICE_ONLY) -> tuple[Caller, JsonObject]:
        """Who first: a stranger learns nothing about what is wrong with a body."""
        caller = await self._authenticator.caller(request, scopes)
        return caller, await _body(request)

    async def _with_sad(self, caller: Caller, body: JsonObject) -> JsonObject:
        """The SAD that opens the activation, whichever of its three names the caller used (CSC 11.10)."""
        given = body.get("SAD")
        if given is not None and not isinstance(given, str):
            return body
        sad = await self._authenticator.sad(caller, given)
        return body if sad is None else {**body, "SAD": sad}


async def _body(request: web.Request) -> JsonObject:
    body = await read_body(request, max_bytes=dialect.MAX_BODY)
    if body and request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    return dialect.read_object(body)


def preferred_wait(request: web.Request) -> float:
    """Seconds of ``Prefer: wait=n``; 0 without. Whatever is longer than we wait is cut by the service."""
    for value in request.headers.getall("Prefer", []):
        found = _WAIT.search(value)
        if found:
            return float(found[1])
    return 0.0


def _check_own(caller: Caller, credential: str) -> None:
    """Another's credential and one that does not exist get the same answer."""
    if credential not in caller.credentials:
        raise NoSuchCredential("not one of this caller's")


def _signing_caller(caller: Caller) -> signing_request.Caller:
    return signing_request.Caller(signing_request.CallerKind(caller.kind.value), caller.id, caller.name)
