"""The endpoints programs call: token (RFC 6749), push (9126), introspect (7662), revoke (7009), metadata (8414)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from foundation.dpop import BadProof, DpopVerifier, Proof
from foundation.errors import JsonValue
from foundation.web import answer
from foundation.web.proofs import check_proof, proofs_of
from hsm_service.oauth.domain.client import SIGNING, ClientMethod, GrantType
from hsm_service.oauth.domain.grant import Binding
from hsm_service.oauth.errors import BadDetails, BadOAuthRequest, GrantUnknown, ParameterMissing, UnknownClient
from hsm_service.oauth.service.authentication import binding_of
from hsm_service.oauth.service.introspection import IntrospectionService
from hsm_service.oauth.service.requests import RequestService
from hsm_service.oauth.service.tokens import Issued, TokenService
from hsm_service.oauth.web.clients import Authenticated, ClientReader
from hsm_service.oauth.web.form import MAX_PUSHED, read_form
from hsm_service.oauth.web.metadata import (
    INTROSPECT_PATH,
    METADATA_PATH,
    PUSH_PATH,
    REVOKE_PATH,
    TOKEN_PATH,
    metadata_document,
)

__all__ = ["TOKEN_PATH", "Manners", "OAuthEndpoints"]


@dataclass(frozen=True)
class Manners:
    """Where RFC and the first CSC differ: one base address has one way.

    CSC 1.0.4 calls the type of a credential token ``SAD``, answers a revocation with 204, and writes ``refreshToken``
    in one of its samples; clients that follow the RFCs take only Bearer and 200 (docs/csc-divergences.md).
    """

    signing_token_type: str = "Bearer"
    revoked_status: int = 200
    old_refresh_name: str | None = None
    """Another name under which a refresh token is taken."""


RFC: Final = Manners()
CSC_V1: Final = Manners(signing_token_type="SAD", revoked_status=204, old_refresh_name="refreshToken")


class OAuthEndpoints:
    """Handlers and their routes."""

    def __init__(
        self,
        *,
        issuer: str,
        clients: ClientReader,
        tokens: TokenService,
        requests: RequestService,
        introspection: IntrospectionService,
        dpop: DpopVerifier,
        mtls: str | None = None,
        manners: Manners = RFC,
    ) -> None:
        """``issuer``: the gateway's address as the outside knows it, without a slash at its end; ``mtls``: the address
        at which connections may bring a certificate.
        """
        self._issuer = issuer
        self._clients = clients
        self._tokens = tokens
        self._requests = requests
        self._introspection = introspection
        self._dpop = dpop
        self._mtls = mtls
        self._manners = manners

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.post(TOKEN_PATH, self.token),
            web.post(PUSH_PATH, self.push),
            web.post(INTROSPECT_PATH, self.introspect),
            web.post(REVOKE_PATH, self.revoke),
            web.get(METADATA_PATH, self.metadata),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """RFC 6749 section 3.2."""
        form = await read_form(request)
        who = await self._clients.read(request, form)
        binding = await self._binding(request, who)
        if "authorization_details" in form and form.get("grant_type") != GrantType.CODE.value:
            raise BadDetails("only a code carries what a holder approved")
        match form.get("grant_type"):
            case None:
                raise ParameterMissing("grant_type")
            case GrantType.CLIENT.value:
                issued = await self._tokens.for_client(who.client, scope=form.get("scope"), binding=binding)
            case GrantType.CODE.value:
                issued = await self._tokens.for_code(
                    who.client,
                    code=_required(form, "code"),
                    redirect=form.get("redirect_uri"),
                    verifier=form.get("code_verifier"),
                    details=form.get("authorization_details"),
                    binding=binding,
                )
            case GrantType.REFRESH.value:
                token = self._refresh_token(form)
                issued = await self._tokens.for_refresh(
                    who.client, token=token, scope=form.get("scope"), binding=binding
                )
            case _:
                raise GrantUnknown()
        return self._issued(issued)

    async def push(self, request: web.Request) -> web.Response:
        """RFC 9126: 201 with an address that stands for the request, once. A DPoP proof binds the code to its key."""
        form = await read_form(request, MAX_PUSHED)
        who = await self._clients.read(request, form)
        self._clients.check_pace(request, who.client)
        proof = await self._proof(request)
        if proof is not None:
            if form.get("dpop_jkt", proof.jkt) != proof.jkt:
                raise BadProof("dpop_jkt names another key")
            form = {**form, "dpop_jkt": proof.jkt}
        pushed = await self._requests.push(who.client, form)
        return answer({"request_uri": pushed.request_uri, "expires_in": pushed.expires_in}, status=201)

    async def introspect(self, request: web.Request) -> web.Response:
        """RFC 7662: the same answer for a token that is none and for one that is none of the caller's business."""
        form = await read_form(request)
        who = await self._clients.read(request, form)
        if who.client.method is ClientMethod.NONE:
            raise UnknownClient("a client that cannot authenticate")  # section 2.1
        return answer(await self._introspection.look(who.client, _required(form, "token")))

    async def revoke(self, request: web.Request) -> web.Response:
        """RFC 7009: a success also for a token that is none."""
        form = await read_form(request)
        who = await self._clients.read(request, form)
        await self._tokens.revoke(who.client, _required(form, "token"))
        return web.Response(status=self._manners.revoked_status, headers={"Cache-Control": "no-store"})

    async def metadata(self, _request: web.Request) -> web.Response:
        """RFC 8414."""
        document = metadata_document(self._issuer, self._mtls)
        return web.json_response(document, headers={"Cache-Control": "public, max-age=3600"})

    def _refresh_token(self, form: Mapping[str, str]) -> str:
        old = None if self._manners.old_refresh_name is None else form.get(self._manners.old_refresh_name)
        if old is None:
            return _required(form, "refresh_token")
        if "refresh_token" in form:
            raise BadOAuthRequest("a parameter stands there twice")
        return old

    async def _binding(self, request: web.Request, who: Authenticated) -> Binding:
        return binding_of(who.client, await self._proof(request), who.certificate)

    async def _proof(self, request: web.Request) -> Proof | None:
        return await check_proof(self._dpop, request, self._issuer) if proofs_of(request) else None

    def _issued(self, issued: Issued) -> web.Response:
        kind = "DPoP" if issued.bound else "Bearer"
        if issued.scope == SIGNING and not issued.bound:
            kind = self._manners.signing_token_type
        told: dict[str, JsonValue] = {
            "access_token": issued.text,
            "token_type": kind,
            "expires_in": issued.expires_in,
            "scope": issued.scope,
        }
        if issued.refresh is not None:
            told["refresh_token"] = issued.refresh
        if issued.approved is not None:
            if issued.approved.details:
                told["authorization_details"] = list(issued.approved.details)
            if issued.approved.chosen:
                told["credentialID"] = issued.approved.credential
        response = answer(told)
        response.headers["Pragma"] = "no-cache"
        return response


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if value is None:
        raise ParameterMissing(name)
    return value
