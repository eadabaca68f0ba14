"""Signing with factors that an application sends: steps E1 to E8 of docs/walkthroughs/one-explicit-signature.md.

E1 the operator allows it · E2 a consent of this application for this certificate stands · E3 what is asked is
admissible, and within the consent · E4 the factors were sealed for this call · E5 the try is counted and committed ·
E6 the password, stretched here, opens the blob · E7 the code is right and new · E8 one transaction takes the code,
counts the signatures, writes the request as approved under that consent, seals the blob to the caller and audits.

What follows is the same as after a phone's yes: steps 8 to 10, or U1 to U10. Left to others: that the factors are the
holder's own doing. An application that keeps a password has one of two; docs/threats.md says what that costs.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database, on_violation
from foundation.encoding import JsonObject
from foundation.errors import LinkIdError, Unavailable
from foundation.group_commit import GroupCommit
from foundation.ids import new_id
from hsm_service.sam.activations.domain import Activation
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.consents.domain import Consent
from hsm_service.sam.consents.domain import State as ConsentState
from hsm_service.sam.consents.store import ConsentStore
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.decisions.effects import Effects
from hsm_service.sam.decisions.renewal import Renewals, renew
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.requests import Prepared, Requests, SignAsk
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.errors import CredentialUnknown
from hsm_service.sam.explicit.opening import Allowed, ExplicitCall, ExplicitOpening, NotLearntYet, Right, ServedBefore
from hsm_service.sam.explicit.stretching import StretchingFull, StretchingRoom
from hsm_service.sam.generators.store import GeneratorStore
from hsm_service.sam.sessions.asking import SessionAsks
from protocol.asks import SignedAsk
from protocol.documents import Document, DocumentType
from protocol.errors import AskInvalid, CallerUnknown, ConsentUnknown, FactorsWrong

Random = Callable[[int], bytes]
Learn = Callable[[datetime], Awaitable[None]]
"""Reads the audit back to a time (``recall.Recollection.back_to``)."""

_WAITERS: Final = 20
"""Calls that wait for one consent's turn: one try after the other, so that right ones lock nobody out."""
_RIVALS: Final = 5
"""How often another SAM may count a try between our reading and our counting."""


class _Changed(Exception):
    """The consent ended, or was used up, while the factors were tried."""


class _CodeTaken(Exception):
    """A rival took this code a moment ago."""


