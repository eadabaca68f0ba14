"""The slices of the gateway, each made and mounted by one function, in the order in which they need one another.

What one slice needs of another is a port of its own; `linkid.joins` speaks them. Nothing here decides anything.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from foundation.audit import AuditChain
from foundation.channel import PrivateClient
from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import AssertionVerifier, DatabaseReplayCache, DpopVerifier
from foundation.group_commit import GroupCommit
from foundation.web import HttpMetrics
from foundation.web.caller import Network
from hsm_service.credentials.service import CredentialService
from hsm_service.csc.web import CscV2
from hsm_service.documents.adapters.authority import AuthorityEvidence, AuthorityTsa
from hsm_service.documents.adapters.http_tsa import HttpTsa
from hsm_service.documents.adapters.policy_files import read_policies
from hsm_service.documents.adapters.root_files import read_roots
from hsm_service.documents.ports import TimeStampingAuthority
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.time_stamps import TimeStampClient
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.web.verify import VerifyPages
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.store import OAuthStore
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.bearer import Authenticator
from hsm_service.oauth.web.endpoints import TOKEN_PATH, OAuthEndpoints
from hsm_service.signing.adapters.sam import SamOverChannel as SigningSam
from hsm_service.signing.adapters.wakeups import PostgresWakeups
from hsm_service.signing.service import SigningService
from issuance.adapters.altcha import AltchaCaptcha
from issuance.adapters.channels import AcOverChannel
from issuance.adapters.channels import SamOverChannel as EmissionSam
from issuance.service import EmissionRelay
from issuance.web import EmissionRoutes, PkiRoutes
from linkid.joins import CredentialsOfSigning, DevicesOfPush, HoldersOfPairing, LettersOfPairing, LinksOfOAuth
from linkid.running import in_background
from linkid.settings import Settings
from pairing.adapters.sam_channel import SamOverChannel as PairingSam
from pairing.domain.codes import CodeKey
from pairing.service.bells import BellService
from pairing.service.computers import ComputerService
from pairing.service.decisions import DecisionService
from pairing.service.link_life import LinkLife
from pairing.service.links import LinkService
from pairing.service.phones import PhoneService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.web import Doorkeeper, pairing_routes
from push.adapters.inbox import DevelopmentInbox
from push.adapters.live_bells import LiveBells, LiveListener
from push.adapters.smtp_email import SmtpEmail
from push.adapters.twilio_sms import TwilioSms
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.ports import Carrier
from push.service.bells import DoorbellService
from push.service.live import LiveHub
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.web import inbox_routes, live_routes


@dataclass(frozen=True)
class Ground:
    """What every slice stands on."""

    settings: Settings
    clock: Clock
    database: Database
    commits: GroupCommit
    """Of what happens for every signature."""
    audit: AuditChain
    sams: PrivateClient
    ac: PrivateClient
    replays: DatabaseReplayCache
    metrics: HttpMetrics
    proxies: tuple[Network, ...]
    origin: str
    """Our address as the outside knows it."""
    app: str
    """The app host's."""

    @property
    def dpop(self) -> DpopVerifier:
        """Proofs of possession; what was used is remembered for all gateways together."""
        return DpopVerifier(self.clock, self.replays)


@dataclass(frozen=True)
class Pushing:
    """The slice `push`: what others ring and write with."""

    outbox: OutboxService
    doorbell: DoorbellService
    hub: LiveHub


@dataclass(frozen=True)
class Pairing:
    """The slice `pairing`: what others ask of it."""

    links: LinkService
    life: LinkLife
    computers: ComputerService


@dataclass(frozen=True)
class Mounted:
    """What the gateway's process still needs when every slice stands."""

    life: LinkLife
    pki: PkiRoutes
    """They stand on the plain listener too."""


