"""``documents/evidence``: a request's decision, for a phone of its holder.

Nothing here is believed because it stands in a row: the document's MAC holds, the device key's signature verifies over
its bytes, the line of the audit that was written with the decision names the same key and bytes, and each signature
verifies by the certificate. Only then the root signs it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database, Record
from foundation.encoding import strict_json
from foundation.errors import LinkIdError
from foundation.queries import Queries
from hsm_service.sam.activations.store import signatures_of
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.roots import Roots
from hsm_service.sam.rows import Alarm
from protocol.decisions import approves
from protocol.evidence import Evidence, Line
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.evidence")

_BEFORE: Final = timedelta(seconds=5)
_AFTER: Final = timedelta(seconds=60)
"""A line is written at the end of the transaction whose beginning the row's time tells."""
_MAX_LINE: Final = 8192


class EvidenceRoom:
    """``of(document, device)``."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        documents: DocumentStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        roots: Roots,
        alarm: Alarm,
    ) -> None:
        self._database, self._clock = database, clock
        self._documents, self._credentials, self._bindings = documents, credentials, bindings
        self._roots, self._alarm = roots, alarm

    async def of(self, id_: str, device: str) -> str:
        """The root-signed evidence (``protocol.evidence``).

        Raises DocumentUnknown: no such request of this phone's holder, not decided, or rows that do not hold.
        """
        fixed = await self._documents.get(self._database, id_)
        bound = await self._bindings.of_device(self._database, device, active=True)
        if not fixed.document.is_request or fixed.credential not in {binding.credential for binding in bound}:
            raise DocumentUnknown(id_)
        if fixed.state not in (State.APPROVED, State.REFUSED):
            raise DocumentUnknown(f"{id_} is {fixed.state}")
        row = await self._database.fetchrow(queries.decision, id_, fixed.consent)
        try:
            if row is None or row["decision"] is None:
                raise DocumentUnknown(id_)
            evidence = await self._put_together(fixed, row)
            evidence.verify()
            _demand_told(evidence, fixed)
        except (LinkIdError, ValueError) as cause:
            await self._alarm.raise_("evidence.does_not_hold", "decisions", id_)
            raise DocumentUnknown(id_) from cause
        return await self._roots.sign(evidence.payload())

    async def _put_together(self, fixed: Fixed, row: Record) -> Evidence:
        credential = await self._credentials.get(self._database, fixed.document.text("credential"))
        certificate = credential.certificate
        lines = await self._lines(fixed.id, [row["decided_at"], row["signed_at"]])
        consent = None
        if fixed.consent is not None:
            consent = await self._documents.get(self._database, fixed.consent)
            lines = [
                *await self._lines(consent.id, [row["decided_at"]]),
                *await self._lines(fixed.id, [row["created_at"], row["signed_at"]]),
            ]
        return Evidence(
            document=fixed.document,
            word=row["decision"],
            proof_hash=row["proof_hash"],
            signature=row["signature"],
            device=row["device"],
            device_key=P256Key.from_point(row["signer"]),
            decided=int(row["decided_at"].timestamp()),
            chain=() if certificate is None else certificate.chain,
            signatures=signatures_of(row["signatures"]) or (),
            lines=lines,
            consent=None if consent is None else consent.document,
        )

    async def _lines(self, document: str, times: Sequence[datetime | None]) -> list[Line]:
        found: dict[bytes, Line] = {}
        for time in times:
            if time is not None:
                rows = await self._database.fetch(queries.lines, document, time - _BEFORE, time + _AFTER)
                found |= {row["hash"]: Line(row["body"], row["hash"]) for row in rows}
        return list(found.values())


def _demand_told(evidence: Evidence, fixed: Fixed) -> None:
    """The audit was told of this decision, about these bytes, by this key. Raises DocumentUnknown."""
    event = "document.approved" if approves(evidence.word) else "document.refused"
    said = [strict_json(line.body, max_bytes=_MAX_LINE) for line in evidence.lines]
    told = [
        (one.get("event"), one.get("hash"), one.get("device"), one.get("signer"), one.get("consent"))
        for one in said
        if isinstance(one, dict)
    ]
    decided = (event, evidence.decided_upon.hash, evidence.device, evidence.device_key.jkt, None)
    if decided not in told:
        raise DocumentUnknown("the audit does not know this decision")
    if fixed.consent and ("explicit.opened", fixed.document.hash, None, None, fixed.consent) not in told:
        raise DocumentUnknown("the audit does not know that factors were right")
