"""Using, listing and ending sessions.

``use``: U1 to U6 the session opens (``opening``) · U7 the counter is reserved and the signatures counted, together, and
committed before anything is signed · U8 the permit; the key is unwrapped in the HSM, or was a few seconds ago, and
signs; each signature is verified · U9 signatures and the audit's outcome are committed together · U10 what was stored
is read back, verified (again, if others stored it) and returned in the order of the use.

After a crash between U7 and U9 the same use completes, and is not counted again. The same counter with the same use
gets the stored signatures; with another use it is refused.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonObject, JsonValue
from foundation.errors import LinkIdError
from foundation.group_commit import GroupCommit
from hsm_service.sam.activations.domain import Activation
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.consents.store import ConsentStore
from hsm_service.sam.documents.domain import Fixed, caller_name
from hsm_service.sam.errors import ActivationUnknown, CounterUsed, SessionExhausted, SignatureNotReleased
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.memory import Sessions as SessionMemory
from hsm_service.sam.memory import name_of
from hsm_service.sam.rows import Alarm
from hsm_service.sam.sessions.domain import Reserved, UseCall, told
from hsm_service.sam.sessions.opening import NotLearntYet, OpenedUse, Opening
from hsm_service.sam.sessions.store import TABLE, ForgedUse, UseStore
from hsm_service.sam.signatures.signer import Signer, verify_all
from protocol.algorithms import hashes_digest

Learn = Callable[[datetime], Awaitable[None]]
"""Reads the audit back to a time (``recall.Recollection.back_to``)."""

_RIVALS: Final = 5
"""How often the same counter may be taken by the same caller's other call between looking and reserving."""


class _Rival(Exception):
    """Not reserved: undo, and look again why."""


class _TurnedBack(Exception):
    """The count was lowered between our looking and our counting: undo, and tell."""


