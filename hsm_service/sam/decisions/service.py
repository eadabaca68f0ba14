"""Step 7: the SAM takes what the holder signed. The letters are those of docs/walkthroughs/one-signature.md.

7a the bytes are those stored, unexpired, undecided · 7b the device's binding stands and its MAC holds · 7c the device's
signature verifies over bytes, word and proof, so does the word of the phone's passkey where it has one (``passkeys``),
and the proof is for them · 7d the attempt is reserved and committed · 7e the password opens the blob · 7f one
transaction consumes the document and leaves its effect.

Left to others: that the holder saw what the bytes say (the app verifies our root's signature over them); that the
device key is on the holder's phone (it proved the password once, when it was bound).
"""

from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonValue, unb64u
from foundation.errors import LinkIdError, Unavailable
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.attempts.domain import Purpose as Ladder
from hsm_service.sam.attempts.service import Attempt, Attempts
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.domain import demand_unblockable
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.decisions import store as evidence
from hsm_service.sam.decisions.approval import Approval, Approved
from hsm_service.sam.decisions.effects import Effects, admitted
from hsm_service.sam.decisions.look import Case, Look
from hsm_service.sam.decisions.renewal import Renewal, Renewals, renew
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.service import Documents
from hsm_service.sam.documents.stating import PURPOSE as _PURPOSE
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.passkeys.service import Passkeys, Spoken
from hsm_service.sam.roots import Proofs
from hsm_service.sam.versions import KeyVersions
from protocol import custody
from protocol.decisions import Decision, proof_hash
from protocol.documents import REQUESTS
from protocol.errors import DecisionInvalid, DocumentDecided, ProofInvalid, SignatureInvalid
from protocol.keys import P256Key


@dataclass(frozen=True)
class Opened:
    """What the right password gave: the wrapped key, and the attempt to be forgiven."""

    wrapped: bytes
    attempt: Attempt
    renewal: Renewal | None
    """When the credential was bound by an older pepper than the newest."""


