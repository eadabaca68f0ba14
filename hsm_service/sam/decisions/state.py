"""What became of a document, for whoever waits for it: told only with evidence that verifies now."""

from datetime import datetime

from foundation.clock import Clock
from foundation.database import Database, Record
from foundation.encoding import JsonValue
from hsm_service.sam.decisions import store as evidence
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.rows import Alarm, RowSeals
from protocol.decisions import approves, yes_to
from protocol.errors import SignatureInvalid


class Outcomes:
    """``documents/state``."""

    def __init__(self, database: Database, clock: Clock, seals: RowSeals, store: DocumentStore, alarm: Alarm) -> None:
        self._database, self._clock, self._seals, self._store, self._alarm = database, clock, seals, store, alarm

    async def state(self, id_: str) -> dict[str, JsonValue]:
        """{state, reason?, activation?, until?}; a consent leaves no activation.

        Raises DocumentUnknown, also for a state without its evidence.

        An authorize page goes on when this says "approved": a rewritten state must not be enough for that.
        """
        since = self._seals.now()
        row = await self._database.fetchrow(evidence.queries.outcome, id_)
        fixed = await self._store.read(None if row is None else row["document"], id_, since)
        assert row is not None, "read raises"
        if fixed.state is State.WAITING and fixed.expired(self._clock.now()):
            return {"state": State.EXPIRED.value}
        answer: dict[str, JsonValue] = {"state": fixed.state.value}
        if fixed.state not in (State.APPROVED, State.REFUSED):
            return answer
        if fixed.consent is not None:  # born approved; its context, which says so, is under the MAC
            return answer | _left(row)
        found = evidence.read(row["evidence"])
        if found is None or not self._holds(fixed, found):
            await self._alarm.raise_("decision.without_evidence", "decisions", id_)
            raise DocumentUnknown(id_)
        if fixed.state is State.REFUSED:
            answer["reason"] = found.word
        elif fixed.document.type == "consent":
            answer |= {"consent": id_, "until": fixed.document.number("until")}
        elif fixed.document.is_request:
            answer |= _left(row)
        return answer

    @staticmethod
    def _holds(fixed: Fixed, found: evidence.Evidence) -> bool:
        """The word fits the state, and the key that the document names (for requests: the recorded one) signed it."""
        yes = fixed.state is State.APPROVED
        if approves(found.word) is not yes or (yes and found.word != yes_to(fixed.document)):
            return False
        named = fixed.document.members.get("device_key", fixed.document.members.get("key", found.signer.jkt))
        try:
            found.verify(fixed.document, found.signer)
        except SignatureInvalid:
            return False
        return named == found.signer.jkt


def _left(row: Record) -> dict[str, JsonValue]:
    """The activation that a request's approval left; a consent leaves none."""
    if row["activation"] is None:
        return {}
    return {"activation": row["activation"], "until": _seconds(row["until"])}


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
