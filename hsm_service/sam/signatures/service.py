"""Steps 8 to 10, for ``signatures/sign``.

8 the activation opens (``activations.service``; its occurrences are reserved since 7f), the key is unwrapped, signs and
is destroyed, each signature is verified; 9 signatures and the audit's outcome are committed together; 10 they are
returned in the order of the request.

What is returned is always what the rows say, read back: the very bytes that were verified a moment ago, or others that
are verified then. At most one signature of an occurrence is ever stored, so at most one is ever released, whoever runs
this at the same time and wherever a crash came.
"""

from collections.abc import Sequence

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.group_commit import GroupCommit
from hsm_service.sam.activations.domain import Occurrence, match
from hsm_service.sam.activations.service import Activations, Opened, SignCall
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.errors import SignatureNotReleased
from hsm_service.sam.fault_points import FaultPoints
from hsm_service.sam.memory import Memory, name_of
from hsm_service.sam.rows import Alarm
from hsm_service.sam.signatures.signer import Signer, verify_all
from protocol.algorithms import hashes_digest


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
        rows = opened.occurrences
        if _unsigned(rows) and self._memory.released(opened.activation.id) is not None:
            rows = await self._signed_meanwhile(opened)
        if _unsigned(rows):
            self._faults.reach("8-reserved")
            stored, name = await self._sign_and_store(opened)
        else:
            stored, name = await self._released(opened, rows)
        self._memory.release(opened.activation.id, name)
        self._faults.reach("9")
        return [stored[ordinal] for ordinal in order]  # 10

    async def _sign_and_store(self, opened: Opened) -> tuple[list[bytes], str]:
        """The signatures as stored, ours or those of whoever was faster, and ``name_of`` them."""
        activation = opened.activation
        certificate = opened.credential.usable(self._clock.now()).chain[0]
        made = await self._signer.sign(self._activations.permit(opened), certificate)
        name = name_of(made)

        def kept(connection: Connection, rows: Sequence[Occurrence]) -> list[bytes]:
            if rows:  # 9: outcome and signatures stand or fall together
                self._audit.note(
                    connection,
                    "signatures.made",
                    activation=activation.id,
                    document=activation.document,
                    credential=activation.credential,
                    count=len(rows),
                    hashes=hashes_digest(activation.digests),
                    algorithm=opened.algorithm.name,
                    signatures=name,
                )
            self._faults.reach("8-signed-before-commit")
            return [row.signature for row in rows if row.signature is not None]

        stored = await self._store.store_signatures(self._commits, activation, made, self._clock, kept)
        self._faults.reach("8-signed-after-commit")
        if stored == made:  # read back as we made and verified them
            return stored, name
        return await self._released(opened, await self._store.occurrences(self._database, activation))

    async def _released(self, opened: Opened, rows: Sequence[Occurrence]) -> tuple[list[bytes], str]:
        """Read back and verified: a row that somebody changed gives nothing away. With it ``name_of`` them."""
        signatures = [row.signature for row in rows if row.signature is not None]
        name, known = name_of(signatures), self._memory.released(opened.activation.id)
        if known is not None and known != name:
            await self._alarm.raise_("occurrences.changed", "occurrences", opened.activation.id)
            raise SignatureNotReleased("the stored signatures are not those that were released")
        certificate = opened.credential.usable(self._clock.now()).chain[0]
        verify_all(certificate, opened.algorithm, tuple(opened.activation.digests), signatures)
        return signatures, name

    async def _signed_meanwhile(self, opened: Opened) -> Sequence[Occurrence]:
        """The rows said that it was never signed, and this process knows better: the same call, come twice, was faster
        between our look and now. What was committed before it was released, a second look must see; if it does not, the
        rows were turned back."""
        rows = await self._store.occurrences(self._database, opened.activation)
        if _unsigned(rows):
            await self._alarm.raise_("occurrences.turned_back", "occurrences", opened.activation.id)
            raise SignatureNotReleased("these signatures were released already")
        return rows


def _unsigned(rows: Sequence[Occurrence]) -> bool:
    return any(occurrence.signature is None for occurrence in rows)
