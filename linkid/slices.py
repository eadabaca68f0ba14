"""The slices of the gateway, each made and mounted by one function, in the order in which they need one another.

What one slice needs of another is a port of its own; `linkid.joins` speaks them. Nothing here decides anything.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from foundation.audit import AuditChain
from foundation.channel import PrivateClient
from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import AssertionVerifier, DatabaseReplayCache, DpopVerifier
from foundation.errors import Unavailable
from foundation.group_commit import GroupCommit
from foundation.logs import get_logger
from foundation.web import HttpMetrics
from foundation.web.caller import Network
from foundation.web.certificates import CertificateReader
from hsm_service.credentials.service import CredentialService, Identifications
from hsm_service.csc.web import CscV1, CscV2, OAuthV1
from hsm_service.csc.web.documents import DocumentCalls
from hsm_service.csc.web.oauth1 import REVOKE_PATH as REVOKE_PATH_V1
from hsm_service.csc.web.oauth1 import TOKEN_PATH as TOKEN_PATH_V1
from hsm_service.documents.adapters.authority import AuthorityEvidence, AuthorityTsa
from hsm_service.documents.adapters.files import read_policies, read_roots
from hsm_service.documents.adapters.http_tsa import HttpTsa
from hsm_service.documents.ports import TimeStampingAuthority
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.time_stamps import TimeStampClient
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.service.workshop import Nursery, Workshop
from hsm_service.documents.web.verify import PATH as VERIFY_PATH
from hsm_service.documents.web.verify import VerifyPages
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.service.introspection import IntrospectionService
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.service.requests import RequestService
from hsm_service.oauth.service.signing_pages import SigningPages
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.store import ClientStore, TokenStore
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.bearer import Authenticator
from hsm_service.oauth.web.clients import ClientReader
from hsm_service.oauth.web.endpoints import CSC_V1, RFC, Manners, OAuthEndpoints
from hsm_service.oauth.web.metadata import audiences
from hsm_service.psc.service.holders import Holders as PscHolders
from hsm_service.psc.service.outcomes import Outcomes
from hsm_service.psc.service.start_bells import StartBells
from hsm_service.psc.web.mounting import Parts as PscParts
from hsm_service.psc.web.mounting import psc_routes
from hsm_service.registration.service.applications import ApplicationService as RegisteredApplications
from hsm_service.registration.service.sign_ins import SignInService
from hsm_service.registration.web.pages import BACK as REGISTRATION_BACK
from hsm_service.registration.web.pages import RegistrationPages
from hsm_service.signing.adapters.explicit import ExplicitOverChannel
from hsm_service.signing.adapters.sam import SamOverChannel as SigningSam
from hsm_service.signing.adapters.wakeups import PostgresWakeups
from hsm_service.signing.service import SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from hsm_service.signing.service.preparations import PreparationService
from hsm_service.signing.service.responses import ResponseService
from hsm_service.signing.service.waiting import WaitingCalls
from hsm_service.webhooks.service import AddressService as WebhookAddresses
from hsm_service.webhooks.service import Telling
from hsm_service.webhooks.web import WebhookKeys
from issuance.adapters.altcha import AltchaCaptcha
from issuance.adapters.channels import AcOverChannel
from issuance.adapters.channels import SamOverChannel as EmissionSam
from issuance.service import EmissionRelay
from issuance.web import EmissionRoutes, PkiRoutes
from linkid.apidocs.pages import ApiPages
from linkid.dialects import dialects
from linkid.joins import (
    CallersOfPairing,
    CallsOfPsc,
    CredentialsOfSigning,
    DevicesOfPush,
    DocumentsOfPsc,
    HoldersOfPairing,
    HoldersOfRegistration,
    LettersOfPairing,
    LinksOfOAuth,
    NoticesOfSigning,
    NumbersOfPush,
    PostsOfPsc,
    SignaturesOfOAuth,
    WebhooksOfRegistration,
)
from linkid.running import in_background
from linkid.settings import Settings
from pairing.adapters.sam_channel import SamOverChannel as PairingSam
from pairing.domain.codes import CodeKey
from pairing.service.admissions import AdmissionService
from pairing.service.bells import BellService
from pairing.service.blocks import BlockService
from pairing.service.calls import CallService
from pairing.service.computers import ComputerService
from pairing.service.consents import ConsentService
from pairing.service.decisions import DecisionService
from pairing.service.link_life import LinkLife
from pairing.service.links import LinkService
from pairing.service.numbers import PairingNumbers
from pairing.service.passkeys import PasskeyService
from pairing.service.pauses import PauseService
from pairing.service.phones import PhoneService
from pairing.service.possessions import PossessionService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.web import Doorkeeper, pairing_routes
from protocol import pins
from push.adapters.inbox import DevelopmentInbox
from push.adapters.live_bells import LiveBells, LiveListener
from push.adapters.smtp_email import SmtpEmail
from push.adapters.twilio_sms import TwilioSignature, TwilioSms
from push.adapters.web_push import WebPushService
from push.adapters.webhooks import WebhookCarrier
from push.domain.addresses import AddressBook, AddressKind, application_server_key, vapid_key
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.domain.webhooks import WebhookSigner
from push.ports import Carrier, PushService
from push.service.addresses import AddressService, PushCarrier
from push.service.bells import DoorbellService
from push.service.deliveries import DeliveryService
from push.service.live import LiveHub
from push.service.numbers import PushNumbers
from push.service.outbox import OutboxService, OutboxWorker
from push.web import CALLBACK_PATH, address_routes, callback_routes, inbox_routes, live_routes

_log = get_logger(__name__)


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
    def certificates(self) -> CertificateReader:
        """Of the connections of programs that show one."""
        mtls = self.settings.mtls
        return CertificateReader(mtls.header if mtls else None, self.proxies)

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
    seal: Seal
    numbers: PushNumbers
    addresses: AddressService


@dataclass(frozen=True)
class Webhooks:
    """The slice `webhooks`: telling applications, and what that is sent with."""

    telling: Telling
    outbox: OutboxService


@dataclass(frozen=True)
class Pairing:
    """The slice `pairing`: what others ask of it."""

    links: LinkService
    life: LinkLife
    computers: ComputerService
    calls: CallService
    pauses: PauseService


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


@dataclass(frozen=True)
class Documents:
    """The slice `documents`: what dialects prepare, finish and stamp with."""

    service: DocumentService
    time_stamps: TimeStampClient | None


@dataclass(frozen=True)
class Mounted:
    """What the gateway's process still needs when every slice stands."""

    life: LinkLife
    signing: SigningService
    pki: PkiRoutes
    """They stand on the plain listener too."""
    pauses: PauseService


