"""The Brazilian dialect mounted on the services of `signing_world`, as the roof does it."""

from collections.abc import Iterator

from aiohttp import web

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.psc.domain.vendors import VENDORS
from hsm_service.psc.service.authorizations import AuthorizationService
from hsm_service.psc.service.discovery import DiscoveryService
from hsm_service.psc.service.holders import Holders
from hsm_service.psc.service.signatures import SignatureService
from hsm_service.psc.service.tokens import TokenService
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web.authorize import PscPages, script_route
from hsm_service.psc.web.endpoints import PscEndpoints
from hsm_service.signing.service import SigningService

SETTINGS = PscSettings.model_construct(**{**PscSettings().model_dump(), "wait_seconds": 0, "discoveries_per_minute": 5})
"""No call waits: what a test wants to happen meanwhile happens between two calls."""


def psc_routes(
    database: Database,
    clock: Clock,
    audit: AuditChain,
    authentication: ClientAuthentication,
    page_service: PageService,
    shown: AuthorizePages,
    holders: Holders,
    signing: SigningService,
) -> Iterator[web.RouteDef]:
    """Every variant."""
    authorizations = AuthorizationService(
        database, clock, audit, pages=page_service, holders=holders, signing=signing, settings=SETTINGS
    )
    discovery = DiscoveryService(clock, holders, SETTINGS)
    signatures = SignatureService(database, clock, holders=holders, signing=signing, settings=SETTINGS)
    for vendor in VENDORS.values():
        endpoints = PscEndpoints(
            vendor,
            clock=clock,
            authentication=authentication,
            authorizations=authorizations,
            tokens=TokenService(database, clock),
            discovery=discovery,
            signatures=signatures,
            settings=SETTINGS,
        )
        yield from endpoints.routes()
        yield from PscPages(vendor, authorizations, shown, origin="https://gateway.linkid.test").routes()
    yield script_route()
