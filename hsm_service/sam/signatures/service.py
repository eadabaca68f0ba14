"""Steps 8 to 10, for ``signatures/sign``.

8 the activation opens (``activations.service``; it reserves its occurrences since 7f), the key is unwrapped, signs and
is destroyed, each signature is verified; 9 signatures and the audit's outcome are committed together; 10 they are
returned in the order of the request.

What is returned is always what the row says, read back: the very bytes that were verified a moment ago, or others that
are verified then. The signatures of an activation are stored once, in one row that is never changed, so at most one of
an occurrence is ever released, whoever runs this at the same time and wherever a crash came.
"""

from collections.abc import Sequence
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.group_commit import GroupCommit
from hsm_service.sam.activations.domain import match
from hsm_service.sam.activations.service import Activations, Opened, SignCall
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.errors import SignatureNotReleased
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.memory import Memory, name_of
from hsm_service.sam.rows import Alarm
from hsm_service.sam.signatures.signer import Signer, verify_all
from protocol.algorithms import hashes_digest

TABLE: Final = "signatures"


class Signatures:
    """``sign(call)``: what the holder approved, to whom it was approved, once."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        activations: Activations,
        store: ActivationStore,
        signer: Signer,
        memory: Memory,
        alarm: Alarm,
        faults: FaultPoints,
        commits: GroupCommit,
    ) -> None:
        self._database, self._audit, self._clock, self._commits = database, audit, clock, commits
        self._activations, self._store, self._signer = activations, store, signer
        self._memory, self._alarm, self._faults = memory, alarm, faults

    async def sign(self, call: SignCall) -> list[bytes]:
        """RSA signatures as they are, ECDSA in DER; the stored ones when this is a retry.

        Raises what ``Activations.open`` raises; HashesNotApproved; SignatureNotReleased; HsmUnavailable.
        """
        opened = await self._activations.open(call)  # 8
        order = match(call.digests, opened.activation.digests)
        before = opened.signatures
        if before is None and self._memory.released(opened.activation.id) is not None:
            before = await self._signed_meanwhile(opened)
        if before is None:
            self._faults.reach("8-reserved")
            stored, name = await self._sign_and_store(opened)
        else:
            stored, name = await self._released(opened, before)
        self._memory.release(opened.activation.id, name)
        self._faults.reach("9")
        return [stored[ordinal] for ordinal in order]  # 10

    async def _sign_and_store(self, opened: Opened) -> tuple[list[bytes], str]:
        """The signatures as stored, ours or those of whoever was faster, and ``name_of`` them."""
        activation = opened.activation
        certificate = opened.credential.usable(self._clock.now()).chain[0]
        made = await self._signer.sign(self._activations.permit(opened), certificate)
        name = name_of(made)

        def kept(connection: Connection, signatures: list[bytes] | None) -> list[bytes] | None:
            if signatures is not None:  # 9: outcome and signatures stand or fall together
                self._audit.note(
                    connection,
                    "signatures.made",
                    activation=activation.id,
                    document=activation.document,
                    credential=activation.credential,
                    count=len(signatures),
                    hashes=hashes_digest(activation.digests),
                    algorithm=opened.algorithm.name,
                    signatures=name,
                )
            self._faults.reach("8-signed-before-commit")
            return signatures

        stored = await self._store.store_signatures(self._commits, activation, made, self._clock, kept)
        self._faults.reach("8-signed-after-commit")
        if stored == made:  # read back as we made and verified them
            return stored, name
        return await self._released(opened, await self._store.signatures(self._database, activation) or ())

    async def _released(self, opened: Opened, signatures: Sequence[bytes]) -> tuple[list[bytes], str]:
        """Read back and verified: a row that somebody changed gives nothing away. With it ``name_of`` them."""
        name, known = name_of(signatures), self._memory.released(opened.activation.id)
        if known is not None and known != name:
            await self._alarm.raise_("signatures.changed", TABLE, opened.activation.id)
            raise SignatureNotReleased("the stored signatures are not those that were released")
        certificate = opened.credential.usable(self._clock.now()).chain[0]
        made = list(signatures)
        verify_all(certificate, opened.algorithm, tuple(opened.activation.digests), made)
        return made, name

    async def _signed_meanwhile(self, opened: Opened) -> Sequence[bytes]:
        """There was no row, and this process knows better: the same call, come twice, was faster between our look and
        now. What was committed before it was released, a second look must see; if it does not, the row was taken out.
        """
        signatures = await self._store.signatures(self._database, opened.activation)
        if signatures is None:
            await self._alarm.raise_("signatures.turned_back", TABLE, opened.activation.id)
            raise SignatureNotReleased("these signatures were released already")
        return signatures
