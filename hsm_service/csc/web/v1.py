"""The calls of CSC API 1.0.4. Same requests, same approvals, other words; and no handle: ``authorize`` waits itself."""

from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject
from foundation.web import answer
from hsm_service.credentials.domain.credential import Facts
from hsm_service.credentials.service import CredentialService
from hsm_service.csc import dialect
from hsm_service.csc.dialect import V1, answers1, version1
from hsm_service.csc.errors import InvalidPin, InvalidRequest, NoOtp, NotDecidedYet, NotImplementedHere
from hsm_service.csc.web.calls import (
    NAME,
    Calls,
    approved,
    body_of,
    call_key,
    preferred_wait,
    signing_caller,
)
from hsm_service.csc.web.documents import DocumentCalls
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.web.bearer import ANY_SCOPE, Authenticator
from hsm_service.signing.domain.request import Ask
from hsm_service.signing.errors import CertificateNotValid
from hsm_service.signing.service import Approved, SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from hsm_service.signing.service.waiting import WaitingCalls
from protocol.errors import ConsentUnknown, FactorsWrong
from protocol.explicit import Factors

PREFIX: Final = "/csc/v1"
_CALL: Final = b"linkid-csc-v1-call\x00"
_AGAIN_SECONDS: Final = 1
"""``Retry-After`` when the holder has not decided: the same call waits on, and rings nobody."""


