"""An application without a page: its request rings the holder's phone, and it polls for the code.

    A2 the request is answered, whoever is named, before anybody is looked for
    A3 the holder's phones are asked who is there; for a session, they are asked for the session at once
    A4, A5 whoever polls gets the code, as in ``authorizations``

Nothing tells the caller whether the holder exists: the answer and its time are the same, and a call that nobody hears
waits until its time is over, like one that nobody answers.
"""

import asyncio
import secrets
import uuid
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import LinkIdError
from foundation.ids import Random, new_id, secret_digest
from foundation.logs import get_logger
from foundation.network import network
from foundation.web import SlidingWindow
from hsm_service.oauth.domain.client import Client
from hsm_service.psc.domain.authorization import AUTHORIZATION_PREFIX, PAGE_LIFE, Authorization, Event, Step, Wanted
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.sealing import code_secret
from hsm_service.psc.errors import DecisionTimeOver, RedirectedError, UserDenied, WaitUnknown
from hsm_service.psc.ports import Calls
from hsm_service.psc.service.authorizations import AuthorizationService, Onward, Waiting
from hsm_service.psc.service.holders import Holders
from hsm_service.psc.service.requests import AuthorizeRequests
from hsm_service.psc.store import PscStore

PER_HOLDER: Final = 5
"""Requests of one application that name one holder, in ten minutes; counted whether or not there is such a holder."""
PER_APPLICATION: Final = 120
"""Requests of one application in a minute."""
OF_ALL_NETWORKS: Final = 10 * PER_APPLICATION
"""Of one application, wherever they come from. By ``push://`` anybody may ask in its name: so ``PER_APPLICATION`` is
for each network, and a stranger leaves the application's own requests their turn."""
_LONGEST: Final = 64

_log = get_logger(__name__)


class Background:
    """Work that goes on when its request is answered. What fails is logged: nobody waits for it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Begin; an error of ours ends it quietly."""
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def done(self) -> None:
        """Everything that was begun has ended (for whoever closes, and for tests)."""
        await asyncio.gather(*self._tasks)


async def _quietly(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except LinkIdError as error:
        _log.info("phone_not_asked", error_code=error.code)
    except Exception:
        _log.exception("phone_not_asked")


class PushService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        requests: AuthorizeRequests,
        authorizations: AuthorizationService,
        holders: Holders,
        calls: Calls,
        background: Background,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._store = PscStore(database)
        self._clock = clock
        self._requests = requests
        self._authorizations = authorizations
        self._holders = holders
        self._calls = calls
        self._background = background
        self._random = random
        self._of_holder = SlidingWindow(PER_HOLDER, timedelta(minutes=10))
        self._of_network = SlidingWindow(PER_APPLICATION, timedelta(minutes=1))
        self._of_application = SlidingWindow(OF_ALL_NETWORKS, timedelta(minutes=1))

    async def open(self, parameters: Mapping[str, str], *, address: str) -> str:
        """A2: what the application polls with. Raises UnknownClient, BadPscRequest, TooMany …"""
        client, wanted = await self._requests.of_program(parameters)
        hint = wanted.hint
        assert hint is not None, "of_program demands it"
        now = self._clock.now()
        self._of_network.demand(f"{client.id}|{network(address)}", now)
        self._of_application.demand(client.id, now)
        self._of_holder.demand(f"{client.id}|{hint.hex()}", now)
        name, secret = new_id(AUTHORIZATION_PREFIX, self._random), str(uuid.UUID(bytes=self._random(16), version=4))
        until = now + PAGE_LIFE
        await self._store.open(name, wanted, page=None, wait_digest=secret_digest(secret), now=now, until=until)
        self._background.start(self._ring(name, secret, client, wanted, address))
        return secret

    async def poll(self, secret: str) -> Waiting | Onward:
        """A4 and A5. Raises WaitUnknown, WaitOver, UserDenied, DecisionTimeOver, and why there will be no code."""
        found = await self._store.by_wait(secret) if len(secret) <= _LONGEST else None
        if found is None or (found.step is Step.OPEN and not _is_pushed(found)):
            raise WaitUnknown("nobody waits with this")
        now = self._clock.now()
        if found.step in (Step.OPEN, Step.WAITING) and now >= found.expires:
            raise DecisionTimeOver()
        left = Waiting(max(1, int((found.expires - now) / timedelta(seconds=1))))
        if found.step is not Step.OPEN:
            try:
                return await self._authorizations.wait(secret)
            except RedirectedError as ended:
                if isinstance(ended.error, DecisionTimeOver):
                    return left  # as if nobody had been asked
                raise ended.error from ended
        if not found.calls:
            return left
        answer = await self._calls.answer(found.calls, secret)
        match answer.state:
            case "approved":
                holder = await self._holders.one_of(answer.credentials, found.wanted.hint)
                return await self._authorizations.grant(found, holder, code_secret(secret))
            case "refused":
                await self._store.step(found.id, Event.DENIED, found.expires)
                raise UserDenied()
            case _:
                return left  # also when the calls died: as if nobody had been called

    async def _ring(self, name: str, secret: str, client: Client, wanted: Wanted, address: str) -> None:
        """A3. Nobody hears of what goes wrong here."""
        assert wanted.hint is not None
        found = await self._holders.found(wanted.hint)
        opened = await self._store.authorization(name, self._clock.now())
        if not found or opened is None:
            return
        holder = await self._holders.one_of([one.id for one in found], wanted.hint)
        if wanted.scope is Scope.SESSION:
            await self._authorizations.ask_session(opened[0], client, holder, secret)
            return
        calls = await self._calls.call(
            secret,
            client=client.id,
            client_name=client.name,
            scope=wanted.scope.value,
            address=address,
            credential=holder.ids[0],
        )
        await self._store.called(name, calls, self._clock.now())


def _is_pushed(authorization: Authorization) -> bool:
    return authorization.wanted.redirect == "push://"
