"""A generator: what makes codes on one phone, for one certificate. Pure."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject, b64u

ENDED: Final = 1 << 40
"""The rank of one that ended: beyond every time step."""


class State(StrEnum):
    """active → ended (its secret is gone then); no way back."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True)
class Generator:
    """One row of ``sam.generators``."""

    id: str
    credential: str
    binding: str
    """Of the phone: a generator ends with it."""
    document: str
    kept: bytes = field(repr=False)
    """nonce || AES-256-GCM(k, secret): ``custody``."""
    pepper: int
    step: int
    """The newest time step that a code was taken for: codes of later ones only are taken."""
    created: datetime
    state: State = State.ACTIVE
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """Steps only grow; a row that says an older one was turned back, and a code could come twice."""
        return ENDED if self.state is State.ENDED else self.step

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "id": self.id,
            "credential": self.credential,
            "binding": self.binding,
            "document": self.document,
            "kept": b64u(hashlib.sha256(self.kept).digest()),
            "pepper": self.pepper,
            "step": self.step,
            "created": int(self.created.timestamp()),
        }

    def used_at(self, step: int) -> "Generator":
        """A code of that step was taken."""
        return replace(self, step=step)