class Explicit:
    """``explicit/open``, ``consents/standing``."""

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        audit: AuditChain,
        clock: Clock,
        opening: ExplicitOpening,
        requests: Requests,
        session_asks: SessionAsks,
        documents: DocumentStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        consents: ConsentStore,
        generators: GeneratorStore,
        activations: ActivationStore,
        effects: Effects,
        endings: Endings,
        renewals: Renewals,
        room: StretchingRoom,
        learn: Learn,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._database, self._commits, self._audit, self._clock = database, commits, audit, clock
        self._opening, self._requests, self._session_asks = opening, requests, session_asks
        self._documents, self._credentials, self._bindings = documents, credentials, bindings
        self._consents, self._generators, self._activations = consents, generators, activations
        self._effects, self._endings, self._renewals = effects, endings, renewals
        self._room, self._learn, self._random = room, learn, random
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    async def open(self, call: ExplicitCall) -> JsonObject:
        """{document, activation, until, maximum}.

        Raises ConsentUnknown, FactorsWrong, CallerUnknown, CallerFrozen, CredentialNotActive, CredentialLocked,
        AlgorithmRefused, SessionRefused, AskInvalid, ProofInvalid, TransportKeyRetired, StretchingFull,
        HsmUnavailable.
        """
        allowed = await self._allowed(call.ask.credential, call.ask.caller_kind, call.ask.caller_id)  # E1, E2
        call, prepared = await self._prepared(call, allowed)  # E3
        factors = await self._opening.factors(call)  # E4
        async with self._turn(allowed.consent.id):
            with self._room.place():
                allowed = await self._allowed(call.ask.credential, call.ask.caller_kind, call.ask.caller_id)
                consent = await self._count(allowed.consent)  # E5
                try:
                    right = await self._opening.judge(allowed, factors)  # E6, E7
                except Unavailable:
                    await self._give_back(consent)
                    raise
                if right is None:
                    raise await self._wrong(consent)
                if isinstance(right, ServedBefore):
                    raise await self._again(consent)
                return await self._write(call, prepared, replace(allowed, consent=consent), right)  # E8

    async def standing(self, credential: str, caller_kind: str, caller_id: str) -> JsonObject:
        """{active, until?, left?}: whether this application may send factors for this certificate now."""
        try:
            allowed = await self._allowed(credential, caller_kind, caller_id)
        except (ConsentUnknown, CallerUnknown, CredentialUnknown):
            return {"active": False}
        except Unavailable:
            raise
        except LinkIdError:  # frozen, blocked, locked: not now
            return {"active": False}
        consent = allowed.consent
        return {"active": True, "until": int(consent.until.timestamp()), "left": consent.left}

    async def _allowed(self, credential: str, caller_kind: str, caller_id: str) -> Allowed:
        try:
            return await self._opening.allowed(credential, caller_kind, caller_id)
        except NotLearntYet as consent:
            await self._learn(consent.began)
            return await self._opening.allowed(credential, caller_kind, caller_id)

    # E3 -----------------------------------------------------------------------------------------------------------

    async def _prepared(self, call: ExplicitCall, allowed: Allowed) -> tuple[ExplicitCall, Prepared]:
        """What is asked, within the consent. Who signs no asks gets what is left of the consent, if they asked more."""
        ask, consent = call.ask, allowed.consent
        try:
            if isinstance(ask, SignAsk):
                if len(ask.digests) > consent.left:
                    raise ConsentUnknown("not so many are left")
                return call, await self._requests.prepare(ask)
            if ask.signed is None:
                until = min(ask.until, int(consent.until.timestamp()))
                ask = replace(ask, until=until, maximum=min(ask.maximum, consent.left))
            elif ask.until > consent.until.timestamp() or ask.maximum > consent.left:
                raise ConsentUnknown("more than is left of it")
            return replace(call, ask=ask), await self._session_asks.prepare(ask)
        except (AskInvalid, CallerUnknown) as refused:
            await self._requests.note_refused(ask.credential, ask.caller_kind, ask.caller_id, refused)
            raise

    # E5 -----------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self, consent: str) -> AsyncIterator[None]:
        """One try of a consent at a time, in this process: so right factors that come together all count as right, and
        a flood under one consent takes one place in the stretching room. Raises StretchingFull."""
        turn = self._turns.get(consent)
        if turn is None:
            turn = self._turns[consent] = _Turn()
        if turn.waiting >= _WAITERS:
            raise StretchingFull(retry_after=2)
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1

    async def _count(self, consent: Consent) -> Consent:
        """E5. The try, committed before anything is tried. Raises ConsentUnknown."""
        for _ in range(_RIVALS):
            if not consent.open(self._clock.now()):
                raise ConsentUnknown("over, used up, or too often wrong")
            tried = await self._consents.sealed(consent.tried())
            if await self._commits.run(partial(self._take_try, consent, tried)):
                return tried
            again = await self._consents.find(self._database, consent.id)
            if again is None:
                raise ConsentUnknown("its row does not hold")
            consent = again
        raise Unavailable("others try under this consent again and again", retry_after=1)

    async def _take_try(self, before: Consent, after: Consent, connection: Connection) -> bool:
        if not await self._consents.take_try(connection, before, after):
            return False
        self._audit.note(connection, "consent.tried", consent=after.id, total=after.total)
        return True

    async def _give_back(self, consent: Consent) -> None:
        """The HSM failed before anything was tried. When even this fails, the try stands as a wrong one."""
        after = await self._consents.sealed(consent.untried())
        async with self._database.transaction() as connection:
            await self._consents.give_back(connection, consent, after)

    async def _wrong(self, consent: Consent) -> FactorsWrong:
        """Said in the audit; the fifth in a row, or the fiftieth in all, ends the consent, and no certificate."""
        over = not consent.open_to_tries
        async with self._database.transaction() as connection:
            self._audit.note(
                connection, "consent.failed", consent=consent.id, credential=consent.credential, total=consent.total
            )
            if over:
                await self._endings.consent(connection, consent.id, "wrong_factors")
        if not over:
            return FactorsWrong()
        since = int(self._clock.now().timestamp())
        return FactorsWrong(data={"ended": {"credential": consent.credential, "consent": consent.id, "since": since}})

    async def _again(self, consent: Consent) -> FactorsWrong:
        """A code that served comes again: a call that was repeated, or several documents under one code. Refused in the
        words of a wrong one, and not counted as one (docs/decisions/0056): nothing was guessed."""
        after = await self._consents.sealed(consent.untried())
        async with self._database.transaction() as connection:
            if await self._consents.give_back(connection, consent, after):
                self._audit.note(connection, "consent.code_again", consent=consent.id, total=consent.total)
        return FactorsWrong()

    # E8 -----------------------------------------------------------------------------------------------------------

    async def _write(self, call: ExplicitCall, prepared: Prepared, allowed: Allowed, right: Right) -> JsonObject:
        fixed = self._fixed(call, prepared, allowed, right)
        activation = self._activation(call, fixed, allowed, right)
        consent, ordinal = allowed.consent, allowed.consent.total
        after = consent
        renewal = await self._renewals.of(allowed.credential, right.wrapped, right.stretched)

        async def work(connection: Connection) -> None:
            # In this order everybody locks: credential, binding, consent, generator, activation.
            await self._credentials.lock(connection, fixed.document.text("credential"))
            if renewal is not None:
                await renew(connection, self._credentials, self._audit, renewal)
            if not await self._bindings.hold(
                connection, allowed.binding, however_guarded=True
            ):  # the phone says nothing
                raise _Changed
            now = self._clock.now()
            used = await self._consents.open(connection, consent, after, call.count, now)
            if used is None:
                raise _Changed
            if not await self._generators.use(connection, right.before, right.after):
                raise _CodeTaken
            await self._use_ask(connection, call, prepared.signed, now)
            await self._documents.add_opened(connection, fixed, now)
            if activation.maximum is None:
                await self._activations.add_listed(connection, activation)
            else:
                await self._activations.add_session(connection, activation, caller=call.caller)
            self._note(connection, fixed, activation, right, used)

        for _ in range(_RIVALS):
            after = await self._consents.sealed(consent.right(ordinal))
            try:
                await self._commits.run(work)
            except _Changed:
                consent = await self._counted_meanwhile(consent)
            except _CodeTaken:
                renewed = await self._kept_anew(right)
                if renewed is None:
                    raise await self._again(consent) from None
                right = renewed
            else:
                break
        else:
            raise Unavailable("others try under this consent again and again", retry_after=1)
        return {
            "document": fixed.id,
            "activation": activation.id,
            "until": int(activation.until.timestamp()),
            "maximum": activation.maximum or len(activation.digests),
        }

    async def _counted_meanwhile(self, before: Consent) -> Consent:
        """The row as another SAM's try left it: ours stays right. Raises ConsentUnknown when it is no other row."""
        found = await self._consents.find(self._database, before.id)
        if found is None or found.state is not ConsentState.ACTIVE or found.mac == before.mac:
            raise ConsentUnknown("it ended meanwhile, or was used up")
        return found

    async def _kept_anew(self, right: Right) -> Right | None:
        """The generator's row changed meanwhile: its secret went under a newer pepper, and the code is as good as
        before. None when a code was taken, this one or a later one, or when the generator ended."""
        now = await self._generators.of_binding(self._database, right.before.binding)
        if now is None or now.id != right.before.id or now.step >= right.after.step or now.mac == right.before.mac:
            return None
        return replace(right, before=now, after=await self._generators.sealed(now.used_at(right.after.step)))

    def _fixed(self, call: ExplicitCall, prepared: Prepared, allowed: Allowed, right: Right) -> Fixed:
        """The document, as a phone would have been asked; which consent answered for it stands in its context."""
        type_: DocumentType = "sign" if isinstance(call.ask, SignAsk) else "session"
        id_ = new_id("req", self._random, near=allowed.credential.id)
        members = {**prepared.members, "verification_code": ""}
        document = Document.fix(type_, id_, members, now=self._clock.now(), nonce=self._random(16))
        context: JsonObject = {"consent": allowed.consent.id, "generator": right.before.id, "step": right.after.step}
        return Fixed(document, context, State.APPROVED)

    def _activation(self, call: ExplicitCall, fixed: Fixed, allowed: Allowed, right: Right) -> Activation:
        """The same that a phone's yes leaves, and not beyond the consent's end."""
        if isinstance(call.ask, SignAsk):
            made = self._effects.activation(fixed, right.wrapped)
        else:
            made = self._effects.session(fixed, right.wrapped, allowed.binding.id)
        return replace(made, consent=allowed.consent.id, until=min(made.until, allowed.consent.until))

    async def _use_ask(
        self, connection: Connection, call: ExplicitCall, signed: SignedAsk | None, now: datetime
    ) -> None:
        if signed is not None:
            with on_violation({"an_ask_rings_once": _ask_used}):
                await connection.execute(document_queries.add_ask, call.ask.caller_id, signed.nonce, now)

    def _note(self, connection: Connection, fixed: Fixed, activation: Activation, right: Right, used: int) -> None:
        self._audit.note(
            connection,
            "explicit.opened",
            document=fixed.id,
            type=fixed.document.type,
            hash=fixed.document.hash,
            credential=fixed.credential,
            consent=fixed.consent,
            used=used,
            generator=right.after.id,
            step=right.after.step,
            activation=activation.id,
            count=activation.maximum or len(activation.digests),
        )


class _Turn:
    """Whose try it is."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


def _ask_used() -> AskInvalid:
    return AskInvalid("used before", data={"why": "used"})
