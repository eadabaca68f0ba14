"""A computer associated with a credential. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from foundation.encoding import JsonObject
from protocol.keys import P256Key


class State(StrEnum):
    """active → ended."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True)
class Association:
    """One row of ``sam.associations``."""

    computer: str
    credential: str
    name: str
    os: str
    key: P256Key
    device: str
    document: str
    state: State
    created: datetime
    mac: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        """One for each time a phone allowed it."""
        return f"{self.computer}.{self.credential}.{self.document}"

    @property
    def rank(self) -> int:
        """States have no way back."""
        return list(State).index(self.state)

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "computer": self.computer,
            "credential": self.credential,
            "name": self.name,
            "os": self.os,
            "key": self.key.jkt,
            "device": self.device,
            "document": self.document,
            "state": self.state.value,
            "created": int(self.created.timestamp()),
        }

    def ended(self) -> "Association":
        """For ever; associating again makes a new one."""
        return replace(self, state=State.ENDED)
