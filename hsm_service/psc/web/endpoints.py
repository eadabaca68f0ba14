"""The endpoints that programs call, below ``<prefix>/v0/oauth``: each a few lines, one service, the answer."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject, TooMany
from foundation.web import SlidingWindow, UnsupportedMedia, answer, client_address
from foundation.web.bodies import read_body
from foundation.web.caller import Network
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.errors import UnknownClient
from hsm_service.oauth.service.authentication import Claimed, ClientAuthentication
from hsm_service.oauth.web.form import once, read_form
from hsm_service.psc.domain import reading
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import BadPscRequest, GrantTypeUnavailable, PasswordGrantOff
from hsm_service.psc.service.authorizations import AuthorizationService, Issued
from hsm_service.psc.service.discovery import DiscoveryService
from hsm_service.psc.service.signatures import SignatureService
from hsm_service.psc.service.tokens import Bearer, TokenService
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web import answers

ROOT: Final = "/v0/oauth"
WRONG_PER_MINUTE: Final = 20
"""Failed authentications of one address; secrets have 256 bits, this only keeps the log readable."""


class PscEndpoints:
    """Handlers of one vendor's variant, and their routes."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        clock: Clock,
        authentication: ClientAuthentication,
        authorizations: AuthorizationService,
        tokens: TokenService,
        discovery: DiscoveryService,
        signatures: SignatureService,
        settings: PscSettings,
        trusted_proxies: tuple[Network, ...] = (),
    ) -> None:
        """``trusted_proxies``: who may say where a call comes from."""
        self._vendor = vendor
        self._clock = clock
        self._authentication = authentication
        self._authorizations = authorizations
        self._tokens = tokens
        self._discovery = discovery
        self._signatures = signatures
        self._settings = settings
        self._proxies = trusted_proxies
        self._wrong = SlidingWindow(WRONG_PER_MINUTE, timedelta(minutes=1))

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        root = self._vendor.prefix + ROOT
        return [
            web.post(f"{root}/client_token", self.client_token),
            web.post(f"{root}/token", self.token),
            web.post(f"{root}/revoke", self.revoke),
            web.post(f"{root}/user-discovery", self.user_discovery),
            web.get(f"{root}/certificate-discovery", self.certificate_discovery),
            web.post(f"{root}/signature", self.signature),
            web.post(f"{root}/pwd_authorize", self.password),
            web.post(f"{root}/authorize-ca", self.trusted_application),
        ]

    async def client_token(self, request: web.Request) -> web.Response:
        """A token of the application for itself."""
        form = await read_form(request)
        client = await self._client(request, form)
        _demand_grant(form, "client_credentials")
        return self._issued(await self._tokens.for_application(client))

    async def token(self, request: web.Request) -> web.Response:
        """The code becomes a token (A6)."""
        form = await read_form(request)
        client = await self._client(request, form)
        _demand_grant(form, "authorization_code")
        issued = await self._authorizations.redeem(
            client,
            code=_required(form, "code"),
            redirect=form.get("redirect_uri"),
            verifier=form.get("code_verifier"),
        )
        return self._issued(issued)

    async def revoke(self, request: web.Request) -> web.Response:
        """200 also for a token that is none (RFC 7009)."""
        members = await self._members(request)
        client = await self._client(request, members)
        await self._tokens.revoke(client, _required(members, "token"))
        return answer({})

    async def user_discovery(self, request: web.Request) -> web.Response:
        """Whether a CPF or CNPJ has a certificate here."""
        body = await _json(request)
        client = await self._client_in(request, body)
        identification = read_identification(reading.text(body, "val_cpf_cnpj"))
        if reading.text(body, "user_cpf_cnpj").upper() != identification.kind:
            raise BadPscRequest("user_cpf_cnpj: CPF or CNPJ, whichever val_cpf_cnpj is")
        return answer(answers.slots(await self._discovery.slots(client, identification)))

    async def certificate_discovery(self, request: web.Request) -> web.Response:
        """The certificates of the token's holder."""
        bearer = await self._bearer(request)
        alias = once(request.query.items()).get("certificate_alias")
        return answer(answers.certificates(await self._discovery.certificates(bearer, alias)))

    async def signature(self, request: web.Request) -> web.Response:
        """P1 to P6. Who first: a stranger learns nothing about what is wrong with a body."""
        bearer = await self._bearer(request)
        wanted = reading.read_signature(await _json(request), self._settings.max_hashes)
        return answer(answers.signed(await self._signatures.sign(bearer, wanted), wanted))

    async def password(self, request: web.Request) -> web.Response:
        """Off: no phone has signed a consent. The answer is the same whoever is named."""
        body = await _json(request)
        await self._client_in(request, body)
        if reading.text(body, "grant_type") != "password":
            raise GrantTypeUnavailable()
        read_identification(reading.text(body, "username"))
        reading.text(body, "password")
        raise PasswordGrantOff()

    async def trusted_application(self, request: web.Request) -> web.Response:
        """Off: it would open ``pwd_authorize``. The answer is the same whoever is named."""
        body = await _json(request)
        reading.text(body, "client_id")
        read_identification(reading.text(body, "login_hint"))
        raise PasswordGrantOff()

    def _issued(self, issued: Issued) -> web.Response:
        response = answer(answers.issued(issued, self._vendor))
        response.headers["Pragma"] = "no-cache"
        return response

    async def _bearer(self, request: web.Request) -> Bearer:
        return await self._tokens.identify(request.headers.getall("Authorization", []))

    async def _members(self, request: web.Request) -> Mapping[str, str]:
        """Of a form, or of JSON: clients of this endpoint send either."""
        if request.content_type != "application/json":
            return await read_form(request)
        body = await _json(request)
        return {name: value for name, value in body.items() if isinstance(value, str) and value}

    async def _client_in(self, request: web.Request, body: JsonObject) -> Client:
        said = {name: reading.text(body, name) for name in ("client_id", "client_secret")}
        return await self._client(request, said)

    async def _client(self, request: web.Request, said: Mapping[str, str]) -> Client:
        try:
            claimed = Claimed(said.get("client_id"), secret=said.get("client_secret"))
            return await self._authentication.authenticate(claimed)
        except UnknownClient:
            wait = self._wrong.take(client_address(request, self._proxies), self._clock.now())
            if wait:
                raise TooMany(retry_after=wait) from None
            raise


async def _json(request: web.Request) -> JsonObject:
    if request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    return reading.read_object(await read_body(request, max_bytes=reading.MAX_BODY))


def _demand_grant(form: Mapping[str, str], grant: str) -> None:
    if _required(form, "grant_type") != grant:
        raise GrantTypeUnavailable(f"grant_type is {grant} here")


def _required(members: Mapping[str, str], name: str) -> str:
    value = members.get(name)
    if value is None:
        raise BadPscRequest(f"{name} is missing")
    return value