async def mount_slices(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Mounted:
    """Make every slice, join them, add their routes."""
    identifications = Identifications(ground.database, ground.settings.gateway_key("identification"))
    in_background(stack, caught_up(identifications))
    credentials = CredentialService(ground.database, ground.clock, identifications=identifications)
    push = mount_push(app, ground, stack)
    webhooks = mount_webhooks(app, ground, stack, push)
    telling = webhooks.telling
    development = ground.settings.environment == "development"
    posts = PostsOfPsc(webhooks.outbox, development=development)
    outcomes = Outcomes(ground.database, ground.clock, posts, ground.settings.gateway_key("psc-outcomes"))
    starts = StartBells(ground.database, ground.clock)
    signing = await make_signing(ground, stack, push, credentials, NoticesOfSigning(telling, outcomes, starts))
    in_background(stack, outcomes.run(signing))
    explicit = make_explicit(ground, credentials)
    pairing = mount_pairing(app, ground, stack, push, credentials, CallersOfPairing(signing, telling, starts), explicit)
    oauth = mount_oauth(app, ground, pairing, credentials, signing)
    nursery = Nursery()
    stack.callback(nursery.close)
    documents = make_documents(ground, nursery)
    psc_holders = PscHolders(credentials, identifications)
    mount_psc(app, ground, pairing, oauth, psc_holders, signing, explicit, documents, outcomes, starts, posts)
    in_background(stack, starts.run())
    mount_csc(app, ground, pairing, oauth, credentials, signing, explicit, documents)
    mount_registration(app, ground, oauth, credentials, identifications, telling)
    mount_verification(app, ground, nursery)
    pki = mount_issuance(app, ground, credentials)
    app.add_routes(ApiPages(ground.origin).routes())
    return Mounted(pairing.life, signing, pki, pairing.pauses)


def mount_push(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Pushing:
    """Reaching people. Carriers by settings; the development inbox where there are none."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    numbers = PushNumbers(ground.metrics.registry)
    carriers: dict[Kind, Carrier] = {Kind.DOORBELL: LiveBells(database)}
    if settings.push.twilio is not None:
        token = settings.push.twilio.auth_token
        callback = None if token is None else ground.origin + CALLBACK_PATH
        twilio = TwilioSms(settings.push.twilio, clock, callback=callback)
        stack.push_async_callback(twilio.close)
        carriers[Kind.SMS] = twilio
        if token is not None:
            signature = TwilioSignature(token.get_secret_value())
            app.add_routes(callback_routes(DeliveryService(database, signature, numbers), ground.origin))
    if settings.push.smtp is not None:
        carriers[Kind.EMAIL] = SmtpEmail(settings.push.smtp)
    if settings.environment == "development":
        inbox = DevelopmentInbox()
        for kind in (Kind.SMS, Kind.EMAIL):
            carriers.setdefault(kind, inbox.carrier(kind))
        app.add_routes(inbox_routes(inbox))
    seal = Seal(settings.gateway_key("outbox"))
    book = AddressBook(settings.gateway_key("push-addresses"))
    services = _push_services(ground, stack)
    if services:
        carriers[Kind.PUSH] = PushCarrier(database, clock, book, services, numbers=numbers)
    worker = OutboxWorker(database, clock, seal, carriers, numbers=numbers)
    outbox = OutboxService(database, clock, seal, worker)
    hub = LiveHub(database, clock, numbers=numbers)

    async def let_streams_go(_app: web.Application) -> None:
        await hub.drain()

    app.on_shutdown.append(let_streams_go)
    listener = LiveListener(settings.dsn("gateway"), hub.tell, hub.hang_up)
    for work in (worker.run(), hub.run(), hub.beat(), listener.run()):
        in_background(stack, work)
    web_push = settings.push.webpush
    addresses = AddressService(
        database,
        clock,
        book,
        vapid=None if web_push is None else application_server_key(_vapid(settings)),
        fcm=AddressKind.FCM in services,
        hosts=() if web_push is None else web_push.hosts,
    )
    doorbell = DoorbellService(database, clock, outbox, pushing=bool(services))
    return Pushing(outbox, doorbell, hub, seal, numbers, addresses)


def _push_services(ground: Ground, stack: AsyncExitStack) -> dict[AddressKind, PushService]:
    """Those that are set up, by the kind of address that they ring at."""
    chosen, services = ground.settings.push, dict[AddressKind, PushService]()
    if chosen.webpush is not None:
        browsers = WebPushService(_vapid(ground.settings), chosen.webpush.contact, ground.clock)
        stack.push_async_callback(browsers.close)
        services[AddressKind.WEBPUSH] = browsers
    if chosen.fcm is not None:
        from push.adapters.firebase import FirebasePushService  # 40 MB that few need

        firebase = FirebasePushService(chosen.fcm.service_account.get_secret_value(), ground.clock)
        stack.push_async_callback(firebase.close)
        services[AddressKind.FCM] = firebase
    return services


def _vapid(settings: Settings) -> EllipticCurvePrivateKey:
    return vapid_key(settings.gateway_key("vapid"))


def mount_webhooks(app: web.Application, ground: Ground, stack: AsyncExitStack, push: Pushing) -> Webhooks:
    """Telling applications. A worker of its own: a slow receiver keeps nobody's doorbell waiting."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    signer = WebhookSigner(settings.gateway_key("webhooks"))
    carrier = WebhookCarrier(signer, clock, development=settings.environment == "development")
    stack.push_async_callback(carrier.close)
    worker = OutboxWorker(database, clock, push.seal, {Kind.WEBHOOK: carrier}, numbers=push.numbers)
    outbox = OutboxService(database, clock, push.seal, worker)
    telling = Telling(database, clock, outbox)
    for work in (worker.run(), telling.run()):
        in_background(stack, work)
    app.add_routes(WebhookKeys(signer.keys()).routes())
    return Webhooks(telling, outbox)


async def make_signing(
    ground: Ground, stack: AsyncExitStack, push: Pushing, credentials: CredentialService, notices: NoticesOfSigning
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
        notices=notices,
        commits=ground.commits,
    )


def make_explicit(ground: Ground, credentials: CredentialService) -> ExplicitSigning:
    """Signing with factors that applications send: where the operator allows it, encrypted to the SAM at once."""
    settings = ground.settings
    sam = None
    if settings.explicit.enabled:
        # The SAM's root is pinned by a file, here as on every client: passwords are encrypted to no other key.
        roots = pins.roots(settings.places.trust.read_bytes(), "sam")
        sam = ExplicitOverChannel(ground.sams, ground.clock, roots)
    return ExplicitSigning(
        ground.database,
        ground.clock,
        ground.audit,
        sam=sam,
        credentials=CredentialsOfSigning(credentials),
        settings=settings.explicit,
        commits=ground.commits,
    )


def mount_pairing(
    app: web.Application,
    ground: Ground,
    stack: AsyncExitStack,
    push: Pushing,
    credentials: CredentialService,
    callers: CallersOfPairing,
    explicit: ExplicitSigning,
) -> Pairing:
    """Phones and computers; and the stream of each phone, which pairing knows and push rings."""
    database, clock, audit = ground.database, ground.clock, ground.audit
    sam = PairingSam(ground.sams)
    holders = HoldersOfPairing(credentials)
    letters = LettersOfPairing(database, clock, credentials, push.outbox)
    code_key = CodeKey(ground.settings.gateway_key("pairing"))
    numbers = PairingNumbers(ground.metrics.registry)
    pauses = PauseService(database, audit, numbers)
    phones = PhoneService(
        database,
        clock,
        audit,
        code_key=code_key,
        holders=holders,
        sms=push.outbox,
        sam=sam,
        letters=letters,
        doorbell=push.doorbell,
        app_host=ground.app.partition("://")[2],
        settings=ground.settings.pairing,
        pauses=pauses,
        numbers=numbers,
    )
    life = LinkLife(database, clock, audit, code_key, sam, callers)
    links = LinkService(database, clock, audit, life=life, holders=holders, letters=letters, app=ground.app)
    scans = ScanService(database, clock, audit, life=life, sam=sam, app=ground.app)
    warnings = WarningService(database, clock, audit, doorbell=push.doorbell, letters=letters)
    admissions = AdmissionService(database, clock, audit, sam=sam, letters=letters, warnings=warnings)
    passkeys = PasskeyService(clock, sam=sam, letters=letters)
    decisions = DecisionService(
        database,
        clock,
        audit,
        sam=sam,
        holders=holders,
        doorbell=push.doorbell,
        callers=callers,
        letters=letters,
        scans=scans,
        warnings=warnings,
        admissions=admissions,
        passkeys=passkeys,
        commits=ground.commits,
    )
    computers = ComputerService(database, clock, audit, sam)
    blocks = BlockService(database, audit, sam, warnings)
    possessions = PossessionService(database, clock, audit, sam=sam, letters=letters, phones=phones)
    consents = ConsentService(database, audit, sam, offered=ground.settings.explicit.enabled)
    explicit.also_tell(warnings)
    doorkeeper = Doorkeeper(ground.dpop, phones, ground.origin, ground.proxies)
    app.add_routes(
        pairing_routes(
            doorkeeper,
            phones,
            decisions,
            links,
            scans,
            computers,
            warnings,
            blocks,
            possessions,
            consents,
            admissions,
            passkeys,
        )
    )
    devices = DevicesOfPush(doorkeeper)
    in_background(stack, push.hub.check(devices))
    app.add_routes([*live_routes(push.hub, devices), *address_routes(push.addresses, devices)])
    if ground.settings.push.sms_for_requests:
        push.doorbell.also_by_sms(NumbersOfPush(phones))
    calls = CallService(database, clock, life=life, links=links, scans=scans, doorbell=push.doorbell)
    return Pairing(links, life, computers, calls, pauses)


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


def mount_psc(
    app: web.Application,
    ground: Ground,
    pairing: Pairing,
    oauth: OAuth,
    holders: PscHolders,
    signing: SigningService,
    explicit: ExplicitSigning,
    documents: Documents,
    outcomes: Outcomes,
    starts: StartBells,
    posts: PostsOfPsc,
) -> None:
    """The Brazilian dialect, once for each vendor's variant."""
    parts = PscParts(
        database=ground.database,
        clock=ground.clock,
        audit=ground.audit,
        settings=ground.settings.psc,
        clients=oauth.reader,
        pace=oauth.pace,
        pages=oauth.page_service,
        shown=oauth.pages,
        holders=holders,
        signing=signing,
        explicit=explicit,
        outcomes=outcomes,
        bells=starts,
        calls=CallsOfPsc(pairing.calls),
        posts=posts,
        key=ground.settings.gateway_key("psc-starts"),
        documents=DocumentsOfPsc(documents.service, ground.origin + VERIFY_PATH),
        origin=ground.origin,
        environment=ground.settings.environment,
        proxies=ground.proxies,
    )
    app.add_routes(psc_routes(parts))


def mount_registration(
    app: web.Application,
    ground: Ground,
    oauth: OAuth,
    credentials: CredentialService,
    identifications: Identifications,
    telling: Telling,
) -> None:
    """The page where owners register applications."""
    database, clock, audit, origin = ground.database, ground.clock, ground.audit, ground.origin
    development = ground.settings.environment == "development"
    sign_ins = SignInService(
        database,
        clock,
        pages=oauth.page_service,
        holders=HoldersOfRegistration(credentials, identifications),
        back=origin + REGISTRATION_BACK,
    )
    pages = RegistrationPages(
        sign_ins,
        RegisteredApplications(database, clock, audit),
        WebhooksOfRegistration(WebhookAddresses(database, clock, audit, development=development), telling),
        oauth.pages,
        origin=origin,
        dialects=dialects(origin),
        calls_per_minute=oauth.pace.per_minute,
        proxies=ground.proxies,
    )
    app.add_routes(pages.routes())


async def caught_up(identifications: Identifications) -> None:
    """Credentials from before the table of identifications are found by their number too, soon after the start."""
    try:
        await identifications.catch_up()
    except Unavailable as error:
        _log.warning("identifications_put_off", error_code=error.code)


def mount_csc(
    app: web.Application,
    ground: Ground,
    pairing: Pairing,
    oauth: OAuth,
    credentials: CredentialService,
    signing: SigningService,
    explicit: ExplicitSigning,
    documents: Documents,
) -> None:
    """The first dialect of the signing API, in both its versions."""
    database, clock = ground.database, ground.clock
    callers = CallerService(database, clock, dpop=ground.dpop, computers=pairing.computers, pace=oauth.pace)
    authenticator = Authenticator(callers, ground.origin, ground.certificates)
    responses = ResponseService(database, clock, signing)
    document_calls = DocumentCalls(
        clock,
        signing,
        documents.service,
        documents.time_stamps,
        preparations=PreparationService(database, clock),
        responses=responses,
        verification=ground.origin + VERIFY_PATH,
    )
    second = CscV2(
        clock=clock,
        authenticator=authenticator,
        credentials=credentials,
        signing=signing,
        explicit=explicit,
        responses=responses,
        documents=document_calls,
        issuer=ground.origin,
        app_url=ground.app,
    )
    first = CscV1(
        clock=clock,
        authenticator=authenticator,
        credentials=credentials,
        signing=signing,
        explicit=explicit,
        waiting=WaitingCalls(signing),
        documents=document_calls,
        clients=oauth.clients,
        tokens=oauth.tokens,
        base_url=ground.origin,
        app_url=ground.app,
        wait_seconds=ground.settings.csc.authorize_seconds,
    )
    # API 1's own token addresses first: its last route answers for all that is not there.
    app.add_routes(OAuthV1(oauth.endpoints, oauth.pages).routes())
    app.add_routes([*second.routes(), *first.routes()])


def make_time_stamps(ground: Ground) -> TimeStampClient | None:
    """Time stamps are the settings' authorities'; in development without any, the test authority's in the AC."""
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
    return TimeStampClient(authorities) if authorities else None


def make_documents(ground: Ground, nursery: Nursery) -> Documents:
    """Signatures in documents. It has no routes of its own: dialects prepare and finish with it."""
    time_stamps, settings = make_time_stamps(ground), ground.settings.documents
    service = DocumentService(
        ground.clock,
        policies=read_policies(settings.policies),
        time_stamps=time_stamps,
        evidences=AuthorityEvidence(ground.ac),
        parsing=Workshop(nursery, at_once=settings.readings),
    )
    return Documents(service, time_stamps)


def mount_verification(app: web.Application, ground: Ground, nursery: Nursery) -> None:
    """*Verificar assinatura*, for anybody."""
    settings = ground.settings.documents
    verification = VerificationService(
        ground.clock,
        Workshop(nursery, at_once=settings.verifications),
        roots=read_roots(settings.roots),
        evidences=AuthorityEvidence(ground.ac),
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
