"""One use of a session, as it was reserved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from foundation.encoding import JsonObject, b64u
from foundation.errors import JsonValue
from protocol.sessions import Use

_SHORT: Final = 10**9
"""Below, a counter is told as the number that it is."""
_LETTERS: Final = "abcdefghijklmnop"


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
        return f"{self.activation}.{told(self.counter)}"

    @property
    def rank(self) -> int:
        """Reserved, then signed."""
        return 0 if self.signatures is None else 1

    def is_still(self, activation: str, counter: int, digest: bytes, count: int, mac: bytes) -> bool:
        """Whether a row is this one, byte by byte, its MAC included."""
        return (self.activation, self.counter, self.digest, self.count, self.mac) == (
            activation, counter, digest, count, mac,
        )  # fmt: skip

    def signed(self, signatures: Sequence[bytes]) -> "Reserved":
        """With what was stored for it."""
        return replace(self, signatures=signatures)

    def meaning(self) -> JsonObject:
        """Under the MAC: a counter that nobody reserved here does not exist, so none is used without being counted."""
        return {
            "activation": self.activation,
            "counter": self.counter,
            "digest": b64u(self.digest),
            "count": self.count,
        }


def told(counter: int) -> int | str:
    """A counter in the audit. One cut from a digest has up to 16 digits, and a line takes no number that could be a
    person's: such a one is told in letters, a sixteenth each."""
    return counter if counter < _SHORT else "".join(_LETTERS[int(digit, 16)] for digit in f"{counter:x}")


def heard(value: JsonValue) -> int:
    """The counter of a line; 0, which is nobody's, of what is none."""
    if isinstance(value, int):
        return value
    if not isinstance(value, str) or not value or not set(value) <= set(_LETTERS):
        return 0
    return int("".join(f"{_LETTERS.index(letter):x}" for letter in value), 16)


def life_of(until: float, now: float, longest: timedelta) -> timedelta:
    """How long the question may wait for its answer: not beyond the end of what is asked for."""
    return min(longest, timedelta(seconds=int(until - now)))
