"""7f of a request for signatures: consumed, forgiven, activated, witnessed and audited by one statement.

Every other approval changes something else, seldom, and does it step by step (``effects``). This one happens for every
signature, so it is one round trip, in a transaction shared with whoever approves at the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Record
from foundation.encoding import JsonValue
from foundation.errors import Unavailable
from foundation.group_commit import GroupCommit, Statement
from hsm_service.sam.activations.domain import Activation
from hsm_service.sam.activations.store import TABLE as ACTIVATIONS
from hsm_service.sam.attempts.domain import Ladder
from hsm_service.sam.attempts.service import TABLE as ATTEMPTS
from hsm_service.sam.attempts.service import Attempt, Attempts
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.decisions.renewal import Renewal, renew
from hsm_service.sam.decisions.store import queries
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.passkeys.service import Passkeys, Spoken
from hsm_service.sam.rows import RowSeals
from protocol.decisions import Decision, proof_hash
from protocol.errors import DecisionInvalid, DocumentDecided
from protocol.keys import P256Key

_RIVALS: Final = 50
"""How many other tries at the same password may come between ours and its forgiveness, each in milliseconds."""


@dataclass(frozen=True)
class Approved:
    """What was checked before (7a to 7e), and the activation that it shall leave."""

    fixed: Fixed
    device: str
    signer: P256Key
    binding: Binding
    decision: Decision
    attempt: Attempt
    activation: Activation
    renewal: Renewal | None = None
    spoken: Spoken | None = None
    """The phone's passkey, where it has one."""


class Approval:
    """``write(approved)``."""

    def __init__(
        self,
        commits: GroupCommit,
        seals: RowSeals,
        audit: AuditChain,
        clock: Clock,
        attempts: Attempts,
        documents: DocumentStore,
        credentials: CredentialStore,
        passkeys: Passkeys,
        faults: FaultPoints,
    ) -> None:
        self._passkeys = passkeys
        self._commits, self._seals, self._audit, self._clock = commits, seals, audit, clock
        self._attempts, self._documents, self._credentials, self._faults = attempts, documents, credentials, faults

    async def write(self, approved: Approved) -> dict[str, JsonValue]:
        """7f: the answer of ``decide``. Raises DocumentDecided, DecisionInvalid: then nothing was written."""
        attempt = approved.attempt
        over, forgiven = attempt.ladder.mac, attempt.ladder.forgive(attempt.ordinal)
        for _ in range(_RIVALS):
            sealed, mac = await self._seals.seal_all(
                [(ACTIVATIONS, approved.activation.meaning()), (ATTEMPTS, forgiven.meaning())]
            )
            approved = replace(approved, activation=replace(approved.activation, mac=sealed))
            if await self._try(approved, replace(forgiven, mac=mac), over):
                return {
                    "state": State.APPROVED.value,
                    "type": approved.fixed.document.type,
                    "activation": approved.activation.id,
                    "until": int(approved.activation.until.timestamp()),
                }
            over, forgiven = await self._attempts.forgiven(attempt)
        raise Unavailable("too many tries at this password at once")

    async def _try(self, approved: Approved, forgiven: Ladder, over: bytes) -> bool:
        """False when the ladder is not the one with MAC ``over`` any more: nothing was approved. A renewal stands then,
        the password having been right, and finds nothing to do when we are back."""

        fixed, activation, decision = approved.fixed, approved.activation, approved.decision

        def args() -> Sequence[object]:
            return (
                fixed.id, activation.credential, approved.binding.id, approved.signer.point, approved.device,
                fixed.document.digest, proof_hash(decision.proof), forgiven.forgiven, forgiven.mac, over,
                decision.signature, self._clock.now(), activation.id, activation.sealed, activation.until,
                activation.mac, approved.binding.turns,
            )  # fmt: skip

        def written(connection: Connection, said: Record) -> bool:
            if not said["ladder"]:
                return False
            if not said["bound"]:
                raise DecisionInvalid("the binding ended meanwhile")
            if not said["consumed"]:
                raise DocumentDecided(fixed.id)
            self._attempts.remember(connection, forgiven)
            self._documents.decided(connection, fixed, State.APPROVED)
            self._audit.note(
                connection,
                "document.approved",
                document=fixed.id,
                type=fixed.document.type,
                hash=fixed.document.hash,
                device=approved.device,
                signer=approved.signer.jkt,
                activation=activation.id,
                passkey=None if approved.spoken is None else approved.spoken.after.id,
            )
            self._faults.reach("7f-before-commit")
            return True

        writing = Statement(queries.approve, args, written)
        renewal, spoken = approved.renewal, approved.spoken
        if renewal is None and (spoken is None or not spoken.counts):
            return await self._commits.run(writing, early=True)

        async def with_more(connection: Connection) -> bool:
            if renewal is not None:
                await renew(connection, self._credentials, self._audit, renewal)
            if not await writing.run(connection):
                return False
            await self._passkeys.count(connection, spoken)
            return True

        return await self._commits.run(with_more, early=True)