class Decisions:
    """Takes decisions of phones about every type of document but an emission's."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        documents: Documents,
        store: DocumentStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        passkeys: Passkeys,
        attempts: Attempts,
        proofs: Proofs,
        custody: Custody,
        versions: KeyVersions,
        effects: Effects,
        look: Look,
        approval: Approval,
        endings: Endings,
        faults: FaultPoints,
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._documents, self._store, self._credentials, self._bindings = documents, store, credentials, bindings
        self._passkeys = passkeys
        self._attempts, self._proofs, self._custody = attempts, proofs, custody
        self._renewals = Renewals(credentials, custody, versions)
        self._effects, self._look, self._approval = effects, look, approval
        self._endings, self._faults = endings, faults

    async def decide(self, id_: str, device: str, decision: Decision) -> dict[str, JsonValue]:
        """The holder's yes or no. Answers {state, type, binding?, activation?}; the same again for the same decision.

        Raises DocumentUnknown, DocumentDecided, DocumentExpired, DecisionInvalid, PasskeyNeeded, PasskeyInvalid,
        ProofInvalid, TransportKeyRetired, CredentialLocked, PasswordWrong.
        """
        case = await self._look.at(id_, device, proof_hash(decision.proof))  # 7a: the bytes are those we fixed
        fixed = case.fixed
        signer, binding = await self._signer(case, device)  # 7b
        decision.verify(fixed.document, signer)  # 7c
        repeated = await self._repeated(fixed, signer, decision)
        if repeated is not None:
            return repeated
        self._documents.demand_undecided(fixed)  # 7a
        if not decision.approves:
            return await self._refuse(fixed, device, signer, decision)
        spoken = await self._passkeys.demand(fixed, binding, decision)  # 7c: the passkey, before any password is tried
        opened = await self._open(case, device, signer, decision)  # 7c (the proof) to 7e
        return await self._approve(fixed, device, signer, binding, decision, opened, spoken)  # 7f

    # 7b -----------------------------------------------------------------------------------------------------------

    async def _signer(self, case: Case, device: str) -> tuple[P256Key, Binding | None]:
        """The key that must have signed: that of an active binding, or of the phone that is being bound just now.

        Raises DocumentUnknown for every other phone: somebody else's document and one that does not exist get the same
        answer (docs/protocol.md section 12).
        """
        fixed, document = case.fixed, case.fixed.document
        match document.type:
            case type_ if type_ in REQUESTS:
                binding = case.binding
                if binding is None or binding.state is not BindingState.ACTIVE:
                    raise DocumentUnknown("this phone is not actively bound to the credential")
                return binding.key, binding
            case "pair":
                key = P256Key.from_jwk(fixed.context.get("device_key"))
                return self._demand_named(fixed, device, key), None
            case "test":
                binding = await self._bindings.find(self._database, str(fixed.context.get("binding")))
                if binding is None:
                    raise DocumentUnknown("the binding has ended")
                return self._demand_named(fixed, device, binding.key), binding
            case "associate" | "identify":
                named = document.text("device_key")
                for one in await self._bindings.of_device(self._database, device, active=True):
                    if one.key.jkt == named:
                        return self._demand_named(fixed, device, one.key), one
                raise DocumentUnknown("this phone is bound to nothing by that key")
            case "unblock" | "generator" | "admit" | "passkey" | "passkey-end":
                own = await self._bindings.of(self._database, device, document.text("credential"))
                if own is None or own.state is not BindingState.ACTIVE:
                    raise DocumentUnknown("this phone is not actively bound to the credential any more")
                return self._demand_named(fixed, device, own.key), own
            case _:
                raise DocumentUnknown(fixed.id)

    @staticmethod
    def _demand_named(fixed: Fixed, device: str, key: P256Key) -> P256Key:
        """The phone and key that the bytes name. Raises DocumentUnknown."""
        if fixed.device != device or fixed.document.text("device_key") != key.jkt:
            raise DocumentUnknown("the document is for another phone")
        return key

    async def _repeated(self, fixed: Fixed, signer: P256Key, decision: Decision) -> dict[str, JsonValue] | None:
        """The answer that was given before, when this is the same decision again: the first answer was lost."""
        if fixed.state not in (State.APPROVED, State.REFUSED):
            return None
        found = await evidence.find(self._database, fixed.id)
        if found is None or not found.is_of(decision):
            return None
        try:
            found.verify(fixed.document, signer)
        except SignatureInvalid:
            return None
        return await self._effects.outcome(self._database, fixed)

    # a refusal ----------------------------------------------------------------------------------------------------

    async def _refuse(self, fixed: Fixed, device: str, signer: P256Key, decision: Decision) -> dict[str, JsonValue]:
        """A no needs no password. "Not me" freezes whoever asked, until the holder has it lifted."""
        now = self._clock.now()
        freezes = fixed.caller if decision.reason == "not-me" else None
        async with self._database.transaction() as connection:
            await self._consume(connection, fixed, State.REFUSED)
            await evidence.add(connection, fixed.document, decision, signer, device, now)
            if fixed.document.type == "admit":
                await self._effects.turn_away(connection, fixed)
            if freezes is not None:
                await connection.execute(document_queries.freeze, fixed.credential, freezes, fixed.id, now)
                kind, _, caller = freezes.partition(":")
                self._audit.note(connection, "caller.frozen", credential=fixed.credential, kind=kind, caller=caller)
                await self._endings.of(connection, "not_me", credential=fixed.credential, caller=freezes)
            self._audit.note(
                connection,
                "document.refused",
                document=fixed.id,
                hash=fixed.document.hash,
                reason=decision.reason,
                device=device,
                signer=signer.jkt,
            )
        return {"state": "refused", "type": fixed.document.type, **admitted(fixed)}

    # 7c, 7d, 7e ---------------------------------------------------------------------------------------------------

    async def _open(self, case: Case, device: str, signer: P256Key, decision: Decision) -> Opened | None:
        """The wrapped key, opened by the password; None for documents that want none."""
        document = case.fixed.document
        purpose = _PURPOSE.get(document.type)
        if purpose is None:
            if decision.proof is not None:
                raise ProofInvalid("no password was asked for")
            return None
        if decision.proof is None:
            raise ProofInvalid("the password is missing")
        ladder: Ladder = "pair" if purpose == "pair" else "sign"  # whoever guesses at unblocking climbs that of signing
        credential = await self._look.credential(case)
        now = self._clock.now()
        certificate = credential.valid(now) if purpose == "unblock" else credential.usable(now)
        if purpose == "unblock":
            demand_unblockable(credential.block, device, now)
        if document.is_request and certificate.hash != unb64u(document.text("certificate"), max_len=32):
            raise DecisionInvalid("the certificate is another one than the document names")
        # 7c: the signature covers the proof; the proof must be for these bytes and this phone. No guess is made yet.
        stretched = await self._proofs.open(decision.proof, purpose, document, signer, self._clock.now())
        standing = case.standing if ladder == "sign" else None
        attempt = await self._attempts.reserve(credential.id, ladder, proof_hash(decision.proof), standing)  # 7d
        self._faults.reach("7d")
        try:
            wrapped = await self._custody.unbind(credential, stretched)  # 7e
        except custody.DoesNotOpen:
            raise await self._attempts.failed(attempt, device) from None
        except Unavailable:
            await self._attempts.give_back(attempt)  # the HSM failed before the password was tried
            raise
        self._faults.reach("7e")
        return Opened(wrapped, attempt, await self._renewals.of(credential, wrapped, stretched))

    # 7f -----------------------------------------------------------------------------------------------------------

    async def _approve(
        self,
        fixed: Fixed,
        device: str,
        signer: P256Key,
        binding: Binding | None,
        decision: Decision,
        opened: Opened | None,
        spoken: Spoken | None,
    ) -> dict[str, JsonValue]:
        """One transaction: the document is consumed, the evidence kept, the effect made, the intention audited."""
        try:
            if fixed.document.type == "sign":
                if binding is None or opened is None:
                    raise DecisionInvalid("nothing was opened")
                activation = self._effects.activation(fixed, opened.wrapped)
                answer = await self._approval.write(
                    Approved(
                        fixed, device, signer, binding, decision, opened.attempt, activation, opened.renewal, spoken
                    )
                )
            else:
                answer = await self._approve_other(fixed, device, signer, binding, decision, opened, spoken)
        except (DocumentDecided, DecisionInvalid):
            if opened is not None:
                await self._forgive(opened.attempt)
            raise
        self._faults.reach("7f-after-commit")
        return answer

    async def _approve_other(
        self,
        fixed: Fixed,
        device: str,
        signer: P256Key,
        binding: Binding | None,
        decision: Decision,
        opened: Opened | None,
        spoken: Spoken | None,
    ) -> dict[str, JsonValue]:
        async with self._database.transaction() as connection:
            if opened is not None and opened.renewal is not None:
                await renew(connection, self._credentials, self._audit, opened.renewal)
            await self._consume(connection, fixed, State.APPROVED)
            await self._demand_still_bound(connection, fixed, binding)
            await self._passkeys.count(connection, spoken)
            await evidence.add(connection, fixed.document, decision, signer, device, self._clock.now())
            if opened is not None:
                await self._attempts.succeeded(connection, opened.attempt)
            wrapped = None if opened is None else opened.wrapped
            answer = await self._effects.make(connection, fixed, binding, signer, wrapped, spoken)
            self._audit.note(
                connection,
                "document.approved",
                document=fixed.id,
                type=fixed.document.type,
                hash=fixed.document.hash,
                device=device,
                signer=signer.jkt,
                activation=_text(answer, "activation"),
                binding=_text(answer, "binding"),
                passkey=None if spoken is None else spoken.after.id,
            )
            self._faults.reach("7f-before-commit")
        return answer

    async def _demand_still_bound(self, connection: Connection, fixed: Fixed, binding: Binding | None) -> None:
        """7b again, where it counts: a phone that was unpaired while the HSM worked decides nothing more.

        Not for ``pair``, which has no binding yet, nor for those whose own change is guarded.
        """
        if fixed.document.type in ("pair", "test", "passkey", "passkey-end"):
            return
        if binding is None or not await self._bindings.hold(connection, binding):
            raise DecisionInvalid("the binding ended meanwhile")

    async def _consume(self, connection: Connection, fixed: Fixed, state: State) -> None:
        """The guarded UPDATE: of two rivals one goes on. Raises DocumentDecided."""
        if not await self._store.decide(connection, fixed, state):
            raise DocumentDecided(fixed.id)

    async def _forgive(self, attempt: Attempt) -> None:
        """The password was right, only somebody else had decided, or had ended the binding, meanwhile."""
        try:
            async with self._database.transaction() as connection:
                await self._attempts.succeeded(connection, attempt)
        except LinkIdError:
            return  # it stays counted; the next right password forgives it


def _text(answer: dict[str, JsonValue], name: str) -> str | None:
    value = answer.get(name)
    return value if isinstance(value, str) else None
