"""The gateway's process: what it stands on, its three listeners, and what it forgets. Its slices: `linkid.slices`.

The gateway holds no PIN and writes nothing that consent rests on; what it is trusted with is availability and privacy.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import AuditChain
from foundation.channel import PrivateClient
from foundation.clock import Clock, SystemClock
from foundation.collector import look_seldom
from foundation.database import Database, open_pool
from foundation.dpop import DatabaseReplayCache
from foundation.errors import Unavailable
from foundation.group_commit import GroupCommit
from foundation.logs import get_logger
from foundation.loop_watch import LoopWatch
from foundation.tls import asking_server_context, let_knock, server_context
from foundation.web import (
    Cors,
    ErrorTable,
    Health,
    HttpMetrics,
    SecurityHeaders,
    Server,
    health_routes,
    metrics_route,
    new_app,
    serve,
)
from hsm_service.csc.problems import DIALECT as CSC_ERRORS
from hsm_service.csc.problems import OAUTH_V1 as OAUTH_ERRORS_V1
from hsm_service.csc.web.oauth1 import PREFIXES as OAUTH_PREFIXES_V1
from hsm_service.oauth.problems import DIALECT as OAUTH_ERRORS
from hsm_service.oauth.problems import PREFIXES as OAUTH_PREFIXES
from hsm_service.oauth.store import ClientStore
from hsm_service.oauth.store import forget as forget_tokens
from hsm_service.psc.problems import by_prefix as psc_errors
from hsm_service.psc.service.endings import SessionEndings
from hsm_service.psc.store import PscStore
from hsm_service.registration.store import forget as forget_registrations
from hsm_service.signing.store import PreparationStore, ResponseStore
from hsm_service.webhooks.store import forget as forget_told
from issuance.store import forget_visits
from linkid.running import in_background
from linkid.sams import Sams
from linkid.settings import Settings
from linkid.slices import Ground, mount_slices
from pairing.service.link_life import LinkLife
from pairing.store import forget as forget_pairings
from push.store import forget as forget_messages

_PROOFS_SECONDS: Final = 60.0
"""Used proofs are worth remembering for two minutes, and every call of a phone leaves one."""
_PROOFS_BITE: Final = 10_000
_SWEEP_SECONDS: Final = 300.0
_PAUSES_SECONDS: Final = 60.0
"""Between two looks at whether codes by SMS are typed."""
_FOLLOW_SECONDS: Final = 5.0
"""How late, at most, an application is told that nobody answered its request."""
_CERTIFICATES_SECONDS: Final = 15.0
"""How soon an application that was just registered with a certificate of its own is let in with it."""
_SAM_PATIENCE: Final = 5.0
"""Seconds in which a call waits for a SAM: longer than the only one of a machine needs to make room for another."""
_REMEMBERED: Final = timedelta(days=2)
"""Longer than any window that limits or codes look back at."""

Chore = Callable[[datetime], Awaitable[object]]
"""Something to do now and then; it is told the time."""

_log = get_logger(__name__)


async def run_gateway(settings: Settings, clock: Clock | None = None) -> None:
    """Serve until cancelled. Raises OSError when a port is taken, Unavailable without a database."""
    async with serving_gateway(settings, clock):
        look_seldom()
        await asyncio.Event().wait()


@asynccontextmanager
async def serving_gateway(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Ground]:
    """A serving gateway for as long as the block runs."""
    async with AsyncExitStack() as stack:
        ground = await _open_ground(settings, clock or SystemClock(), stack)
        in_background(stack, LoopWatch(ground.metrics.registry).run())
        private = settings.private_tls.files if settings.private_tls else None
        sams = await stack.enter_async_context(Sams(settings.sam_targets(), private, ground.metrics.registry))
        in_background(stack, sams.keep_looking())
        health = _health(ground, sams)
        app = new_app(
            # the authorize page's own calls answer in our words: it shows them to people
            errors=ErrorTable(
                by_prefix={
                    "/csc": CSC_ERRORS,
                    **psc_errors(settings.psc.refusal),
                    **dict.fromkeys(OAUTH_PREFIXES, OAUTH_ERRORS),
                    **dict.fromkeys(OAUTH_PREFIXES_V1, OAUTH_ERRORS_V1),
                }
            ),
            security=SecurityHeaders(https=ground.origin.startswith("https://")),
            cors=Cors(origins=(ground.app,)),
            metrics=ground.metrics,
        )
        mounted = await mount_slices(app, ground, stack)
        in_background(stack, now_and_then(_PROOFS_SECONDS, ground.clock, {"proofs": partial(forget_proofs, ground)}))
        follow: Chore = lambda _now: mounted.signing.follow_up()  # noqa: E731
        in_background(stack, now_and_then(_FOLLOW_SECONDS, ground.clock, {"requests": follow}))
        endings = SessionEndings(ground.database, ground.clock, mounted.signing)
        in_background(stack, now_and_then(_PROOFS_SECONDS, ground.clock, {"sessions": endings.sweep}))
        in_background(stack, now_and_then(_PAUSES_SECONDS, ground.clock, {"pauses": mounted.pauses.look}))
        in_background(stack, now_and_then(_SWEEP_SECONDS, ground.clock, _chores(ground, mounted.life)))
        tls = None if settings.tls is None else server_context(settings.tls.certificate, settings.tls.key)
        listener = settings.gateway
        server = await stack.enter_async_context(await serve(app, listener.host, listener.port, tls=tls, health=health))
        await _listen_for_certificates(server, ground, stack)
        plain = new_app()
        plain.add_routes(mounted.pki.routes())
        await stack.enter_async_context(await serve(plain, settings.pki.host, settings.pki.port))
        inside = new_app()
        inside.add_routes([*health_routes(health), metrics_route(ground.metrics.registry)])
        await stack.enter_async_context(await serve(inside, settings.health.host, settings.health.port))
        yield ground


async def _open_ground(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Ground:
    name = f"gateway-{settings.gateway.number}"
    database = Database(await open_pool(settings.dsn("gateway"), max_size=20, application_name=f"linkid-{name}"))
    stack.push_async_callback(database.close)
    tls = settings.private_tls.files if settings.private_tls else None
    commits = GroupCommit(database)
    stack.push_async_callback(commits.ended)
    return Ground(
        settings=settings,
        clock=clock,
        database=database,
        commits=commits,
        audit=AuditChain(database, name, clock),  # no head outside: the gateway is believed in nothing
        sams=await stack.enter_async_context(PrivateClient(settings.sam_targets(), tls=tls, patience=_SAM_PATIENCE)),
        ac=await stack.enter_async_context(PrivateClient(settings.ac_address, tls=tls)),
        replays=DatabaseReplayCache(database),
        metrics=HttpMetrics(),
        proxies=settings.gateway.proxies,
        origin=settings.url("gateway"),
        app=settings.url("app"),
    )


async def _listen_for_certificates(server: Server, ground: Ground, stack: AsyncExitStack) -> None:
    """The same application at an address where programs may show a certificate, unless a proxy of ours does that."""
    settings = ground.settings
    if settings.mtls is None or settings.mtls.header is not None or settings.tls is None:
        return
    context = asking_server_context(settings.tls.certificate, settings.tls.key)
    let_knock(context, [one.public_bytes(Encoding.DER) for one in settings.client_authorities()])
    store = ClientStore(ground.database)

    async def learn(_now: datetime) -> None:
        let_knock(context, await store.certificates())

    await learn(ground.clock.now())
    in_background(stack, now_and_then(_CERTIFICATES_SECONDS, ground.clock, {"certificates": learn}))
    await server.listen(settings.mtls.host, settings.mtls.port, tls=context)


def _health(ground: Ground, sams: Sams) -> Health:
    health = Health()
    health.add("database", ground.database.ping)
    health.add("sam", sams.demand_one_ready)
    health.add("ac", lambda: ground.ac.call("status", {}))
    return health


def _chores(ground: Ground, life: LinkLife) -> Mapping[str, Chore]:
    """Forget what is of no use any more; take back what dead links left."""
    database = ground.database
    return {
        "links": lambda _now: life.sweep(),
        "pairings": lambda now: forget_pairings(database, now - _REMEMBERED),
        "messages": lambda now: forget_messages(database, now - _REMEMBERED),
        "told": lambda now: forget_told(database, now - _REMEMBERED),
        "registrations": lambda now: forget_registrations(database, now),
        "visits": lambda now: forget_visits(database, now - _REMEMBERED),
        "oauth": lambda now: forget_tokens(database, now),
        "psc": PscStore(database).forget,
        "responses": ResponseStore(database).forget,
        "preparations": PreparationStore(database).forget,
    }


async def forget_proofs(ground: Ground, now: datetime) -> None:
    """All that can no longer be replayed, in bites that keep no table busy for long."""
    while await ground.replays.forget(now, _PROOFS_BITE) == _PROOFS_BITE:
        pass


async def now_and_then(seconds: float, clock: Clock, chores: Mapping[str, Chore]) -> None:
    """Do each chore every so many seconds, until cancelled. One that fails is logged; the others have their turn."""
    while True:
        await asyncio.sleep(seconds)
        for name, chore in chores.items():
            try:
                await chore(clock.now())
            except Unavailable as error:
                _log.warning("chore_put_off", chore=name, error_code=error.code)
            except Exception:
                _log.exception("chore_failed", chore=name)
