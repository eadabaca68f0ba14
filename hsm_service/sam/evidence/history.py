"""``documents/history``: what was asked of a phone's certificates and what became of it, the newest first.

A list to find things by: documents whose MAC does not hold are not in it, but that a decision was made, and by which
phone, is told as the rows have it. What proves it is the evidence of each.
"""

from datetime import datetime
from typing import Final

from foundation.clock import Clock
from foundation.database import Database, Record
from foundation.encoding import JsonObject, JsonValue
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.evidence.service import queries
from hsm_service.sam.rows import RowSeals

PAGE: Final = 20
MOST_LABELS: Final = 5
"""Of one request: a hundred labels of each of twenty would not fit in an answer, nor on a screen."""


class History:
    """``of(device, before)``."""

    def __init__(
        self, database: Database, clock: Clock, seals: RowSeals, documents: DocumentStore, bindings: BindingStore
    ) -> None:
        self._database, self._clock, self._seals = database, clock, seals
        self._documents, self._bindings = documents, bindings

    async def of(self, device: str, before: str | None) -> dict[str, JsonValue]:
        """A page of what is over; ``before``: the last request of the page before. ``more``: there may be another."""
        now = self._clock.now()
        bound = await self._bindings.of_device(self._database, device, active=True)
        since = self._seals.now()
        credentials = sorted({binding.credential for binding in bound})
        rows = await self._database.fetch(queries.history, credentials, before, now, PAGE)
        told: list[JsonValue] = []
        for row in rows:
            try:
                fixed = await self._documents.read(row["document"], row["document"]["id"], since)
            except DocumentUnknown:
                continue  # the alarm was raised
            if fixed.credential in credentials:
                told.append(_entry(fixed, row, now))
        return {"requests": told, "more": len(rows) == PAGE}


def _entry(fixed: Fixed, row: Record, now: datetime) -> JsonObject:
    document = fixed.document
    state = State.EXPIRED if fixed.state is State.WAITING and fixed.expired(now) else fixed.state
    decided = row["decided_at"]
    entry: JsonObject = {
        "request": document.id,
        "type": document.type,
        "credential": document.text("credential"),
        "state": state.value,
        "decision": row["decision"],
        "caller": dict(document.object("caller")),
        "created": document.created,
        "decided": None if decided is None else int(decided.timestamp()),
        "device": row["device"],
        "consent": fixed.consent,
    }
    if document.type in ("session", "consent"):
        terms = {name: document.members[name] for name in ("purpose", "until", "maximum")}
        return {**entry, **terms, "used": row["used"] or 0}
    listed = [{"label": one["label"], "size": one["size"]} for one in document.objects("documents")[:MOST_LABELS]]
    return {**entry, "documents": listed, "count": document.number("count"), "signed": row["signed"]}
