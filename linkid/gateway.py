"""The gateway, put together: slices joined, routes mounted, listeners opened. Read it from top to bottom once.

The gateway holds no PIN and writes nothing that consent rests on; what it is trusted with is availability and privacy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from foundation.audit import AuditChain
from foundation.channel import PrivateClient
from foundation.clock import Clock, SystemClock
from foundation.database import Database, open_pool
from foundation.dpop import AssertionVerifier, DatabaseReplayCache, DpopVerifier
from foundation.tls import server_context
from foundation.web import (
    Cors,
    ErrorTable,
    Health,
    HttpMetrics,
    SecurityHeaders,
    health_routes,
    metrics_route,
    new_app,
    serve,
)
from foundation.web.caller import Network
from hsm_service.credentials.service import CredentialService
from hsm_service.csc.problems import DIALECT as CSC_ERRORS
from hsm_service.csc.web import CscV2
from hsm_service.oauth.problems import DIALECT as OAUTH_ERRORS
from hsm_service.oauth.problems import PREFIXES as OAUTH_PREFIXES
from hsm_service.oauth.service.authentication import ClientAuthentication
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.service.pages import PageService
from hsm_service.oauth.service.tokens import TokenService
from hsm_service.oauth.store import OAuthStore
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.bearer import Authenticator
from hsm_service.oauth.web.endpoints import OAuthEndpoints
from hsm_service.signing.adapters.sam import SamOverChannel as SigningSam
from hsm_service.signing.adapters.wakeups import PostgresWakeups
from hsm_service.signing.service import SigningService
from issuance.adapters.altcha import AltchaCaptcha
from issuance.adapters.channels import AcOverChannel
from issuance.adapters.channels import SamOverChannel as EmissionSam
from issuance.service import EmissionRelay
from issuance.store import forget_visits
from issuance.web import EmissionRoutes, PkiRoutes
from linkid.joins import (
    CallersOfPairing,
    CredentialsOfSigning,
    DevicesOfPush,
    HoldersOfPairing,
    LettersOfPairing,
    LinksOfOAuth,
)
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
from pairing.store import forget as forget_pairings
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
from push.service.outbox import OutboxService, OutboxWorker
from push.store import forget as forget_messages
from push.web import inbox_routes, live_routes

_SWEEP_SECONDS = 300.0
_REMEMBERED = timedelta(days=2)
"""Longer than any window that limits or codes look back at."""


@dataclass(frozen=True)
class Ground:
    """What every slice stands on."""

    settings: Settings
    clock: Clock
    database: Database
    audit: AuditChain
    sams: PrivateClient
    ac: PrivateClient
    replays: DatabaseReplayCache
    proxies: tuple[Network, ...]
    origin: str
    """Our address as the outside knows it."""


@dataclass(frozen=True)
class Pushing:
    """The slice `push`, running."""

    outbox: OutboxService
    doorbell: DoorbellService
    hub: LiveHub
    inbox: DevelopmentInbox | None


async def run_gateway(settings: Settings, clock: Clock | None = None) -> None:
    """Serve until cancelled. Raises OSError when a port is taken, Unavailable without a database."""
    async with serving_gateway(settings, clock):
        await asyncio.Event().wait()


@asynccontextmanager
async def serving_gateway(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Ground]:
    """A serving gateway for as long as the block runs."""
    async with AsyncExitStack() as stack:
        ground = await _open_ground(settings, clock or SystemClock(), stack)
        health, metrics = _health(ground), HttpMetrics()
        app = new_app(
            # the authorize page's own calls answer in our words: it shows them to people
            errors=ErrorTable(by_prefix={"/csc": CSC_ERRORS, **dict.fromkeys(OAUTH_PREFIXES, OAUTH_ERRORS)}),
            security=SecurityHeaders(https=ground.origin.startswith("https://")),
            cors=Cors(origins=(settings.url("app"),)),
            metrics=metrics,
        )
        pki = await _mount(app, ground, stack)
        tls = None if settings.tls is None else server_context(settings.tls.certificate, settings.tls.key)
        listener = settings.gateway
        await stack.enter_async_context(await serve(app, listener.host, listener.port, tls=tls, health=health))
        plain = new_app()
        plain.add_routes(pki.routes())
        await stack.enter_async_context(await serve(plain, settings.pki.host, settings.pki.port))
        private = new_app()
        private.add_routes([*health_routes(health), metrics_route(metrics.registry)])
        await stack.enter_async_context(await serve(private, settings.health.host, settings.health.port))
        yield ground


async def _open_ground(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Ground:
    dsn = settings.dsn("gateway")
    database = Database(await open_pool(dsn, max_size=20, application_name=f"linkid-gateway-{settings.gateway.number}"))
    stack.push_async_callback(database.close)
    chain = f"gateway-{settings.gateway.number}"
    tls = settings.private_tls.files if settings.private_tls else None
    return Ground(
        settings=settings,
        clock=clock,
        database=database,
        audit=AuditChain(database, chain, clock),  # no head outside: the gateway is believed in nothing
        sams=await stack.enter_async_context(PrivateClient(settings.sam_targets(), tls=tls)),
        ac=await stack.enter_async_context(PrivateClient(settings.ac_address, tls=tls)),
        replays=DatabaseReplayCache(database),
        proxies=settings.gateway.proxies,
        origin=settings.url("gateway"),
    )


def _health(ground: Ground) -> Health:
    health = Health()
    health.add("database", ground.database.ping)
    health.add("sam", lambda: ground.sams.call("status", {}))
    health.add("ac", lambda: ground.ac.call("status", {}))
    return health


async def _mount(app: web.Application, ground: Ground, stack: AsyncExitStack) -> PkiRoutes:
    """Make every service, join them, add their routes. Returns the routes that also stand on the plain listener."""
    settings, clock, database, audit = ground.settings, ground.clock, ground.database, ground.audit
    dpop = DpopVerifier(clock, ground.replays)
    credentials = CredentialService(database, clock)
    push = await _push(app, ground, stack)

    # pairing: phones and computers
    sam = PairingSam(ground.sams)
    holders = HoldersOfPairing(credentials)
    code_key = CodeKey(settings.gateway_key("pairing"))
    callers = CallersOfPairing()
    letters = LettersOfPairing(database, clock, credentials, push.outbox)
    letters = LettersOfPairing(database, clock, credentials, push.outbox)
    phones = PhoneService(
        database,
        clock,
        audit,
        code_key=code_key,
        holders=holders,
        sms=push.outbox,
        sam=sam,
        letters=letters,
        app_host=settings.url("app").partition("://")[2],
        messages_per_day=settings.pairing.messages_per_day,
    )
    life = LinkLife(database, clock, audit, code_key, sam)
    app_url = settings.url("app")
    links = LinkService(database, clock, audit, life=life, holders=holders, letters=letters, app=app_url)
    scans = ScanService(database, clock, audit, life=life, sam=sam, app=app_url)
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
    )
    computers = ComputerService(database, clock, audit, sam)
    doorkeeper = Doorkeeper(dpop, phones, ground.origin, ground.proxies)
    app.add_routes(pairing_routes(doorkeeper, phones, decisions, links, scans, computers))
    app.add_routes(live_routes(push.hub, DevicesOfPush(doorkeeper)))

    # signing: a request's life
    wakeups = await stack.enter_async_context(PostgresWakeups(database, settings.dsn("gateway")))
    signing = SigningService(
        database,
        clock,
        audit,
        sam=SigningSam(ground.sams),
        doorbell=BellService(database, clock, push.doorbell),
        credentials=CredentialsOfSigning(credentials),
        wakeups=wakeups,
    )
    callers.join(signing)

    # oauth: who is calling; csc: the first dialect
    store = OAuthStore(database)
    assertions = AssertionVerifier(clock, ground.replays)
    audiences = frozenset({ground.origin, f"{ground.origin}/oauth2/token"})
    endpoints = OAuthEndpoints(
        issuer=ground.origin,
        clock=clock,
        authentication=ClientAuthentication(store, computers, assertions, audiences),
        tokens=TokenService(database, clock, audit, computers=computers),
        dpop=dpop,
        trusted_proxies=ground.proxies,
    )
    pages = PageService(database, clock, audit, links=LinksOfOAuth(links), issuer=ground.origin)
    app.add_routes(endpoints.routes())
    app.add_routes(AuthorizePages(pages, ground.proxies).routes())
    authenticator = Authenticator(CallerService(database, clock, dpop=dpop, computers=computers), ground.origin)
    csc = CscV2(
        clock=clock,
        authenticator=authenticator,
        credentials=credentials,
        signing=signing,
        issuer=ground.origin,
        app_url=settings.url("app"),
    )
    app.add_routes(csc.routes())

    # issuance: the emission page's relay, and the authority's files
    ac = AcOverChannel(ground.ac)
    captcha = AltchaCaptcha(settings.gateway_key("captcha"), clock)
    relay = EmissionRelay(database, ac, EmissionSam(ground.sams), captcha, ground.replays, credentials, clock)
    app.add_routes(EmissionRoutes(relay, dpop, ground.origin, ground.proxies).routes())
    pki = PkiRoutes(ac, clock, ground.proxies)
    app.add_routes(pki.routes())

    _in_background(stack, _sweep(ground, life))
    return pki


async def _push(app: web.Application, ground: Ground, stack: AsyncExitStack) -> Pushing:
    """Carriers by settings; the development inbox where there are none."""
    settings, clock, database = ground.settings, ground.clock, ground.database
    carriers: dict[Kind, Carrier] = {Kind.DOORBELL: LiveBells(database)}
    inbox = DevelopmentInbox() if settings.environment == "development" else None
    if settings.push.twilio is not None:
        twilio = TwilioSms(settings.push.twilio, clock)
        stack.push_async_callback(twilio.close)
        carriers[Kind.SMS] = twilio
    if settings.push.smtp is not None:
        carriers[Kind.EMAIL] = SmtpEmail(settings.push.smtp)
    if inbox is not None:
        for kind in (Kind.SMS, Kind.EMAIL):
            carriers.setdefault(kind, inbox.carrier(kind))
        app.add_routes(inbox_routes(inbox))
    seal = Seal(settings.gateway_key("outbox"))
    worker = OutboxWorker(database, clock, seal, carriers)
    outbox = OutboxService(database, clock, seal, worker)
    hub = LiveHub(database, clock)

    async def let_streams_go(_app: web.Application) -> None:
        hub.close()

    app.on_shutdown.append(let_streams_go)
    for work in (worker.run(), hub.run(), LiveListener(settings.dsn("gateway"), hub.tell).run()):
        _in_background(stack, work)
    return Pushing(outbox, DoorbellService(database, clock, outbox), hub, inbox)


async def _sweep(ground: Ground, life: LinkLife) -> None:
    """Forget what is of no use any more; take back what dead links left."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        now = ground.clock.now()
        for forgetting in (
            ground.replays.forget(now),
            life.sweep(),
            forget_pairings(ground.database, now - _REMEMBERED),
            forget_messages(ground.database, now - _REMEMBERED),
            forget_visits(ground.database, now - _REMEMBERED),
            OAuthStore(ground.database).forget(now),
        ):
            with suppress(Exception):
                await forgetting


def _in_background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run *work* until the stack closes."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)
