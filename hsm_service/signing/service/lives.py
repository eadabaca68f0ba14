"""What became of a request: whose it is, learnt from the SAM and the clock, written down once, told to who wants it.

The SAM is right; what stands here is what a gateway last learnt. When two learn the same, the first one's word stands.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection
from foundation.group_commit import GroupCommit
from foundation.ids import BadToken
from hsm_service.signing.domain import secret
from hsm_service.signing.domain.request import PENDING, USABLE, Caller, Event, Kind, Learnt, Request, State
from hsm_service.signing.errors import (
    BadSad,
    RequestLapsed,
    RequestRefused,
    RequestWithdrawn,
    SadExpired,
    UnknownHandle,
)
from hsm_service.signing.ports import Doorbell, Notices, Outcome, Sam, Verdict
from hsm_service.signing.store import RequestStore

ACTIVATION: Final = timedelta(seconds=300)
"""docs/protocol.md section 15; used only where the SAM does not say itself until when."""


@dataclass(frozen=True)
class StillWaiting:
    """The holder has not decided."""

    handle: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True)
class Approved:
    """The holder approved; the SAD may be used for so many seconds more. Asking again gives the same SAD."""

    sad: str = field(repr=False)
    expires_in: int
    session: str | None = None
    """The activation of a session: what its caller signs at each use names it."""


@dataclass(frozen=True)
class Consented:
    """The holder consented: this application may send their factors. ``consent``: the SAM's document."""

    consent: str
    maximum: int
    until: datetime