async def mount_slices(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Mounted:
    """Make every slice, join them, add their routes."""
    credentials = CredentialService(ground.database, ground.clock)
    push = mount_push(app, ground, stack)
    signing = await make_signing(ground, stack, push, credentials)
    pairing = mount_pairing(app, ground, push, credentials, signing)
    mount_oauth(app, ground, pairing)
    mount_csc(app, ground, pairing, credentials, signing)
    mount_verification(app, ground)
    pki = mount_issuance(app, ground, credentials)
    return Mounted(pairing.life, pki)


def mount_push(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Pushing:
    """Reaching people. Carriers by settings; the development inbox where there are none."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    carriers: dict[Kind, Carrier] = {Kind.DOORBELL: LiveBells(database)}
    if settings.push.twilio is not None:
        twilio = TwilioSms(settings.push.twilio, clock)
        stack.push_async_callback(twilio.close)
        carriers[Kind.SMS] = twilio
    if settings.push.smtp is not None:
        carriers[Kind.EMAIL] = SmtpEmail(settings.push.smtp)
    if settings.environment == "development":
        inbox = DevelopmentInbox()
        for kind in (Kind.SMS, Kind.EMAIL):
            carriers.setdefault(kind, inbox.carrier(kind))
        app.add_routes(inbox_routes(inbox))
    seal = Seal(settings.gateway_key("outbox"))
    numbers = PushNumbers(ground.metrics.registry)
    worker = OutboxWorker(database, clock, seal, carriers, numbers=numbers)
    outbox = OutboxService(database, clock, seal, worker)
    hub = LiveHub(database, clock, numbers=numbers)

    async def let_streams_go(_app: web.Application) -> None:
        hub.close()

    app.on_shutdown.append(let_streams_go)
    for work in (worker.run(), hub.run(), LiveListener(settings.dsn("gateway"), hub.tell).run()):
        in_background(stack, work)
    return Pushing(outbox, DoorbellService(database, clock, outbox), hub)


async def make_signing(
    ground: Ground, stack: AsyncExitStack, push: Pushing, credentials: CredentialService
) -> SigningService:
    """A signature request's life. It has no routes: a dialect speaks for it."""
    database, clock = ground.database, ground.clock
    wakeups = await stack.enter_async_context(PostgresWakeups(database, ground.settings.dsn("gateway")))
    return SigningService(
        database,
        clock,
        ground.audit,
        sam=SigningSam(ground.sams),
        doorbell=BellService(database, clock, push.doorbell),
        credentials=CredentialsOfSigning(credentials),
        wakeups=wakeups,
        commits=ground.commits,
    )


def mount_pairing(
    app: web.Application, ground: Ground, push: Pushing, credentials: CredentialService, signing: SigningService
) -> Pairing:
    """Phones and computers; and the stream of each phone, which pairing knows and push rings."""
    database, clock, audit = ground.database, ground.clock, ground.audit
    sam = PairingSam(ground.sams)
    holders = HoldersOfPairing(credentials)
    letters = LettersOfPairing(database, clock, credentials, push.outbox)
    code_key = CodeKey(ground.settings.gateway_key("pairing"))
    phones = PhoneService(
        database,
        clock,
        audit,
        code_key=code_key,
        holders=holders,
        sms=push.outbox,
        sam=sam,
        letters=letters,
        app_host=ground.app.partition("://")[2],
        messages_per_day=ground.settings.pairing.messages_per_day,
    )
    life = LinkLife(database, clock, audit, code_key, sam)
    links = LinkService(database, clock, audit, life=life, holders=holders, letters=letters, app=ground.app)
    scans = ScanService(database, clock, audit, life=life, sam=sam, app=ground.app)
    warnings = WarningService(database, clock, audit, doorbell=push.doorbell, letters=letters)
    decisions = DecisionService(
        database,
        clock,
        audit,
        sam=sam,
        holders=holders,
        doorbell=push.doorbell,
        callers=signing,
        letters=letters,
        scans=scans,
        warnings=warnings,
        commits=ground.commits,
    )
    computers = ComputerService(database, clock, audit, sam)
    doorkeeper = Doorkeeper(ground.dpop, phones, ground.origin, ground.proxies)
    app.add_routes(pairing_routes(doorkeeper, phones, decisions, links, scans, computers, warnings))
    app.add_routes(live_routes(push.hub, DevicesOfPush(doorkeeper)))
    return Pairing(links, life, computers)


def mount_oauth(app: web.Application, ground: Ground, pairing: Pairing) -> None:
    """Who is calling: tokens for programs, and the page where a holder identifies."""
    database, clock, audit = ground.database, ground.clock, ground.audit
    endpoints = OAuthEndpoints(
        issuer=ground.origin,
        clock=clock,
        authentication=ClientAuthentication(
            OAuthStore(database),
            pairing.computers,
            AssertionVerifier(clock, ground.replays),
            frozenset({ground.origin, ground.origin + TOKEN_PATH}),
        ),
        tokens=TokenService(database, clock, audit, computers=pairing.computers),
        dpop=ground.dpop,
        trusted_proxies=ground.proxies,
    )
    pages = PageService(database, clock, audit, links=LinksOfOAuth(pairing.links), issuer=ground.origin)
    app.add_routes(endpoints.routes())
    app.add_routes(AuthorizePages(pages, ground.proxies).routes())


def mount_csc(
    app: web.Application,
    ground: Ground,
    pairing: Pairing,
    credentials: CredentialService,
    signing: SigningService,
) -> None:
    """The first dialect of the signing API."""
    callers = CallerService(ground.database, ground.clock, dpop=ground.dpop, computers=pairing.computers)
    csc = CscV2(
        clock=ground.clock,
        authenticator=Authenticator(callers, ground.origin),
        credentials=credentials,
        signing=signing,
        issuer=ground.origin,
        app_url=ground.app,
    )
    app.add_routes(csc.routes())


def make_documents(ground: Ground) -> DocumentService:
    """Signatures in documents. It has no routes of its own: dialects prepare and finish with it.

    Time stamps are the settings' authorities'; in development without any, the test authority's in the AC.
    """
    settings = ground.settings.documents
    authorities: list[TimeStampingAuthority] = [
        HttpTsa(
            each.url,
            seconds=each.seconds,
            authorization=None if each.authorization is None else each.authorization.get_secret_value(),
        )
        for each in settings.time_stamping
    ]
    if not authorities and ground.settings.environment == "development":
        authorities = [AuthorityTsa(ground.ac)]
    return DocumentService(
        ground.clock,
        policies=read_policies(settings.policies),
        time_stamps=TimeStampClient(authorities) if authorities else None,
        evidences=AuthorityEvidence(ground.ac),
    )


def mount_verification(app: web.Application, ground: Ground) -> None:
    """*Verificar assinatura*, for anybody."""
    settings = ground.settings.documents
    verification = VerificationService(
        ground.clock,
        roots=read_roots(settings.roots),
        evidences=AuthorityEvidence(ground.ac),
        at_once=settings.verifications,
    )
    app.add_routes(VerifyPages(verification, ground.clock, ground.proxies).routes())


def mount_issuance(app: web.Application, ground: Ground, credentials: CredentialService) -> PkiRoutes:
    """The emission page's relay, and the authority's files."""
    ac = AcOverChannel(ground.ac)
    captcha = AltchaCaptcha(ground.settings.gateway_key("captcha"), ground.clock)
    sam = EmissionSam(ground.sams)
    relay = EmissionRelay(ground.database, ac, sam, captcha, ground.replays, credentials, ground.clock)
    app.add_routes(EmissionRoutes(relay, ground.dpop, ground.origin, ground.proxies).routes())
    pki = PkiRoutes(ac, ground.clock, ground.proxies)
    app.add_routes(pki.routes())
    return pki
