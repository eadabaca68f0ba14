"""A phone bound to a credential. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from foundation.encoding import JsonObject
from protocol.keys import P256Key


class State(StrEnum):
    """trial (password proved) → waiting (the test came back, and it is not the first phone) → active → ended."""

    TRIAL = "trial"
    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True)
class Binding:
    """One row of ``sam.bindings``."""

    id: str
    credential: str
    device: str
    key: P256Key
    nickname: str
    state: State
    document: str
    created: datetime
    until: datetime | None = None
    """Before this it may not decide; None: of a first phone, or not known yet (on trial)."""
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """States have no way back."""
        return list(State).index(self.state)

    def meaning(self) -> JsonObject:
        """Under the MAC. (Rows of before phones waited have no such member.)"""
        until: JsonObject = {} if self.until is None else {"until": int(self.until.timestamp())}
        return {
            **until,
            "id": self.id,
            "credential": self.credential,
            "device": self.device,
            "device_key": self.key.jkt,
            "nickname": self.nickname,
            "state": self.state.value,
            "document": self.document,
            "created": int(self.created.timestamp()),
        }

    def confirmed(self, now: datetime, wait: timedelta, *, first: bool) -> "Binding":
        """The test came back. The certificate's first phone decides from now on; each other one waits, counted from
        now, when its holder hears of it. One that was paired anew by the very same key waits as before, no longer."""
        until = self.until
        if until is None and not first:
            until = (now + wait).replace(microsecond=0)
        return replace(self, until=until, state=State.ACTIVE if until is None or until <= now else State.WAITING)

    def inherited(self, now: datetime) -> datetime | None:
        """``until`` of the binding that the same phone, by the same key, gets in this one's place."""
        return now.replace(microsecond=0) if self.state is State.ACTIVE else self.until

    def to(self, state: State) -> "Binding":
        """In another state."""
        return replace(self, state=state)
