"""A phone bound to a credential. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from foundation.encoding import JsonObject
from protocol.keys import P256Key


class State(StrEnum):
    """trial (password proved) → active (the test came back) → ended."""

    TRIAL = "trial"
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
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """States have no way back."""
        return list(State).index(self.state)

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "id": self.id,
            "credential": self.credential,
            "device": self.device,
            "device_key": self.key.jkt,
            "nickname": self.nickname,
            "state": self.state.value,
            "document": self.document,
            "created": int(self.created.timestamp()),
        }

    def to(self, state: State) -> "Binding":
        """In another state."""
        return replace(self, state=state)
