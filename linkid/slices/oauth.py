"""Who is calling: `hsm_service.oauth`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from foundation.dpop import AssertionVerifier
from hsm_service.credentials.service import CredentialService
from hsm_service.csc.web.oauth1 import REVOKE_PATH as REVOKE_PATH_V1
from hsm_service.csc.web.oauth1 import TOKEN_PATH as TOKEN_PATH_V1
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.introspection import IntrospectionService
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.service.requests import RequestService
from hsm_service.oauth.service.signing_pages import SigningPages
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.store import ClientStore, TokenStore
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.clients import ClientReader
from hsm_service.oauth.web.endpoints import CSC_V1, RFC, Manners, OAuthEndpoints
from hsm_service.oauth.web.metadata import audiences
from hsm_service.signing.service import SigningService
from linkid.joins import (
    LinksOfOAuth,
    SignaturesOfOAuth,
)
from linkid.slices.ground import Ground
from linkid.slices.pairing import Pairing


@dataclass(frozen=True)
class OAuth:
    """The slice `oauth`: what dialects with tokens of their own need of it."""

    endpoints: OAuthEndpoints
    """With the manners of CSC API 1."""
    pages: AuthorizePages
    clients: ClientAuthentication
    tokens: TokenService
    reader: ClientReader
    page_service: PageService
    pace: CallPace


def mount_oauth(
    app: web.Application, ground: Ground, pairing: Pairing, credentials: CredentialService, signing: SigningService
) -> OAuth:
    """Who is calling: tokens for programs, and the page where a holder identifies, or approves signatures."""
    database, clock, audit, origin = ground.database, ground.clock, ground.audit, ground.origin
    signatures = SignaturesOfOAuth(credentials, signing, ground.app)
    requests = RequestService(database, clock, signatures)
    authentication = ClientAuthentication(
        ClientStore(database),
        pairing.computers,
        AssertionVerifier(clock, ground.replays),
        audiences(origin) | {origin + TOKEN_PATH_V1, origin + REVOKE_PATH_V1},
        authorities=ground.settings.client_authorities(),
        clock=clock,
    )
    pace = CallPace(database, clock, ground.settings.oauth.calls_per_minute)
    reader = ClientReader(clock, authentication, pace, ground.proxies, ground.certificates)
    tokens = TokenService(database, clock, audit, computers=pairing.computers)

    def endpoints_with(manners: Manners) -> OAuthEndpoints:
        return OAuthEndpoints(
            issuer=origin,
            clients=reader,
            tokens=tokens,
            requests=requests,
            introspection=IntrospectionService(TokenStore(database), clock, origin),
            dpop=ground.dpop,
            mtls=ground.settings.mtls_url,
            manners=manners,
        )

    service = PageService(
        database,
        clock,
        audit,
        links=LinksOfOAuth(pairing.links),
        requests=requests,
        signing=SigningPages(database, clock, signatures),
        issuer=origin,
    )
    pages = AuthorizePages(service, ground.proxies)
    app.add_routes(endpoints_with(RFC).routes())
    app.add_routes(pages.routes())
    return OAuth(endpoints_with(CSC_V1), pages, authentication, tokens, reader, service, pace)
