"""What became of a document, for whoever waits for it: told only with evidence that verifies now."""

from datetime import datetime

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonValue
from hsm_service.sam.activations.store import ActivationStore
from hsm_service.sam.decisions import store as evidence
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.rows import Alarm
from protocol.decisions import approves, yes_to
from protocol.errors import SignatureInvalid


class Outcomes:
    """``documents/state``."""

    def __init__(
        self, database: Database, clock: Clock, store: DocumentStore, activations: ActivationStore, alarm: Alarm
    ) -> None:
        self._database, self._clock, self._store = database, clock, store
        self._activations, self._alarm = activations, alarm

    async def state(self, id_: str) -> dict[str, JsonValue]:
        """{state, reason?, activation?, until?}; a consent leaves no activation.

        Raises DocumentUnknown, also for a state without its evidence.

        An authorize page goes on when this says "approved": a rewritten state must not be enough for that.
        """
        fixed = await self._store.get(self._database, id_)
        if fixed.state is State.WAITING and fixed.expired(self._clock.now()):
            return {"state": State.EXPIRED.value}
        answer: dict[str, JsonValue] = {"state": fixed.state.value}
        if fixed.state not in (State.APPROVED, State.REFUSED):
            return answer
        if fixed.consent is not None:  # born approved; its context, which says so, is under the MAC
            return answer | await self._left(id_)
        found = await evidence.find(self._database, id_)
        if found is None or not self._holds(fixed, found):
            await self._alarm.raise_("decision.without_evidence", "decisions", id_)
            raise DocumentUnknown(id_)
        if fixed.state is State.REFUSED:
            answer["reason"] = found.word
        elif fixed.document.type == "consent":
            answer |= {"consent": id_, "until": fixed.document.number("until")}
        elif fixed.document.is_request:
            answer |= await self._left(id_)
        return answer

    async def _left(self, id_: str) -> dict[str, JsonValue]:
        """The activation that its approval left; a consent leaves none."""
        left = await self._activations.of_document(self._database, id_)
        return {} if left is None else {"activation": left[0], "until": _seconds(left[1])}

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


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
