"""The endpoints that programs call: token (RFC 6749), revoke (RFC 7009), metadata (RFC 8414)."""

import base64
import binascii
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import unquote_plus

from aiohttp import web

from foundation.clock import Clock
from foundation.dpop import DpopVerifier, Proof
from foundation.errors import TooMany
from foundation.web import SlidingWindow, answer, client_address
from foundation.web.caller import Network
from foundation.web.proofs import check_proof, proofs_of
from hsm_service.oauth.domain.client import SERVICE, Client, GrantType
from hsm_service.oauth.errors import BadOAuthRequest, GrantUnknown, UnknownClient
from hsm_service.oauth.service.authentication import ASSERTION_TYPE, Claimed, ClientAuthentication
from hsm_service.oauth.service.tokens import Issued, TokenService
from hsm_service.oauth.web.form import read_form

TOKEN_PATH: Final = "/oauth2/token"
REVOKE_PATH: Final = "/oauth2/revoke"
AUTHORIZE_PATH: Final = "/oauth2/authorize"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"

WRONG_PER_MINUTE: Final = 20
"""Failed client authentications of one address; secrets have 256 bits, this only keeps the log readable."""


class OAuthEndpoints:
    """Handlers and their routes."""

    def __init__(
        self,
        *,
        issuer: str,
        clock: Clock,
        authentication: ClientAuthentication,
        tokens: TokenService,
        dpop: DpopVerifier,
        trusted_proxies: tuple[Network, ...] = (),
    ) -> None:
        """``issuer``: the gateway's address as the outside knows it, without a slash at its end."""
        self._issuer = issuer
        self._clock = clock
        self._authentication = authentication
        self._tokens = tokens
        self._dpop = dpop
        self._proxies = trusted_proxies
        self._wrong = SlidingWindow(WRONG_PER_MINUTE, timedelta(minutes=1))

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.post(TOKEN_PATH, self.token),
            web.post(REVOKE_PATH, self.revoke),
            web.get(METADATA_PATH, self.metadata),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """Section 3.2."""
        form = await read_form(request)
        client = await self._client(request, form)
        proof = await self._proof(request)
        match form.get("grant_type"):
            case None:
                raise BadOAuthRequest("grant_type is missing")
            case GrantType.CLIENT.value:
                issued = await self._tokens.for_client(client, scope=form.get("scope"), proof=proof)
            case GrantType.CODE.value:
                issued = await self._tokens.for_code(
                    client,
                    code=_required(form, "code"),
                    redirect=form.get("redirect_uri"),
                    verifier=form.get("code_verifier"),
                    proof=proof,
                )
            case _:
                raise GrantUnknown()
        return _issued(issued)

    async def revoke(self, request: web.Request) -> web.Response:
        """RFC 7009: 200 also for a token that is none."""
        form = await read_form(request)
        client = await self._client(request, form)
        await self._tokens.revoke(client, _required(form, "token"))
        return web.Response(headers={"Cache-Control": "no-store"})

    async def metadata(self, _request: web.Request) -> web.Response:
        """RFC 8414."""
        base = self._issuer
        methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
        document = {
            "issuer": base,
            "authorization_endpoint": base + AUTHORIZE_PATH,
            "token_endpoint": base + TOKEN_PATH,
            "revocation_endpoint": base + REVOKE_PATH,
            "scopes_supported": [SERVICE],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [GrantType.CODE.value, GrantType.CLIENT.value],
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": True,
            "ui_locales_supported": ["pt-BR"],
        }
        return web.json_response(document, headers={"Cache-Control": "public, max-age=3600"})

    async def _client(self, request: web.Request, form: Mapping[str, str]) -> Client:
        address = client_address(request, self._proxies)
        try:
            return await self._authentication.authenticate(claimed(request, form))
        except UnknownClient:
            # Counted after the fact: an honest client behind the same address is never kept out by its neighbour
            # for longer than the window, and never when it is right.
            wait = self._wrong.take(address, self._clock.now())
            if wait:
                raise TooMany(retry_after=wait) from None
            raise

    async def _proof(self, request: web.Request) -> Proof | None:
        return await check_proof(self._dpop, request, self._issuer) if proofs_of(request) else None


def claimed(request: web.Request, form: Mapping[str, str]) -> Claimed:
    """What a request says about its client: one method only (RFC 6749 section 2.3). Raises BadOAuthRequest."""
    basic = _basic(request)
    client_id, secret, assertion = form.get("client_id"), form.get("client_secret"), form.get("client_assertion")
    if sum(proof is not None for proof in (basic, secret, assertion)) > 1:
        raise BadOAuthRequest("more than one way of client authentication")
    if assertion is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise BadOAuthRequest(f"client_assertion_type must be {ASSERTION_TYPE}")
        return Claimed(client_id, assertion=assertion)
    if basic is not None:
        if client_id not in (None, basic[0]):
            raise BadOAuthRequest("client_id is another one than in the Authorization header")
        return Claimed(basic[0], secret=basic[1])
    return Claimed(client_id, secret=secret)


def _basic(request: web.Request) -> tuple[str, str] | None:
    """User and password of a Basic header, each form-decoded (section 2.3.1); None when there is no such header."""
    values = request.headers.getall("Authorization", [])
    if not values:
        return None
    scheme, _, text = values[0].partition(" ")
    if len(values) != 1 or scheme.lower() != "basic":
        raise BadOAuthRequest("the Authorization header is not Basic")
    try:
        user, separator, password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as cause:
        raise BadOAuthRequest("the Authorization header is malformed") from cause
    if not separator or not user:
        raise BadOAuthRequest("the Authorization header is malformed")
    return unquote_plus(user), unquote_plus(password)


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name)
    if value is None:
        raise BadOAuthRequest(f"{name} is missing")
    return value


def _issued(issued: Issued) -> web.Response:
    response = answer(
        {
            "access_token": issued.text,
            "token_type": "DPoP" if issued.bound else "Bearer",
            "expires_in": issued.expires_in,
            "scope": issued.scope,
        }
    )
    response.headers["Pragma"] = "no-cache"
    return response