class Sessions:
    """``signatures/use``, ``sessions/list``, ``sessions/end``, ``sessions/give_back``."""

    def __init__(
        self,
        *,
        database: Database,
        commits: GroupCommit,
        audit: AuditChain,
        clock: Clock,
        opening: Opening,
        store: UseStore,
        activations: ActivationStore,
        consents: ConsentStore,
        bindings: BindingStore,
        endings: Endings,
        signer: Signer,
        memory: SessionMemory,
        learn: Learn,
        alarm: Alarm,
        faults: FaultPoints,
    ) -> None:
        self._database, self._commits, self._audit, self._clock = database, commits, audit, clock
        self._opening, self._store, self._activations, self._bindings = opening, store, activations, bindings
        self._consents = consents
        self._endings, self._signer, self._memory, self._learn = endings, signer, memory, learn
        self._alarm, self._faults = alarm, faults

    # --- using -------------------------------------------------------------------------------------------------------

    async def use(self, call: UseCall) -> list[bytes]:
        """RSA signatures as they are, ECDSA in DER; the stored ones when this is a repetition.

        Raises what ``Opening.open`` raises; SessionExhausted, CounterUsed, SignatureNotReleased, HsmUnavailable,
        HeadNotKept.
        """
        try:
            opened, reserved = await self._reserve(call)
        except NotLearntYet as session:
            await self._learn(session.began)
            opened, reserved = await self._reserve(call)
        self._memory.use(call.use.activation, reserved.total)
        made: list[bytes] | None = None
        if reserved.signatures is None and self._memory.released(reserved.activation, reserved.counter) is not None:
            reserved = await self._signed_meanwhile(reserved, call)
        if reserved.signatures is None:
            self._faults.reach("8-reserved")
            reserved, made = await self._sign_and_store(opened, reserved, call)
        return await self._released(opened, reserved, call, made)

    async def _reserve(self, call: UseCall) -> tuple[OpenedUse, Reserved]:
        """Steps U1 to U7: the use as reserved now, or before."""
        for _ in range(_RIVALS):
            opened = await self._opening.open(call)  # U1 to U6
            try:
                if opened.before is not None:
                    return opened, self._same(await self._store.read(opened.before, call.use), call)
                return opened, await self._count(opened, call)  # U7
            except _Rival:
                if opened.activation.used + len(call.use.digests) > (opened.activation.maximum or 0):
                    break  # the count only grows, so this stays so
            except ForgedUse as forged:
                raise SignatureNotReleased(f"{forged}: its row does not hold") from forged
        raise SessionExhausted(call.use.activation)

    async def _count(self, opened: OpenedUse, call: UseCall) -> Reserved:
        """U7. The counter and the count, by one guarded statement: of any number of rivals no more get signatures than
        the holder allowed, and none after the session ended."""
        use, mac, count = call.use, await self._store.seal(call.use), len(call.use.digests)

        def counted(_connection: Connection, total: int | None) -> int:
            if total is None:
                raise _Rival
            if total < opened.activation.used + count:
                raise _TurnedBack
            return total

        counting = self._store.reserving(use, mac, self._clock, counted)

        async def with_consent(connection: Connection) -> int:
            await self._count_consent(connection, opened.activation.consent, count)
            return await counting.run(connection)

        try:
            total = await self._commits.run(counting if opened.activation.consent is None else with_consent)
        except _TurnedBack:
            await self._alarm.raise_("session.turned_back", TABLE, use.activation)
            raise SignatureNotReleased("the session's count went back") from None
        return Reserved(use.activation, use.counter, use.digest, count, total, None, mac)

    async def _count_consent(self, connection: Connection, consent: str | None, count: int) -> None:
        """U7, where a session rests on a consent: of both limits the narrower one holds. The consent's row first, as
        whoever ends it does."""
        if consent is None:
            return
        used = await self._consents.count(connection, consent, count, self._clock.now())
        if used is None:
            raise _Rival
        self._audit.note(connection, "consent.counted", consent=consent, used=used)

    @staticmethod
    def _same(reserved: Reserved, call: UseCall) -> Reserved:
        """A counter serves one use. Raises CounterUsed."""
        if not hmac.compare_digest(reserved.digest, call.use.digest):
            raise CounterUsed(reserved.id)
        return reserved

    async def _sign_and_store(
        self, opened: OpenedUse, reserved: Reserved, call: UseCall
    ) -> tuple[Reserved, list[bytes]]:
        """Steps U8 and U9: the use with its signatures as stored, ours or those of whoever was faster; and ours."""
        made = await self._signer.sign(self._opening.permit(opened, call), opened.certificate)  # U8

        def kept(connection: Connection, stored: Reserved | None) -> Reserved | None:  # U9
            if stored is not None:
                self._audit.note(
                    connection,
                    "session.used",
                    activation=reserved.activation,
                    document=opened.fixed.id,
                    credential=opened.credential.id,
                    counter=told(reserved.counter),
                    count=reserved.count,
                    used=reserved.total,
                    hashes=hashes_digest(call.use.digests),
                    algorithm=opened.algorithm.name,
                    signatures=name_of(made),
                )
            self._faults.reach("8-signed-before-commit")
            return stored

        try:
            storing = self._store.storing(reserved, made, self._clock, kept)
            stored = await self._commits.run(storing) or await self._store.of(self._database, call.use)
        except ForgedUse as forged:
            await self._seen_changed(call)
            raise SignatureNotReleased(f"{forged}: its row does not hold") from forged
        self._faults.reach("8-signed-after-commit")
        if stored is None:
            raise SignatureNotReleased("the use went away")
        return self._same(stored, call), made

    async def _seen_changed(self, call: UseCall) -> None:
        """Nothing was stored over a row that is not the one reserved; one that no SAM wrote is told to the audit."""
        with suppress(ForgedUse):
            await self._store.of(self._database, call.use)

    async def _signed_meanwhile(self, reserved: Reserved, call: UseCall) -> Reserved:
        """The row said that it was not signed, and this process knows better: the same use, come twice, was faster
        between our look and now. What was committed before it was released, a second look must see; if it does not, the
        row was turned back."""
        try:
            stored = await self._store.of(self._database, call.use)
        except ForgedUse as forged:
            raise SignatureNotReleased(f"{forged}: its row does not hold") from forged
        if stored is None or stored.signatures is None:
            await self._alarm.raise_("use.turned_back", TABLE, reserved.id)
            raise SignatureNotReleased("these signatures were released already")
        return self._same(stored, call)

    async def _released(
        self, opened: OpenedUse, reserved: Reserved, call: UseCall, made: Sequence[bytes] | None
    ) -> list[bytes]:
        """Step U10: as stored, and verified: a row that somebody changed gives nothing away.

        ``made``: what was verified just now, and is what was stored unless somebody changed it.
        """
        signatures = list(reserved.signatures or ())
        known = self._memory.released(reserved.activation, reserved.counter)
        if known is not None and known != name_of(signatures):
            await self._alarm.raise_("use.changed", TABLE, reserved.id)
            raise SignatureNotReleased("the stored signatures are not those that were released")
        if signatures != made:
            verify_all(opened.certificate, opened.algorithm, tuple(call.use.digests), signatures)
        self._memory.release(reserved.activation, reserved.counter, name_of(signatures))
        await self._audit.demand_kept()  # a repetition may be here before the head of the first one's line is
        return signatures

    # --- listing and ending ------------------------------------------------------------------------------------------

    async def list(self, device: str) -> JsonObject:
        """The open sessions of the credentials that this phone may decide for."""
        credentials = await self._credentials(device)
        ids = await self._activations.open_sessions(self._database, credentials, self._clock.now())
        found: list[JsonValue] = []
        for id_ in ids:
            try:
                activation, fixed = await self._activations.session(self._database, id_)
            except LinkIdError:
                continue  # a row that does not hold does not exist; the audit was told
            if activation.credential in credentials and not self._memory.is_over(id_):
                found.append(_told(activation, fixed))
        return {"sessions": found}

    async def end(self, id_: str, device: str) -> None:
        """The holder has enough; from the next signature on. No signature is asked for: this only takes rights away.

        One that is over stays over. Raises ActivationUnknown: none of this phone's credentials.
        """
        named = await self._activations.credential_of_session(self._database, id_)
        if named is None or named not in await self._credentials(device):
            raise ActivationUnknown(id_)
        async with self._database.transaction() as connection:
            await self._endings.one(connection, id_, "holder")

    async def give_back(self, id_: str, caller_kind: str, caller_id: str) -> None:
        """Its caller needs it no more. Another's session, or none, is answered alike and stays as it is."""
        async with self._database.transaction() as connection:
            await self._endings.given_back(connection, id_, caller_name(caller_kind, caller_id))

    async def _credentials(self, device: str) -> Sequence[str]:
        return [one.credential for one in await self._bindings.of_device(self._database, device, active=True)]


def _told(activation: Activation, fixed: Fixed) -> JsonObject:
    """For the phone's list. Times in seconds since 1970."""
    document = fixed.document
    return {
        "activation": activation.id,
        "request": document.id,
        "credential": activation.credential,
        "caller": dict(document.object("caller")),
        "purpose": document.text("purpose"),
        "until": document.number("until"),
        "maximum": document.number("maximum"),
        "used": activation.used,
        "created": document.created,
        "last_used": None if activation.last_used is None else int(activation.last_used.timestamp()),
        "with_key": bool(document.texts("session_key")),
    }
