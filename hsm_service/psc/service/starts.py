"""BirdID's ``/oauth/start``: an application draws the page, phones are asked, and the outcome is posted to it.

    S1 the application proves who it is; its address is one that it registered, exactly, and one that we would post to
    S2 number and tokens are drawn, the row is there and the answer given, before anybody is looked for
    S3 the holder's phones ring; or the first phone that reads the application's code is asked
    S4 the phone's yes counts with the number that the application shows (pairing, N1 to N3): that says who it is
    S5 for a session the phone is asked once more, for the session, and says expressly yes
    S6 what became of it is posted, once: the code, a no, or that nobody answered
    S7 the code becomes a token (``codes``, A6)

A holder whom nobody found is told of like one who does not answer: the same answer as fast, the same silence as long.

The code needs no PKCE: that keeps a code apart from whoever reads it in a browser's address, and this one passes
through none. It is posted to a registered address, or fetched by the application that proves who it is, and is worth
nothing to another one. ``short_token`` may be in a browser: it opens nothing, and names a holder once.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import JsonObject, LinkIdError, Unavailable
from foundation.ids import BadToken, Random, new_id, new_token, parse_token, secret_digest
from foundation.logs import get_logger
from foundation.web import SlidingWindow
from hsm_service.credentials.domain.identification import Identification
from hsm_service.oauth.domain.client import Client, ClientMethod, GrantType
from hsm_service.oauth.errors import ClientNotPermitted
from hsm_service.psc.domain.authorization import AUTHORIZATION_PREFIX, PAGE_LIFE, Authorization, Event, Step, Wanted
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.sealing import SealBroken, code_secret, seal, unseal
from hsm_service.psc.domain.start import SHORT_PREFIX, START_LIFE, Started
from hsm_service.psc.errors import (
    BadPscRequest,
    DecisionTimeOver,
    HolderNamed,
    RedirectedError,
    UserDenied,
    WaitOver,
    WaitUnknown,
)
from hsm_service.psc.ports import Calls, Numbered, Posts
from hsm_service.psc.service.authorizations import AuthorizationService, Onward, Waiting
from hsm_service.psc.service.holders import Holders
from hsm_service.psc.service.outcomes import KEPT, demand_registered
from hsm_service.psc.service.pushes import PER_APPLICATION, PER_HOLDER, Background
from hsm_service.psc.service.requests import AuthorizeRequests
from hsm_service.psc.service.start_bells import AGAIN, StartBells
from hsm_service.psc.store import PscStore, StartRow, StartStore

_BITE: Final = 200
_FORSAKEN: Final = timedelta(seconds=30)
"""Whoever set out to ask a phone for a session and is not back by then died on the way."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class StartWish:
    """``/oauth/start`` as asked. ``identification``: whose phone shall ring, if that is known."""

    identification: Identification | None
    scope: Scope
    callback: str
    lifetime: int | None
    refused: str
    over: str
    """The variant's words for a no, and for silence."""


@dataclass(frozen=True)
class StartAnswer:
    """What the application draws its page from."""

    number: str
    short_token: str = field(repr=False)
    notified: bool
    code: str | None = field(repr=False)
    """The text of a QR code; None for an application that may draw none."""
    expires_in: int


