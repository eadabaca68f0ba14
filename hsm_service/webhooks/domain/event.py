"""What is told."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject, JsonValue

LIFE: Final = timedelta(hours=24)
"""After that nobody waits for it any more; the state can be asked for."""


class EventType(StrEnum):
    """Its name on the wire."""

    APPROVED = "request.approved"
    REFUSED = "request.refused"
    EXPIRED = "request.expired"
    WITHDRAWN = "request.withdrawn"
    SESSION_ENDED = "session.ended"
    TEST = "test"
    """Nothing happened: an owner wants to see one arrive."""


@dataclass(frozen=True)
class Event:
    """``request``, ``credential``: of all but a test; ``session``: the activation, of a session; ``reason``: of a
    refusal, or why a session ended."""

    type: EventType
    client: str
    request: str | None = None
    credential: str | None = None
    session: str | None = None
    reason: str | None = None

    def body(self, id: str, now: datetime) -> JsonObject:
        """As it is sent. One key signs for all applications, so a receiver checks that ``application`` is itself."""
        told: dict[str, JsonValue] = {
            "id": id,
            "type": self.type.value,
            "created": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "application": self.client,
        }
        rest = {
            "request": self.request,
            "credential": self.credential,
            "session": self.session,
            "reason": self.reason,
        }
        return {**told, **{name: value for name, value in rest.items() if value is not None}}
