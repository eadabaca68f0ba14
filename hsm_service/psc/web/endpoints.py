"""The endpoints that programs call, below ``<prefix>/v0/oauth``: each a few lines, one service, the answer."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from foundation.errors import JsonObject
from foundation.web import answer
from foundation.web.turns import Turns
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.oauth.web.form import once, read_form
from hsm_service.psc.domain import reading
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import BadPscRequest, DecisionTimeOver, GrantTypeUnavailable, UserDenied
from hsm_service.psc.problems import dialect
from hsm_service.psc.service.codes import CodeService, Issued
from hsm_service.psc.service.discovery import DiscoveryService
from hsm_service.psc.service.explicit import ConsentWish, ExplicitService, PasswordGrant
from hsm_service.psc.service.signatures import SignatureService
from hsm_service.psc.service.tokens import Bearer, TokenService
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web import answers
from hsm_service.psc.web.clients import Applications, read_json_object

ROOT: Final = "/v0/oauth"
_UPLOADS: Final = 4
"""Long bodies of one application that arrive at the same time on one gateway: each lies in memory whole."""


class PscEndpoints:
    """Handlers of one vendor's variant, and their routes."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        applications: Applications,
        codes: CodeService,
        tokens: TokenService,
        discovery: DiscoveryService,
        signatures: SignatureService,
        explicit: ExplicitService,
        settings: PscSettings,
    ) -> None:
        """``settings``: how many hashes at once."""
        self._vendor = vendor
        self._applications = applications
        self._codes = codes
        self._tokens = tokens
        self._discovery = discovery
        self._signatures = signatures
        self._explicit = explicit
        self._settings = settings
        self._uploads = Turns(_UPLOADS)

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
            web.get(f"{root}/authorize-ca", self.trusted_outcome),
        ]

    async def client_token(self, request: web.Request) -> web.Response:
        """A token of the application for itself."""
        form = await read_form(request)
        client = await self._applications.named(request, form)
        _demand_grant(form, "client_credentials")
        return self._issued(await self._tokens.for_application(client))

    async def token(self, request: web.Request) -> web.Response:
        """The code becomes a token (A6)."""
        form = await read_form(request)
        client = await self._applications.named(request, form)
        _demand_grant(form, "authorization_code")
        issued = await self._codes.redeem(
            client,
            code=_required(form, "code"),
            redirect=form.get("redirect_uri"),
            verifier=form.get("code_verifier"),
        )
        return self._issued(issued)

    async def revoke(self, request: web.Request) -> web.Response:
        """200 also for a token that is none (RFC 7009)."""
        members = await self._members(request)
        client = await self._applications.named(request, members)
        await self._tokens.revoke(client, _required(members, "token"))
        return answer({})

    async def user_discovery(self, request: web.Request) -> web.Response:
        """Whether a CPF or CNPJ has a certificate here."""
        body = await read_json_object(request)
        client = await self._applications.in_body(request, body)
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
        content = self._settings.max_content_bytes
        body = await self._long_object(request, bearer.client.id, reading.body_limit(content))
        wanted = reading.read_signature(body, self._settings.max_hashes, content)
        return answer(answers.signed(await self._signatures.sign(bearer, wanted), wanted))

    async def password(self, request: web.Request) -> web.Response:
        """X1 to X5. Off where the operator allows none; otherwise the answer to whatever is wrong is one."""
        body = await read_json_object(request)
        client = await self._applications.in_body(request, body)
        wanted = reading.read_password_grant(body)
        grant = PasswordGrant(
            read_identification(wanted.username), wanted.password, wanted.scope, wanted.lifetime, wanted.slot
        )
        issued, slot = await self._explicit.grant(client, grant)
        response = answer({**answers.issued(issued, self._vendor), "slot_alias": slot})
        response.headers["Pragma"] = "no-cache"
        return response

    async def trusted_application(self, request: web.Request) -> web.Response:
        """Ask the holder's phone for a consent; the answer is the same whoever is named."""
        body = await read_json_object(request)
        reading.text(body, "client_id")
        wanted = reading.read_consent_wish(body)
        self._explicit.demand_offered()
        client = await self._applications.in_body(request, body)
        words = dialect(self._vendor)
        wish = ConsentWish(
            read_identification(wanted.hint),
            wanted.lifetime,
            wanted.signatures,
            wanted.state,
            wanted.redirect,
            refused=words.lookup(UserDenied)[1],
            over=words.lookup(DecisionTimeOver)[1],
        )
        identifier = await self._explicit.ask(client, wish)
        state: JsonObject = {} if wanted.state is None else {"state": wanted.state}
        return answer({"identifierCA": identifier, "status": "pending", **state}, status=202)

    async def trusted_outcome(self, request: web.Request) -> web.Response:
        """With the identifier as the bearer token: 202 while the holder thinks, then what they consented to."""
        bearer = await self._bearer(request)
        given = await self._explicit.outcome(bearer)
        if given is None:
            waiting = answer({"status": "pending"}, status=202)
            waiting.headers["Retry-After"] = "2"
            return waiting
        return answer(answers.consent(given))

    def _issued(self, issued: Issued) -> web.Response:
        response = answer(answers.issued(issued, self._vendor))
        response.headers["Pragma"] = "no-cache"
        return response

    async def _bearer(self, request: web.Request) -> Bearer:
        return await self._tokens.identify(request.headers.getall("Authorization", []))

    async def _long_object(self, request: web.Request, client: str, most: int) -> JsonObject:
        """A body in which PDFs may be: so many of one application arrive at once. Raises TooMany too."""
        said = request.content_length
        if said is not None and said <= reading.MAX_BODY:
            return await read_json_object(request, most)
        with self._uploads.of(client):
            return await read_json_object(request, most)

    async def _members(self, request: web.Request) -> Mapping[str, str]:
        """Of a form, or of JSON: clients of this endpoint send either."""
        if request.content_type != "application/json":
            return await read_form(request)
        body = await read_json_object(request)
        return {name: value for name, value in body.items() if isinstance(value, str) and value}


def _demand_grant(form: Mapping[str, str], grant: str) -> None:
    if _required(form, "grant_type") != grant:
        raise GrantTypeUnavailable(f"grant_type is {grant} here")


def _required(members: Mapping[str, str], name: str) -> str:
    value = members.get(name)
    if value is None:
        raise BadPscRequest(f"{name} is missing")
    return value