class CscV1:
    """Handlers and their routes."""

    def __init__(
        self,
        *,
        clock: Clock,
        authenticator: Authenticator,
        credentials: CredentialService,
        signing: SigningService,
        explicit: ExplicitSigning,
        waiting: WaitingCalls,
        documents: DocumentCalls,
        clients: ClientAuthentication,
        tokens: TokenService,
        base_url: str,
        app_url: str,
        wait_seconds: float,
        name: str = NAME,
    ) -> None:
        """``base_url``: the gateway's address as the outside knows it; ``wait_seconds``: how long ``authorize`` holds
        its answer back at most."""
        self._calls = Calls(clock, authenticator, credentials, signing, explicit)
        self._clock = clock
        self._credentials = credentials
        self._waiting = waiting
        self._documents = documents
        self._clients = clients
        self._tokens = tokens
        self._base_url = base_url
        self._app = app_url
        self._wait_seconds = wait_seconds
        self._name = name

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application. The last one answers for everything the standard has and we do not."""
        return [
            web.post(f"{PREFIX}/info", self.info),
            web.post(f"{PREFIX}/auth/login", self.login),
            web.post(f"{PREFIX}/auth/revoke", self.revoke),
            web.post(f"{PREFIX}/credentials/list", self.list_credentials),
            web.post(f"{PREFIX}/credentials/info", self.credential_info),
            web.post(f"{PREFIX}/credentials/authorize", self.authorize),
            web.post(f"{PREFIX}/credentials/extendTransaction", self.extend_transaction),
            web.post(f"{PREFIX}/credentials/sendOTP", self.send_otp),
            web.post(f"{PREFIX}/signatures/signHash", self.sign_hash),
            web.post(f"{PREFIX}/signatures/timestamp", self.timestamp),
            web.post(f"{PREFIX}/{{method:(?!oauth2/).*}}", self.not_implemented),
        ]

    async def info(self, request: web.Request) -> web.Response:
        """11.1: what this service is; anybody may ask."""
        dialect.read_info(await body_of(request))
        logo = f"{self._app}/icons/icon-192.png"
        oauth2, stamps = f"{self._base_url}{PREFIX}/", self._documents.stamps
        return answer(answers1.info(name=self._name, oauth2=oauth2, logo=logo, stamps=stamps))

    async def login(self, request: web.Request) -> web.Response:
        """11.2: nobody has a password here, and a refresh token is good only with its client (decision 0020)."""
        version1.read_login(request.headers.getall("Authorization", []), await body_of(request))
        raise InvalidRequest("Invalid refresh_token")

    async def revoke(self, request: web.Request) -> web.Response:
        """11.3: a token of the caller's own ends. One of another client, or none at all, is answered alike."""
        caller, body = await self._calls.read(request)
        token = version1.read_revoke(body)
        client = await self._clients.find(caller.id)
        if client is not None:
            await self._tokens.revoke(client, token)
        return _nothing()

    async def list_credentials(self, request: web.Request) -> web.Response:
        """11.4: what this caller may use, a page at a time."""
        caller, body = await self._calls.read(request)
        wanted = version1.read_list(body)
        return answer(answers1.listed(await self._credentials.known(sorted(caller.credentials)), wanted))

    async def credential_info(self, request: web.Request) -> web.Response:
        """11.5."""
        caller, body = await self._calls.read(request, ANY_SCOPE)
        wanted = dialect.read_credential_info(body)
        found = await self._calls.credential(caller, wanted.credential)
        explicit = await self._calls.consented(caller, found.id)
        return answer(answers1.credential_info(found, wanted.wanted, self._clock.now(), explicit=explicit))

    async def authorize(self, request: web.Request) -> web.Response:
        """11.6: the phone is asked, and the answer comes when its holder decided.

        A client that was cut off, or was told to, makes the same call again: it finds its request, and nothing rings
        twice.
        """
        # 1. What is asked; 2. by whom.
        caller, body = await self._calls.read(request)
        said = dialect.said_of(body)
        wanted = dialect.read_session(body, V1, said) or version1.read_authorize(body, said)
        credential = await self._calls.facts(caller, wanted.credential)
        if isinstance(wanted, dialect.AuthorizeRequest) and wanted.factors is not None:
            return answer(await self._opened(caller, wanted, wanted.factors, credential))
        wait = preferred_wait(request)
        # 3 to 7 are signing's, the SAM's and the phone's.
        try:
            state = await self._waiting.ask(
                signing_caller(caller),
                self._calls.ask_of(wanted, credential),
                call_key=call_key(_CALL, request.headers.getall("Authorization", []), body),
                seconds=self._wait_seconds if wait is None else min(wait, self._wait_seconds),
            )
        except CertificateNotValid as cause:
            raise await self._calls.expired_certificate(credential.id) from cause
        if not isinstance(state, Approved):
            raise NotDecidedYet(retry_after=_AGAIN_SECONDS, data={"why": "undecided"})
        return answer(approved(state))

    async def _opened(
        self, caller: Caller, wanted: dialect.AuthorizeRequest, factors: Factors, credential: Facts
    ) -> JsonObject:
        """E1 to E8. One answer to whatever is wrong: API 1 has two, and they would tell which factor was right."""
        ask = self._calls.ask_of(wanted, credential)
        assert isinstance(ask, Ask), "of listed hashes"
        try:
            return await self._calls.open(caller, ask, factors)
        except (ConsentUnknown, FactorsWrong) as cause:
            raise InvalidPin() from cause

    async def extend_transaction(self, request: web.Request) -> web.Response:
        """11.7: of a session."""
        caller, body = await self._calls.read(request)
        return answer(await self._calls.extend(caller, dialect.read_extend(body, V1)))

    async def send_otp(self, request: web.Request) -> web.Response:
        """11.8: there is none to send; ``credentials/info`` says so."""
        caller, body = await self._calls.read(request)
        await self._calls.facts(caller, version1.read_send_otp(body))
        raise NoOtp()

    async def sign_hash(self, request: web.Request) -> web.Response:
        """11.9: steps 8 to 10; of a session, U1 to U10. The SAD may be a credential token, or the caller's own."""
        caller, body = await self._calls.read(request, ANY_SCOPE)
        body = await self._calls.with_sad(caller, body)
        wanted = dialect.read_sign_hash(body, request.headers.get("Idempotency-Key"), V1)
        return answer(dialect.signed(await self._calls.sign(caller, wanted)))

    async def timestamp(self, request: web.Request) -> web.Response:
        """11.10: by the authority of the settings."""
        caller, body = await self._calls.read(request)
        return answer(await self._documents.stamp(caller, version1.read_timestamp(body)))

    async def not_implemented(self, _request: web.Request) -> web.Response:
        """10.2: 501 for a method we do not have."""
        raise NotImplementedHere()


def _nothing() -> web.Response:
    return web.Response(status=204, headers={"Cache-Control": "no-store"})
