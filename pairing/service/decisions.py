"""Documents of the SAM, to the phone and back, and what follows from the SAM's verdict.

The gateway is a postman here: it cannot read a proof, cannot make a decision, and does not judge one. It reacts, by
one table (``_REACTIONS``), to what the SAM says became of a document of that type:

=========  ==============================================================================
pair       a binding is on trial: a test is fixed and rung
test       the round trip worked: the device is active, and is rung from now on
associate  the link is approved: the check code is shown (``scans.py``)
identify   the same, for an authorize page
unblock    a certificate is open again: the holder's other phones are told
admit      a phone that waited is rung from now on, or is gone (``admissions.py``)
sign       whoever waits for the signature is woken
session    the same
consent    the same
generator  its secret, which only that phone can read, is passed on
passkey    the holder is told by e-mail; of ``passkey-end`` too
=========  ==============================================================================

Every reaction may be repeated: between the SAM's commit and ours this process may die, and a phone that did not hear
the answer sends the same decision again, to which the SAM gives the same verdict.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonObject
from foundation.errors import NotFound
from foundation.group_commit import GroupCommit
from foundation.ids import is_id
from pairing.domain.ceremony import NUMBER_PROOF_LIFE, Device, DeviceEvent
from pairing.domain.letters import phone_bound
from pairing.errors import (
    BindingNotActive,
    CredentialNotOfPhone,
    NicknameNeeded,
    NothingToDecide,
    NumberProofOld,
    SessionNotFound,
)
from pairing.ports import Callers, Doorbell, FixedDocument, Holders, Letters, OpenSession, Sam, Verdict, WaitingDocument
from pairing.service.admissions import AdmissionService
from pairing.service.passkeys import PasskeyService
from pairing.service.scans import ScanService
from pairing.service.warnings import WarningService
from pairing.store import DeviceRow, DeviceStore, RungDocument
from protocol.documents import REQUESTS
from protocol.errors import CredentialLocked, PasswordWrong


@dataclass(frozen=True)
class Decided:
    """What the phone is told. ``check_code`` after a link was approved, ``document``: a test that will ring."""

    state: str
    check_code: str | None = None
    document: str | None = None
    generator: JsonObject | None = None


Reaction: TypeAlias = "Callable[[DecisionService, DeviceRow, str, Verdict], Awaitable[Decided]]"


class DecisionService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        sam: Sam,
        holders: Holders,
        doorbell: Doorbell,
        callers: Callers,
        letters: Letters,
        scans: ScanService,
        warnings: WarningService,
        admissions: AdmissionService,
        passkeys: PasskeyService,
        commits: GroupCommit | None = None,
    ) -> None:
        """The roof brings the partners together."""
        self._database, self._commits = database, commits or GroupCommit(database)
        self._clock = clock
        self._audit = audit
        self._sam = sam
        self._holders = holders
        self._doorbell = doorbell
        self._callers = callers
        self._letters = letters
        self._scans = scans
        self._warnings = warnings
        self._admissions = admissions
        self._passkeys = passkeys
        self._devices = DeviceStore(database)

    async def bind(self, device: DeviceRow, credential: str) -> FixedDocument:
        """A document by which the phone asks to be bound to a credential; approving it needs the usage password.

        Raises NicknameNeeded, NumberProofOld, CredentialNotOfPhone, and what the SAM refuses.
        """
        # pairing, step 6
        if device.nickname is None:
            raise NicknameNeeded()
        numbers = await self._devices.numbers_since(device.id, self._clock.now() - NUMBER_PROOF_LIFE)
        if not numbers:
            raise NumberProofOld()
        reachable = {facts.id for number in numbers for facts in await self._holders.for_number(number)}
        if credential not in reachable:
            raise CredentialNotOfPhone(credential[:40])
        return await self._sam.fix_pair(device.id, device.key, device.nickname, credential)

    async def waiting(self, device: DeviceRow) -> Sequence[WaitingDocument]:
        """What this device may decide now. Asking is also how a phone shows that the doorbell reached it."""
        await self._doorbell.heard(device.id)
        items = await self._sam.waiting(device.id)
        unfinished = device.state is Device.TRIAL or not items
        if unfinished and not any(item.type == "test" for item in items):
            # A binding on trial without a test: the process that should have rung it died, or nobody answered in time.
            for binding in await self._sam.bindings(device.id):
                if binding.state == "trial":
                    await self._ring_test(device, binding.binding)
                    items = await self._sam.waiting(device.id)
        return items

    async def statement(self, device: DeviceRow, document: str) -> FixedDocument:
        """The statement of a document this device may decide. Raises NothingToDecide."""
        if not (is_id(document, "doc") or is_id(document, "req")):
            raise NothingToDecide("not a document's id")
        try:
            return await self._sam.statement(document, device.id)
        except NotFound as cause:
            raise NothingToDecide(document) from cause

    async def evidence(self, device: DeviceRow, document: str) -> str:
        """What this holder may keep of a request that was answered. Raises NothingToDecide."""
        if not is_id(document, "req"):
            raise NothingToDecide("not a request's id")
        try:
            return await self._sam.evidence(document, device.id)
        except NotFound as cause:
            raise NothingToDecide(document) from cause

    async def rung(self, device: DeviceRow, documents: Sequence[str]) -> dict[str, RungDocument]:
        """Which of these are questions of applications without a page."""
        return await self._scans.rung(device, [one for one in documents if is_id(one, "doc")])

    async def decide(
        self,
        device: DeviceRow,
        document: str,
        *,
        decision: str,
        proof: str | None,
        signature: str,
        passkey: JsonObject | None = None,
        shown_number: str | None = None,
    ) -> Decided:
        """Carry a decision to the SAM and react to its verdict, or to the lock that a wrong password brought on.

        ``shown_number``: what an application shows, for the yes to its question who is there. Raises NothingToDecide,
        what ``ScanService.demand_number`` raises, and the errors of ``protocol.errors`` about decisions, passkeys,
        proofs and passwords.
        """
        if not (is_id(document, "doc") or is_id(document, "req")):
            raise NothingToDecide("not a document's id")
        if is_id(document, "doc") and not decision.startswith("refuse:"):
            await self._scans.demand_number(device, document, shown_number)
        try:
            verdict = await self._sam.decide(
                document, device.id, decision=decision, proof=proof, signature=signature, passkey=passkey
            )
        except NotFound as cause:
            raise NothingToDecide(document) from cause
        except (PasswordWrong, CredentialLocked) as answer:
            await self._warnings.heard(device, answer)
            raise

        async def carried(connection: Connection) -> None:
            if verdict.type in REQUESTS:
                await self._callers.decided(connection, document, verdict)
            await self._doorbell.settle(connection, document)
            self._audit.note(
                connection,
                "decision.carried",
                document=document,
                device=device.id,
                type=verdict.type,
                state=verdict.state,
            )

        with self._callers.heard(document, verdict) if verdict.type in REQUESTS else nullcontext():
            await self._commits.run(carried)
        react = self._REACTIONS.get(verdict.type, DecisionService._nothing)
        return await react(self, device, document, verdict)

    async def sessions(self, device: DeviceRow) -> Sequence[OpenSession]:
        """The open sessions of the credentials that this device may decide for."""
        return await self._sam.sessions(device.id)

    async def end_session(self, device: DeviceRow, activation: str) -> None:
        """The holder has enough of it. Again is the same. Raises SessionNotFound."""
        if not is_id(activation, "act"):
            raise SessionNotFound("not a session's id")
        await self._sam.end_session(activation, device.id)

        async def carried(connection: Connection) -> None:
            self._audit.note(connection, "session.end_carried", activation=activation, device=device.id)

        await self._commits.run(carried)  # behind the note that it began, if that is still on its way
        await self._callers.session_ended(activation)

    async def _pair(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        # pairing, step 7: the SAM judged; what follows is step 8
        if verdict.state != "approved" or verdict.binding is None:
            return Decided(verdict.state)
        async with self._database.transaction() as connection:
            await self._devices.step(connection, device.id, DeviceEvent.BOUND)
        try:
            return Decided(verdict.state, document=await self._ring_test(device, verdict.binding))
        except BindingNotActive:
            return Decided(verdict.state)  # a repetition: the test was approved meanwhile

    async def _test(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        if verdict.state != "approved":
            return Decided(verdict.state)
        now = self._clock.now()
        bindings = await self._sam.bindings(device.id)
        active = [one.credential for one in bindings if one.state == "active"]
        async with self._database.transaction() as connection:
            await self._devices.step(connection, device.id, DeviceEvent.TEST_APPROVED)
            new = [one for one in active if await self._devices.ring_for(connection, device.id, one, now)]
            self._audit.note(connection, "device.active", device=device.id, binding=verdict.binding)
        # pairing, step 9
        await self._letters.to_holders(new, phone_bound(device.nickname or "", now))
        for one in bindings:
            if one.state == "waiting":
                await self._admissions.begun(device, one)
        return Decided(verdict.state)

    async def _link(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        if verdict.state == "approved":
            return Decided(verdict.state, check_code=await self._scans.approve(device, document))
        await self._scans.refuse(document)
        return Decided(verdict.state)

    async def _unblock(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        if verdict.unblocked is not None:
            await self._warnings.unblocked(device, *verdict.unblocked)
        return Decided(verdict.state)

    async def _generator(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        return Decided(verdict.state, generator=verdict.generator)

    async def _admit(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        if verdict.admits is not None:
            await self._admissions.decided(device, *verdict.admits, yes=verdict.state == "approved")
        return Decided(verdict.state)

    async def _passkey(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        if verdict.state == "approved":
            await self._passkeys.decided(device, enrolled=verdict.type == "passkey")
        return Decided(verdict.state)

    async def _nothing(self, device: DeviceRow, document: str, verdict: Verdict) -> Decided:
        return Decided(verdict.state)

    async def _ring_test(self, device: DeviceRow, binding: str) -> str:
        """Pairing, step 8: fix the test of a binding and ring it; its document."""
        test = await self._sam.fix_test(binding)
        async with self._database.transaction() as connection:
            await self._doorbell.ring(connection, [device.id], test.document, test.expires)
        return test.document

    _REACTIONS: ClassVar[dict[str, Reaction]] = {
        "pair": _pair,
        "test": _test,
        "associate": _link,
        "identify": _link,
        "unblock": _unblock,
        "generator": _generator,
        "admit": _admit,
        "passkey": _passkey,
        "passkey-end": _passkey,
    }
