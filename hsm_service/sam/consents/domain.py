"""A consent, and how wrong factors end it. Pure.

Three numbers that only grow: ``total`` tries ever reserved, ``forgiven`` how many of the first ones right factors
forgave, ``good`` how many were right. An application that sends wrong factors climbs no ladder of the certificate's: it
ends its own consent, and only that. So nobody outside can lock a certificate, and nobody guesses for long.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject

IN_A_ROW: Final = 5
"""Wrong factors in a row that end a consent: a holder mistypes two or three times."""
EVER: Final = 50
"""Wrong factors in all: otherwise each right use would buy an application that knows the password more guesses at the
code. 50 guesses in a window of three codes find one of a million with a probability of 1 in 6,600."""


class State(StrEnum):
    """active → ended; no way back."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True)
class Consent:
    """One row of ``sam.consents``; ``id`` is that of the document that the holder approved."""

    id: str
    credential: str
    caller: str
    binding: str
    until: datetime
    maximum: int
    created: datetime
    total: int = 0
    forgiven: int = 0
    good: int = 0
    state: State = State.ACTIVE
    used: int = 0
    """Signatures counted so far; only grows, and is not under the MAC (``memory.Consents``)."""
    last_used: datetime | None = None
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """Not ranked: ``memory.Consents`` remembers the numbers themselves."""
        return 0

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "id": self.id,
            "credential": self.credential,
            "caller": self.caller,
            "binding": self.binding,
            "until": int(self.until.timestamp()),
            "maximum": self.maximum,
            "created": int(self.created.timestamp()),
            "total": self.total,
            "forgiven": self.forgiven,
            "good": self.good,
        }

    @property
    def left(self) -> int:
        """Signatures."""
        return self.maximum - self.used

    @property
    def open_to_tries(self) -> bool:
        """Whether one more try may be made."""
        return self.total - self.forgiven < IN_A_ROW and self.total - self.good < EVER

    def open(self, now: datetime) -> bool:
        """Whether anything may be signed under it."""
        return self.state is State.ACTIVE and now < self.until and self.left > 0 and self.open_to_tries

    def tried(self) -> "Consent":
        """One more try, reserved."""
        return replace(self, total=self.total + 1)

    def right(self, ordinal: int) -> "Consent":
        """The try of that number had the right factors."""
        return replace(self, forgiven=max(self.forgiven, min(ordinal, self.total)), good=self.good + 1)

    def untried(self) -> "Consent":
        """A try never reached the factors, since the HSM failed: one fewer in a row, and those before it stay."""
        return replace(self, forgiven=min(self.forgiven + 1, self.total), good=self.good + 1)


def instant(seconds: int) -> datetime:
    """Of a document's number."""
    return datetime.fromtimestamp(seconds, UTC)
