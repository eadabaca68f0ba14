"""One use of a session, as it was reserved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from foundation.encoding import JsonObject, b64u
from protocol.sessions import Use


@dataclass(frozen=True)
class UseCall:
    """``signatures/use`` as asked."""

    use: Use
    secret: bytes = field(repr=False)
    signature: object
    """By a key of the session, still to be verified; None of a caller that has none."""
    caller_kind: str
    caller_id: str


@dataclass(frozen=True)
class Reserved:
    """One row of ``sam.uses``: a counter, the use that it serves, and what was released for it."""

    activation: str
    counter: int
    digest: bytes
    count: int
    total: int
    """Signatures of the session reserved so far, with these. Not under the MAC: it only goes into the audit."""
    signatures: Sequence[bytes] | None
    mac: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        """Names the row in the audit."""
        return f"{self.activation}.{said_counter(self.counter)}"

    @property
    def rank(self) -> int:
        """Reserved, then signed."""
        return 0 if self.signatures is None else 1

    def meaning(self) -> JsonObject:
        """Under the MAC: a counter that nobody reserved here does not exist, so none is used without being counted."""
        return {
            "activation": self.activation,
            "counter": self.counter,
            "digest": b64u(self.digest),
            "count": self.count,
        }


def said_counter(counter: int) -> int | str:
    """A counter in the audit, which takes no number that could be a person's: hexadecimal when it is cut from a digest,
    as those of callers that do not count are."""
    return counter if counter < _SMALL else f"x{counter:x}"


def heard_counter(said: object) -> int:
    """The same read back; 0 for what is no line of ours and teaches nothing."""
    if isinstance(said, int):
        return said
    try:
        return int(said[1:], 16) if isinstance(said, str) and said.startswith("x") else 0
    except ValueError:
        return 0


_SMALL: Final = 10**9
"""What the audit takes for a count (foundation/audit/lines.py)."""


def life_of(until: float, now: float, longest: timedelta) -> timedelta:
    """How long the question may wait for its answer: not beyond the end of what is asked for."""
    return min(longest, timedelta(seconds=int(until - now)))
