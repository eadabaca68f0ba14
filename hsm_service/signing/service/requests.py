"""The story of a signature request, in the steps of docs/walkthroughs/one-signature.md that happen in the gateway.

Steps 1 and 2 (the ask is read, the caller known) lie behind us when ``ask`` is called; 4 and 6 to 9 are the SAM's and
the phone's. What stays here: 3 policy, 5 the doorbell, handing out the secret, and bringing it back for 8 and 10.
"""

import asyncio
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import LinkIdError, Unavailable
from foundation.group_commit import GroupCommit
from foundation.ids import Random
from hsm_service.signing.domain import policy, secret
from hsm_service.signing.domain.request import (
    PENDING,
    USABLE,
    Ask,
    Caller,
    ConsentAsk,
    Event,
    Kind,
    Request,
    SessionAsk,
    State,
)
from hsm_service.signing.domain.uses import SaidUse
from hsm_service.signing.errors import (
    FixedList,
    NotTheApprovedHashes,
    RequestLapsed,
    RequestPending,
    UnknownCredential,
    UnknownHandle,
)
from hsm_service.signing.ports import (
    Credentials,
    CredentialView,
    Doorbell,
    FixedDocument,
    NobodyListens,
    Notices,
    Sam,
    Verdict,
    Wakeups,
)
from hsm_service.signing.service.lives import Approved, Consented, Lives, StillWaiting
from hsm_service.signing.store import RequestStore

FIXING: Final = timedelta(seconds=30)
"""How long a request may stay ``asked``: longer than the SAM's answer takes, short enough not to bar its caller."""
MAX_WAIT: Final = 25.0
"""Seconds a poll may be kept waiting: below the 30 s after which common proxies give up."""
NOTHING_SAID: Final = SaidUse()
FOLLOWED: Final = 200
"""Requests looked at in one go by ``follow_up``."""
LOOK_AGAIN: Final = 3.0
"""Seconds after which a waiting poll asks the SAM although no bell rang: the gateway that was to ring it may have died.
Nobody waits longer than that for what was decided."""


@dataclass(frozen=True)
class Asked:
    """What a caller gets for asking. ``handle`` carries the activation secret: it exists here and nowhere else."""

    handle: str = field(repr=False)
    document: str
    verification_code: str
    expires_in: int
    statement: str | None = None
    """None where a call was repeated: its first answer had it."""


