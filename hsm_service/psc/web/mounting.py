"""The whole dialect as routes: its services made once, its endpoints once for each vendor's variant."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.web.caller import Network
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.clients import ClientReader
from hsm_service.psc.domain.vendors import VENDORS, as_configured
from hsm_service.psc.ports import Calls, Documents, Posts
from hsm_service.psc.service.applications import ApplicationService
from hsm_service.psc.service.async_signatures import AsyncSignatureService
from hsm_service.psc.service.authorizations import AuthorizationService
from hsm_service.psc.service.codes import CodeService
from hsm_service.psc.service.discovery import DiscoveryService
from hsm_service.psc.service.endings import SessionEndings
from hsm_service.psc.service.explicit import ExplicitService
from hsm_service.psc.service.holders import Holders
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.pushes import Background, PushService
from hsm_service.psc.service.requests import AuthorizeRequests
from hsm_service.psc.service.signatures import SignatureService
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.psc.service.starts import StartService
from hsm_service.psc.service.tokens import TokenService
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web.applications import PscApplications
from hsm_service.psc.web.authorize import PscPages, script_route
from hsm_service.psc.web.clients import Applications
from hsm_service.psc.web.endpoints import PscEndpoints
from hsm_service.psc.web.programs import PscAsyncSignatures, PscPushes
from hsm_service.psc.web.starts import PscStarts
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning


@dataclass(frozen=True)
class Parts:
    """What the dialect speaks for and stands on."""

    database: Database
    clock: Clock
    audit: AuditChain
    settings: PscSettings
    clients: ClientReader
    pace: CallPace
    pages: PageService
    shown: AuthorizePages
    holders: Holders
    signing: SigningService
    explicit: ExplicitSigning
    outcomes: Outcomes
    bells: StartBells
    calls: Calls
    posts: Posts
    key: bytes
    """Under which is sealed what the gateways keep of starts: 32 bytes that all of them share."""
    documents: Documents | None
    origin: str
    environment: str
    proxies: tuple[Network, ...] = ()
    background: Background | None = None


def psc_routes(parts: Parts) -> Iterator[web.RouteDef]:
    """Every route of every variant."""
    database, clock, settings = parts.database, parts.clock, parts.settings
    holders, signing = parts.holders, parts.signing
    background = parts.background or Background()
    requests = AuthorizeRequests(database, holders)
    authorizations = AuthorizationService(
        database,
        clock,
        parts.audit,
        requests=requests,
        pages=parts.pages,
        holders=holders,
        signing=signing,
        settings=settings,
    )
    pushes = PushService(
        database,
        clock,
        requests=requests,
        authorizations=authorizations,
        holders=holders,
        calls=parts.calls,
        background=background,
    )
    starts = StartService(
        database,
        clock,
        parts.audit,
        requests=requests,
        authorizations=authorizations,
        holders=holders,
        calls=parts.calls,
        posts=parts.posts,
        bells=parts.bells,
        background=background,
        key=parts.key,
    )
    parts.bells.looked_at_by(starts.look)
    later = AsyncSignatureService(database, clock, holders=holders, signing=signing, background=background)
    applications = Applications(parts.clients)
    endings = SessionEndings(database, clock, signing)
    tokens = TokenService(database, clock, endings, parts.pace)
    registered = ApplicationService(database, clock, parts.audit, settings)
    codes = CodeService(database, clock, parts.audit, holders=holders, settings=settings, endings=endings)
    discovery = DiscoveryService(clock, holders, settings)
    signatures = SignatureService(
        database, clock, holders=holders, signing=signing, settings=settings, documents=parts.documents
    )
    explicit = ExplicitService(
        database,
        clock,
        holders=holders,
        signing=signing,
        explicit=parts.explicit,
        settings=settings,
        background=background,
        outcomes=parts.outcomes,
    )
    for vendor in [as_configured(each, settings.refusal) for each in VENDORS.values()]:
        yield from PscEndpoints(
            vendor,
            applications=applications,
            codes=codes,
            tokens=tokens,
            discovery=discovery,
            signatures=signatures,
            explicit=explicit,
            settings=settings,
        ).routes()
        yield from PscApplications(vendor, registered, tokens, parts.proxies).routes()
        rung = PscPushes(vendor, pushes, settings, parts.proxies) if vendor.push else None
        if rung is not None:
            yield from rung.routes()
        if vendor.asynchronous:
            yield from PscAsyncSignatures(vendor, later, applications, tokens, settings).routes()
            yield from PscStarts(vendor, starts, applications, parts.environment, parts.proxies).routes()
        yield from PscPages(
            vendor, authorizations, parts.shown, rung, origin=parts.origin, trusted_proxies=parts.proxies
        ).routes()
    yield script_route()