class StartService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        requests: AuthorizeRequests,
        authorizations: AuthorizationService,
        holders: Holders,
        calls: Calls,
        posts: Posts,
        bells: StartBells,
        background: Background,
        key: bytes,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``key``: 32 bytes that all gateways share."""
        self._database, self._clock, self._audit = database, clock, audit
        self._grants, self._store = PscStore(database), StartStore(database)
        self._requests, self._authorizations, self._holders = requests, authorizations, holders
        self._calls, self._posts, self._bells, self._background = calls, posts, bells, background
        self._key, self._random = key.hex(), random
        self._of_holder = SlidingWindow(PER_HOLDER, timedelta(minutes=10))
        self._of_application = SlidingWindow(PER_APPLICATION, timedelta(minutes=1))

    async def start(self, client: Client, wish: StartWish, *, address: str) -> StartAnswer:
        """S1 and S2. Raises ClientNotPermitted, BadPscRequest, BadInput, TooMany."""
        # S1. (Who it is was proved before; an application without a secret proves nothing.)
        if GrantType.CODE not in client.grants or client.method is ClientMethod.NONE:
            raise ClientNotPermitted()
        demand_registered(client, wish.callback, self._posts, "callback_url")
        hint = None if wish.identification is None else self._holders.digest(wish.identification)
        now = self._clock.now()
        self._demand_within_limits(client, hint, now)
        # S2.
        name, short = new_id(AUTHORIZATION_PREFIX, self._random), new_token(SHORT_PREFIX, self._random).text
        started = Started(self._random(32).hex(), short, wish.callback, wish.refused, wish.over)
        wanted = Wanted(
            client=client.id,
            redirect=wish.callback,
            redirect_given=False,
            scope=wish.scope,
            state=None,
            challenge=None,
            lifetime=wish.lifetime,
            hint=hint,
        )
        links, code = await self._code(client, wish.scope, started, address, now)
        row = StartRow(name, client.id, seal(self._key, name, started.text(), self._random), now)
        async with self._database.transaction() as connection:
            await self._grants.open(
                name,
                wanted,
                page=None,
                wait_digest=secret_digest(started.secret),
                now=now,
                until=now + PAGE_LIFE,
                connection=connection,
                calls=links,
            )
            await self._store.begin(connection, row, short, now + AGAIN)
            self._audit.note(connection, "psc.started", client=client.id, authorization=name, scope=wish.scope.value)
        self._bells.begun(client.id)
        if hint is not None:
            self._background.start(self._ring(row, started, client, wish.scope, hint, address, len(links)))
        return StartAnswer(
            self._calls.number(started.secret), short, hint is not None, code, int(START_LIFE.total_seconds())
        )

    async def notify(self, short_token: str, identification: Identification, *, address: str) -> None:
        """S3, for a start whose holder was not named yet. Raises WaitUnknown, WaitOver, HolderNamed, TooMany."""
        row, started, client = await self._known(short_token)
        now = self._clock.now()
        found = await self._grants.by_wait(started.secret)
        if found is None or found.step is not Step.OPEN or now >= row.opened + START_LIFE:
            raise WaitOver("it went on, or its time is over")
        hint = self._holders.digest(identification)
        # Named first, then counted: so a token, which proves nobody, takes one place among those of its application and
        # holder, however often it comes. The application's own places its start took, which proved who it is.
        if not await self._store.name_holder(row.id, hint, now):
            raise HolderNamed()
        self._demand_for_holder(client, hint, now)
        scope = found.wanted.scope
        self._background.start(self._ring(row, started, client, scope, hint, address, len(found.calls)))

    async def outcome(self, client: Client, short_token: str) -> Waiting | JsonObject:
        """What will be posted, for the application that asks. Raises WaitUnknown, WaitOver, UserDenied,
        DecisionTimeOver.
        """
        row, started, owner = await self._known(short_token)
        if owner.id != client.id:
            raise WaitUnknown("another application's")
        became = await self._became(row, started, client)
        return became if isinstance(became, Waiting) else started.granted(became.code)

    async def look(self) -> None:
        """S6, of what is due."""
        for row in await self._store.all_due(self._clock.now(), _BITE):
            try:
                await self._settle(row)
            except LinkIdError as error:  # one that cannot be learnt now does not keep the others from their turn
                _log.warning("start_posted_later", authorization=row.id, error_code=error.code)
                await self._store.put_off(row.id, self._clock.now() + AGAIN)

    # --- S3

    async def _code(
        self, client: Client, scope: Scope, started: Started, address: str, now: datetime
    ) -> tuple[list[str], str | None]:
        if not client.shows_codes:
            return [], None
        link, text = await self._calls.show(
            started.secret,
            client=client.id,
            client_name=client.name,
            scope=scope.value,
            address=address,
            numbered=Numbered(now + START_LIFE),
        )
        return [link], text

    async def _ring(
        self, row: StartRow, started: Started, client: Client, scope: Scope, hint: bytes, address: str, links: int
    ) -> None:
        """Nobody hears of what goes wrong here."""
        found = await self._holders.found(hint)
        if not found:
            return
        holder = await self._holders.one_of([one.id for one in found], hint)
        calls = await self._calls.call(
            started.secret,
            client=client.id,
            client_name=client.name,
            scope=scope.value,
            address=address,
            credential=holder.ids[0],
            numbered=Numbered(row.opened + START_LIFE, links),
        )
        await self._grants.called(row.id, calls, self._clock.now())

    # --- S4 to S6

    async def _settle(self, row: StartRow) -> None:
        """Raises LinkIdError where it cannot be learnt."""
        now = self._clock.now()
        body, until = None, now + KEPT
        found = await self._wanted(row)
        if found is not None:
            started, client = found
            try:
                became = await self._became(row, started, client)
                if isinstance(became, Waiting):
                    await self._store.put_off(row.id, now + AGAIN)
                    return
                body, until = started.granted(became.code), became.until
            except UserDenied:
                body = started.failed(refused=True)
            except DecisionTimeOver:
                body = started.failed(refused=False)
            except WaitOver:
                body = None  # its code was fetched
        async with self._database.transaction() as connection:
            if await self._store.take(connection, row.id) and found is not None and body is not None:
                await self._posts.queue(connection, found[0].callback, body, until)

    async def _wanted(self, row: StartRow) -> tuple[Started, Client] | None:
        """Who hears of it. None: nobody, because the application was shut out, or has that address no more."""
        client = await self._requests.client(row.client)
        try:
            started = self._opened(row)
        except SealBroken:
            _log.error("start_not_posted", authorization=row.id)
            return None
        return None if client is None or started.callback not in client.redirects else (started, client)

    async def _became(self, row: StartRow, started: Started, client: Client) -> "Waiting | Granted":
        """As it stands now, moved on by what phones said. Raises UserDenied, DecisionTimeOver, WaitOver, …"""
        now = self._clock.now()
        found = await self._grants.by_wait(started.secret)
        if found is None:
            raise WaitOver("it was forgotten")
        match found.step:
            case Step.DENIED:
                raise UserDenied()
            case Step.SPENT:
                raise WaitOver("its code was used")
            case _ if now >= found.expires:
                raise DecisionTimeOver()
            case Step.OPEN:
                return await self._asked(found, started, client)
            case _:
                return await self._waited(found, started)

    async def _asked(self, found: Authorization, started: Started, client: Client) -> "Waiting | Granted":
        """S4: what phones said to who is there; and S5 begins."""
        left = Waiting(_seconds(found.expires - self._clock.now()))
        if not found.calls:
            return left
        answer = await self._calls.answer(found.calls, started.secret)
        if answer.state == "refused":
            await self._grants.step(found.id, Event.DENIED, found.expires)
            raise UserDenied()
        if answer.state != "approved":
            return left  # also when the calls died: as if nobody had been called
        try:
            holder = await self._holders.one_of(answer.credentials, found.wanted.hint)
            if found.wanted.scope is Scope.SESSION:
                now = self._clock.now()
                if not await self._store.set_out(found.id, now, now - _FORSAKEN):
                    return left  # somebody else asks
                asked = await self._authorizations.ask_session(found, client, holder, started.secret)
                return Waiting(asked.expires_in)
            onward = await self._authorizations.grant(found, holder, code_secret(started.secret))
        except (Unavailable, WaitUnknown):  # another gateway is at it, or the SAM is away: again in a moment
            return left
        except LinkIdError as cause:
            await self._grants.step(found.id, Event.DENIED, found.expires)
            raise UserDenied(cause.detail) from cause
        return await self._granted(found, onward, started)

    async def _waited(self, found: Authorization, started: Started) -> "Waiting | Granted":
        """S5: what the phone said to the session; or the code that there is."""
        try:
            state = await self._authorizations.wait(started.secret)
        except RedirectedError as ended:
            raise ended.error from ended
        return state if isinstance(state, Waiting) else await self._granted(found, state, started)

    async def _granted(self, found: Authorization, onward: Onward, started: Started) -> "Granted":
        fresh = await self._grants.by_wait(started.secret)
        return Granted(onward.code, found.expires if fresh is None else fresh.expires)

    # --- everywhere

    async def _known(self, short_token: str) -> tuple[StartRow, Started, Client]:
        """Raises BadPscRequest; WaitUnknown, also for those of applications that were shut out."""
        try:
            parse_token(short_token, SHORT_PREFIX)
        except BadToken as cause:
            raise BadPscRequest("short_token: not one of ours") from cause
        row = await self._store.by_short(short_token)
        client = None if row is None else await self._requests.client(row.client)
        if row is None or client is None:
            raise WaitUnknown("no such start")
        try:
            return row, self._opened(row), client
        except SealBroken as cause:
            raise WaitUnknown("not a row of these gateways") from cause

    def _opened(self, row: StartRow) -> Started:
        return Started.read(unseal(self._key, row.id, row.sealed))

    def _demand_within_limits(self, client: Client, hint: bytes | None, now: datetime) -> None:
        """Counted whether or not there is such a holder."""
        self._of_application.demand(client.id, now)
        if hint is not None:
            self._demand_for_holder(client, hint, now)

    def _demand_for_holder(self, client: Client, hint: bytes, now: datetime) -> None:
        self._of_holder.demand(f"{client.id}|{hint.hex()}", now)


@dataclass(frozen=True)
class Granted:
    """There is a code, good until then."""

    code: str = field(repr=False)
    until: datetime


def _seconds(span: timedelta) -> int:
    return max(1, int(span / timedelta(seconds=1)))