class Lives:
    """Of the requests of all callers. In memory are only verdicts that are being written down at this moment."""

    def __init__(
        self,
        store: RequestStore,
        clock: Clock,
        audit: AuditChain,
        *,
        sam: Sam,
        doorbell: Doorbell,
        notices: Notices,
        commits: GroupCommit,
    ) -> None:
        """Made by `SigningService`, of its own partners."""
        self._store = store
        self._clock = clock
        self._audit = audit
        self._sam = sam
        self._doorbell = doorbell
        self._notices = notices
        self._commits = commits
        self._heard: dict[str, Verdict] = {}

    async def own(self, caller: Caller, handle: object) -> tuple[Request, secret.ActivationSecret]:
        """The request of a handle, if it is this caller's. One answer for every reason why not."""
        try:
            name, activation_secret = secret.read_token(handle, secret.HANDLE)
        except BadToken as cause:
            raise UnknownHandle("not a handle") from cause
        request = await self._store.by_name(name)
        if request is None or not activation_secret.is_the_one_of(request.secret_digest):
            raise UnknownHandle("no such handle")
        if (request.caller.kind, request.caller.id) != (caller.kind, caller.id):
            raise UnknownHandle("another caller's handle")
        return request, activation_secret

    async def redeemable(self, caller: Caller, sad: object, credential: str) -> tuple[Request, secret.ActivationSecret]:
        """The approved request of a SAD. Raises BadSad or SadExpired."""
        try:
            name, activation_secret = secret.read_token(sad, secret.SAD)
            request, _ = await self.own(caller, secret.handle_text(name, activation_secret))
        except (BadToken, UnknownHandle) as cause:
            raise BadSad("no such SAD of this caller") from cause
        if request.credential != credential:
            raise BadSad("another credential's SAD")
        request = await self.refresh(request)
        if request.state is State.LAPSED:
            raise SadExpired()
        if request.state not in USABLE or request.kind is Kind.CONSENT:
            raise BadSad(f"the request is {request.state}")
        return request, activation_secret

    async def refresh(self, request: Request) -> Request:
        """The request as it is now: what the SAM says while pending, what the clock says once approved."""
        now = self._clock.now()
        if request.state is State.ASKED:
            return request if now < request.expires else await self._settle(request, Learnt(Event.EXPIRED))
        if request.state is State.WAITING:
            assert request.document is not None, "the table's CHECK: a waiting request has its document"
            heard = self._heard.get(request.document)
            if heard is not None:  # whoever heard it writes it down, before anything that is asked for from now on
                learnt = _learnt(heard, now)
                return request if learnt is None else request.after(learnt)
            return await self._learn(request, request.document)
        if request.state in (State.APPROVED, State.REDEEMED) and now >= request.expires:
            moved = await self._commits.run(lambda connection: self._store.moved(connection, request, Event.EXPIRED))
            return moved or await self.reread(request)
        return request

    @contextmanager
    def heard(self, document: str, verdict: Verdict) -> Iterator[None]:
        """What this gateway heard of the SAM holds here from now on; within the block it is written down (``carried``).

        If that fails nothing is lost: the SAM says the same again to whoever looks.
        """
        self._heard[document] = verdict
        try:
            yield
        finally:
            self._heard.pop(document, None)  # the same decision, come twice, may have ended before

    def has_heard(self, request: Request) -> bool:
        """Whether ``refresh`` knows at once what became of it."""
        return request.document in self._heard

    async def carried(self, connection: Connection, document: str, verdict: Verdict) -> None:
        """Write down a verdict that this gateway heard as it carried a decision, unless it is known or nobody's."""
        now = self._clock.now()
        learnt = _learnt(verdict, now)
        settled = None if learnt is None else await self._store.carried(connection, document, learnt, now=now)
        if settled is not None:
            await self._tell(connection, settled)

    async def withdrawn(self, request: Request) -> Request:
        """Pending no more; one that was decided stays as it is."""
        if request.state in PENDING and request.document is not None:
            await self._sam.withdraw(request.document)
            request = await self.refresh(request)
        if request.state in PENDING:
            request = await self._settle(request, Learnt(Event.WITHDRAWN))
        return request

    async def give_up(self, name: str) -> None:
        """The SAM did not fix it: the caller may ask again at once."""
        request = await self._store.by_name(name)
        if request is not None and request.state is State.ASKED:
            await self._settle(request, Learnt(Event.WITHDRAWN))

    def seconds_until(self, instant: datetime) -> int:
        """Whole seconds, never negative."""
        return max(0, ceil((instant - self._clock.now()).total_seconds()))

    async def _learn(self, request: Request, document: str) -> Request:
        """Write down what the SAM says has become of a document."""
        learnt = _learnt(await self._sam.verdict(document), self._clock.now())
        return request if learnt is None else await self._settle(request, learnt)

    async def _settle(self, request: Request, learnt: Learnt) -> Request:
        """Pending no more. When another gateway was faster, its word stands."""

        async def settle(connection: Connection) -> Request | None:
            settled = await self._store.settled(connection, request, learnt, now=self._clock.now())
            if settled is not None:
                if learnt.event is Event.WITHDRAWN and request.document is not None:
                    await self._doorbell.settle(connection, document=request.document)
                await self._tell(connection, settled)
            return settled

        return await self._commits.run(settle) or await self.reread(request)

    async def _tell(self, connection: Connection, settled: Request) -> None:
        """The audit, and who wants to hear of it without asking."""
        self._audit.note(connection, f"signing.{settled.state}", request=settled.document, caller=settled.caller.id)
        await self._notices.settled(connection, settled)

    async def reread(self, request: Request) -> Request:
        """As it stands in the database now."""
        again = await self._store.by_name(request.name)
        assert again is not None, "requests are never deleted"
        return again

    def answer(
        self, request: Request, activation_secret: secret.ActivationSecret
    ) -> StillWaiting | Approved | Consented:
        """What its caller hears. Raises RequestRefused, RequestLapsed, RequestWithdrawn."""
        match request.state:
            case State.APPROVED if request.kind is Kind.CONSENT:
                return Consented(request.document or "", request.count, request.expires)
            case State.ASKED | State.WAITING:
                handle = secret.handle_text(request.name, activation_secret)
                return StillWaiting(handle, self.seconds_until(request.expires))
            case State.APPROVED | State.REDEEMED | State.SIGNED:
                sad = secret.sad_text(request.name, activation_secret)
                session = request.activation if request.kind is Kind.SESSION else None
                return Approved(sad, self.seconds_until(request.expires), session)
            case State.REFUSED:
                raise RequestRefused(data={"reason": request.reason})
            case State.LAPSED:
                raise RequestLapsed()
            case State.WITHDRAWN:
                raise RequestWithdrawn()


def _learnt(verdict: Verdict, now: datetime) -> Learnt | None:
    """What a word of the SAM's means for a request that waits; None while it may be decided still."""
    match verdict.outcome:
        case Outcome.WAITING:
            return None
        case Outcome.APPROVED:
            return Learnt(Event.APPROVED, activation=verdict.activation, until=verdict.until or now + ACTIVATION)
        case Outcome.REFUSED:
            return Learnt(Event.REFUSED, reason=verdict.reason or "refuse")
        case Outcome.EXPIRED:
            return Learnt(Event.EXPIRED)
        case Outcome.WITHDRAWN:
            return Learnt(Event.WITHDRAWN)