class SigningService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        sam: Sam,
        doorbell: Doorbell,
        credentials: Credentials,
        wakeups: Wakeups,
        notices: Notices | None = None,
        commits: GroupCommit | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The roof brings the partners together."""
        self._commits = commits or GroupCommit(database)
        self._store = RequestStore(database)
        self._clock = clock
        self._audit = audit
        self._sam = sam
        self._doorbell = doorbell
        self._credentials = credentials
        self._wakeups = wakeups
        self._notices = notices or NobodyListens()
        self._random = random
        self._lives = Lives(
            self._store,
            clock,
            audit,
            sam=sam,
            doorbell=doorbell,
            notices=self._notices,
            commits=self._commits,
        )

    async def ask(
        self,
        caller: Caller,
        ask: Ask | SessionAsk | ConsentAsk,
        *,
        call_key: bytes | None = None,
        at: datetime | None = None,
    ) -> Asked:
        """Ask a holder to approve signatures, a session, or a consent. The caller must be one that may use it.

        ``call_key``: of a caller that gets no handle, and finds its request again by it (``waiting.py``).
        ``at``: the time that stands in what the hashes are of, where a dialect made that (``asked_at``).

        Raises the errors of ``domain/policy.py``, UnknownCredential, RequestPending, or what the SAM refuses.
        """
        # 3. Admissible? First the rules, then the database's own promise of one pending request.
        credential = await self._credentials.find(ask.credential)
        if credential is None:
            raise UnknownCredential(ask.credential[:40])
        situation = await self._situation(caller, ask.credential, credential)
        if isinstance(ask, SessionAsk):
            policy.admit_session(ask, situation)
        elif isinstance(ask, ConsentAsk):
            policy.admit_consent(ask, situation)
        else:
            policy.admit(ask, situation)
        if call_key is not None and await self.of_call(caller, ask.credential, call_key) is not None:
            # A rival with the same call was faster, and its request may be decided already.
            raise RequestPending(retry_after=1, data={"why": "pending"})
        name = secret.new_request_name(self._random)
        if call_key is None:
            activation_secret = secret.new_secret(self._random)
        else:
            activation_secret = secret.secret_of_call(call_key, name)
        now = self._clock.now()
        await self._store.add(
            self._commits, name, activation_secret.digest, caller, ask, now=at or now, until=now + FIXING
        )
        # 4. The SAM fixes, stores and signs the document.
        try:
            if isinstance(ask, SessionAsk):
                fixed = await self._sam.fix_session_document(caller, ask, activation_secret.public_key)
            elif isinstance(ask, ConsentAsk):
                fixed = await self._sam.fix_consent_document(caller, ask)
            else:
                fixed = await self._sam.fix_sign_document(caller, ask, activation_secret.public_key)
        except LinkIdError:
            await self._lives.give_up(name)
            raise
        # 5. The doorbell, in the transaction that makes the request wait.
        await self._now_waiting(name, caller, ask, fixed)
        return Asked(
            handle=secret.handle_text(name, activation_secret),
            document=fixed.document,
            verification_code=fixed.verification_code,
            statement=fixed.statement,
            expires_in=self._lives.seconds_until(fixed.expires),
        )

    async def check(self, caller: Caller, handle: object, wait: float = 0.0) -> StillWaiting | Approved:
        """What became of a request for signatures. Raises as ``look``."""
        state = await self.look(caller, handle, wait)
        if isinstance(state, Consented):
            raise UnknownHandle("a consent's: it signs nothing")
        return state

    async def look(self, caller: Caller, handle: object, wait: float = 0.0) -> StillWaiting | Approved | Consented:
        """What became of any request; with ``wait`` (seconds) the answer is held back until there is something to say.

        Raises UnknownHandle, RequestRefused, RequestLapsed, RequestWithdrawn.
        """
        request, activation_secret = await self._lives.own(caller, handle)
        if request.document is None:
            return self._lives.answer(request, activation_secret)
        # Not the clock that decides about expiry, only how long this answer is held back.
        loop = asyncio.get_running_loop()
        over = loop.time() + min(max(wait, 0.0), MAX_WAIT)
        with self._wakeups.listen(request.document) as bell:
            while True:
                request = await self._lives.refresh(request)
                left = over - loop.time()
                if request.state not in PENDING or left <= 0:
                    return self._lives.answer(request, activation_secret)
                if await bell.wait(min(left, LOOK_AGAIN)) and not self._lives.has_heard(request):
                    request = await self._lives.reread(request)

    async def sign(
        self,
        caller: Caller,
        *,
        sad: object,
        credential: str,
        hashes: Sequence[bytes],
        hash_algorithm: str,
        sign_algorithm: str,
        said: SaidUse = NOTHING_SAID,
    ) -> list[bytes]:
        """Steps 8 to 10, or U1 to U10 of a session: signatures in the order of ``hashes``.

        Repeating a call gives the same signatures. ``said``: the caller's words about its use of a session. Raises
        BadSad, SadExpired, NotTheApprovedHashes, Unavailable; SessionExhausted, CounterUsed, UseNotSigned.
        """
        request, activation_secret = await self._lives.redeemable(caller, sad, credential)
        # Cheap refusals; that these are the approved hashes is the SAM's to check, which alone knows them.
        if len(hashes) > request.count:
            raise NotTheApprovedHashes("more hashes than were approved")
        if (hash_algorithm, sign_algorithm) != (request.hash_algorithm, request.sign_algorithm):
            raise NotTheApprovedHashes("another algorithm than the approved one")
        assert request.activation is not None, "the table's CHECK: an approved request has its activation"
        # 8 and 9 happen in the SAM: it opens the sealed blob with the secret, reserves, signs, verifies, writes down.
        if request.kind is Kind.SESSION:
            signatures = await self._sam.use(
                caller,
                activation=request.activation,
                secret=activation_secret.value,
                counter=said.counter_for(hashes, hash_algorithm, sign_algorithm),
                signature=said.signature,
                hashes=hashes,
                hash_algorithm=hash_algorithm,
                sign_algorithm=sign_algorithm,
            )
        else:
            signatures = await self._sam.sign(
                caller,
                activation=request.activation,
                secret=activation_secret.value,
                hashes=hashes,
                hash_algorithm=hash_algorithm,
                sign_algorithm=sign_algorithm,
            )
        # 10. Returned in input order. Our own note of it is not waited for, and may fail without harm: the SAM knows. A
        # session goes on.
        whole = request.kind is Kind.LISTED and len(hashes) == request.count

        async def note(connection: Connection) -> None:
            if request.kind is Kind.LISTED or request.state is State.APPROVED:
                await self._store.moved(connection, request, Event.ALL_SIGNED if whole else Event.SOME_SIGNED)
            self._audit.note(
                connection, "signing.returned", request=request.document, caller=caller.id, count=len(hashes)
            )

        await self._commits.soon(note)
        return signatures

    async def asked_at(self, caller: Caller, *, sad: object, credential: str) -> datetime | None:
        """When the request of a SAD was asked; None of a session, whose signatures are made when they are wanted.

        Raises BadSad, SadExpired.
        """
        request, _ = await self._lives.redeemable(caller, sad, credential)
        return request.asked if request.kind is Kind.LISTED else None

    async def of_call(self, caller: Caller, credential: str, call_key: bytes) -> str | None:
        """The handle of a request that this very call made before; None when it made none that counts still."""
        await self._commits.so_far()  # one that was signed a moment ago counts no more
        for request in await self._store.findable(caller, credential, self._clock.now()):
            known = secret.secret_of_call(call_key, request.name)
            if request.caller.kind is caller.kind and known.is_the_one_of(request.secret_digest):
                return secret.handle_text(request.name, known)
        return None

    async def asked_before(self, caller: Caller, credential: str, call_key: bytes) -> Asked | None:
        """What this very call was answered before; None when it was not. Raises RequestPending while it is made."""
        handle = await self.of_call(caller, credential, call_key)
        if handle is None:
            return None
        request, _ = await self._lives.own(caller, handle)
        if request.document is None or request.verification_code is None:
            raise RequestPending(retry_after=1, data={"why": "pending"})
        left = self._lives.seconds_until(request.expires)
        return Asked(handle, request.document, request.verification_code, left)

    async def extend(
        self, caller: Caller, *, sad: object, credential: str, count: int, hash_algorithm: str
    ) -> Approved:
        """May ``count`` more hashes be signed under this SAD? In a session they may, until its end; else never.

        Raises BadSad, SadExpired, FixedList, NotTheApprovedHashes.
        """
        request, activation_secret = await self._lives.redeemable(caller, sad, credential)
        if request.kind is Kind.LISTED:
            raise FixedList(data={"why": "fixed_list"})
        if count > request.count or hash_algorithm != request.hash_algorithm:
            raise NotTheApprovedHashes("more than the session has, or another hash algorithm")
        answer = self._lives.answer(request, activation_secret)
        assert isinstance(answer, Approved), "what may be redeemed was approved"
        return answer

    async def withdraw(self, caller: Caller, handle: object) -> None:
        """Whoever asked gives up; the phone then stops showing it. A decided request stays as it is, but for an open
        session, which ends.
        """
        request, _ = await self._lives.own(caller, handle)
        await self._given_up(caller, request)

    async def give_back(self, caller: Caller, document: str) -> None:
        """The caller has no more use for what it asked under this document: nobody need decide it any more, and a
        session that was approved ends. Repeating it changes nothing. Raises UnknownHandle: another caller's, or none.
        """
        request = await self._store.by_document(document)
        if request is None or (request.caller.kind, request.caller.id) != (caller.kind, caller.id):
            raise UnknownHandle("no such request of this caller")
        await self._given_up(caller, await self._lives.refresh(request))

    async def _given_up(self, caller: Caller, request: Request) -> None:
        request = await self._lives.withdrawn(request)
        if request.kind is Kind.SESSION and request.state in USABLE:
            assert request.activation is not None, "the table's CHECK: an approved request has its activation"
            await self._sam.give_back(caller, request.activation)
            with suppress(Unavailable):  # it is over; that it began must have been told before its end is
                await self._commits.so_far()
            await self._notices.given_back(request.activation)

    async def became(self, caller: Caller, document: str) -> Request | None:
        """What became of what this caller asked under this document; None of another's. Raises Unavailable."""
        request = await self._store.by_document(document)
        if request is None or (request.caller.kind, request.caller.id) != (caller.kind, caller.id):
            return None
        return await self._lives.refresh(request)

    @contextmanager
    def heard(self, document: str, verdict: Verdict) -> Iterator[None]:
        """A phone decided, and whoever carried it there heard from the SAM what came of it. Who waits at this gateway
        hears it at once; within the block it is written down (``decided``)."""
        with self._lives.heard(document, verdict):
            self._wakeups.ring(document)
            yield

    async def decided(self, connection: Connection, document: str, verdict: Verdict) -> None:
        """What was heard, written down in the transaction of the carrier's own note; whoever waits at another gateway
        is woken when that is committed.

        What fails here is made good by those who look by themselves, and by ``follow_up``.
        """
        await self._lives.carried(connection, document, verdict)
        connection.after_commit(lambda: self._wakeups.announce(document))

    async def follow_up(self) -> int:
        """Settle what is over and nobody asks about, for those who want to be told; how many were looked at."""
        listening = self._notices.listening()
        overdue = await self._store.overdue(listening, self._clock.now(), FOLLOWED) if listening else []
        for request in overdue:
            with suppress(LinkIdError):  # one that cannot be learnt now does not keep the others from their turn
                await self._lives.refresh(request)
        return len(overdue)

    async def _situation(self, caller: Caller, name: str, credential: CredentialView) -> policy.Situation:
        """What the rules look at. Raises RequestPending."""
        now = self._clock.now()
        around = await self._store.around(caller, name, since=now - policy.REMEMBERED, now=now)
        if around.own is not None:
            if await self._settle_pending(around.own) is not State.APPROVED:
                await self._commits.so_far()  # a no that was heard counts also while it is being written down
            around = await self._store.around(caller, name, since=now - policy.REMEMBERED, now=now)
        return policy.Situation(
            credential=policy.CredentialFacts(
                credential.active, credential.valid_from, credential.valid_to, credential.key_algorithm
            ),
            history=around.history,
            pending_of_credential=around.pending,
            now=now,
        )

    async def _settle_pending(self, own: str) -> State | None:
        """A request left behind (its caller never asked again) must not bar the next one: what became of it.

        Raises RequestPending.
        """
        pending = await self._store.by_name(own)
        if pending is None:
            return None
        pending = await self._lives.refresh(pending)
        if pending.state in PENDING:
            retry = min(self._lives.seconds_until(pending.expires), policy.PENDING_RETRY_SECONDS)
            raise RequestPending(retry_after=max(1, retry), data={"why": "pending"})
        return pending.state

    async def _now_waiting(
        self, name: str, caller: Caller, ask: Ask | SessionAsk | ConsentAsk, fixed: FixedDocument
    ) -> None:
        async def ring(connection: Connection) -> None:
            waiting = await self._store.fixed(
                connection,
                name,
                document=fixed.document,
                verification_code=fixed.verification_code,
                expires=fixed.expires,
            )
            if waiting is None:
                raise RequestLapsed("the SAM took longer than a request may stay asked; its document rings nowhere")
            await self._doorbell.ring(connection, document=fixed.document, credential=ask.credential)
            self._audit.note(
                connection,
                "signing.asked",
                request=fixed.document,
                credential=ask.credential,
                caller=caller.id,
                count=ask.count,
            )

        await self._commits.run(ring)
