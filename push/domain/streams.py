"""The rules of streams: when each beats, how long it lives, how many open at once and when the others come back.

No clock and no randomness in here: seconds of a clock that only goes forward, and random bytes, are arguments.
"""

import math
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from foundation.ids import Random

M = TypeVar("M")


@dataclass(frozen=True)
class StreamTimes:
    """Seconds. What they follow from: docs/decisions/0050."""

    heartbeat: float = 25.0
    """Proxies end what was silent for a minute, some for 30 s; a phone takes 40 s of silence for a dead line."""
    shortest: float = 1800.0
    longest: float = 3600.0


UNREAD_SECONDS: Final = 60
"""A phone whose network has confirmed nothing for so long is gone: two heartbeats, and some."""
SEATS: Final = 250
"""Of the wheel: with heartbeats every 25 s, a few streams beat each tenth of a second instead of all at one moment."""


def life(times: StreamTimes, random: Random) -> float:
    """How long a stream may live: each one longer or shorter, so that those opened together do not end together."""
    return times.shortest + (times.longest - times.shortest) * _fraction(random)


def full_wait(random: Random) -> int:
    """Seconds until a gateway that holds all it can may have room: 5 to 15, each phone another."""
    return 5 + int(11 * _fraction(random))


def _fraction(random: Random) -> float:
    """At least 0, less than 1."""
    return int.from_bytes(random(4), "big") / (1 << 32)


class Wheel(Generic[M]):
    """Who is looked after when: seats in a circle, one at a time. Who comes takes the next seat in turn, so that all
    have about as many, however many come at the same moment.
    """

    def __init__(self, seats: int = SEATS) -> None:
        """``seats``: parts of one round."""
        self._seats: list[set[M]] = [set() for _ in range(seats)]
        self._next = 0
        self._hand = 0

    @property
    def seats(self) -> int:
        """How many there are."""
        return len(self._seats)

    def sit(self, member: M) -> int:
        """Its seat, to be given to ``leave``."""
        seat = self._next
        self._next = (seat + 1) % len(self._seats)
        self._seats[seat].add(member)
        return seat

    def leave(self, member: M, seat: int) -> None:
        """Again is harmless."""
        self._seats[seat].discard(member)

    def turn(self) -> list[M]:
        """Everybody of the next seat."""
        self._hand = (self._hand + 1) % len(self._seats)
        return list(self._seats[self._hand])


INSIDE: Final = 16
"""Streams whose proofs and rows are looked at, at the same time: enough to share their statements, few enough that
whoever asks for something else meanwhile waits for a few of them only."""
QUEUE: Final = 256
"""Those that wait for a place inside: a burst that is over within a second is nobody's business."""
LONGEST_WAIT: Final = 60.0
"""Seconds. Nobody is sent away for longer, however many there are: what is far away is guessed badly."""


class Admission:
    """How many may be opening a stream, and when those come back for whom there is no room.

    Each that is sent away is given a time of its own: as many are told to come in a second as get in within a second.
    How long one takes is learned from those that got in, so that a slow machine sends its crowd further away.
    """

    def __init__(self, inside: int = INSIDE, queue: int = QUEUE) -> None:
        """``inside``: at work at the same time; ``queue``: waiting for a place there."""
        self._inside, self._room = inside, inside + queue
        self._here = 0
        self._each = 0.005
        self._promised = 0.0

    def enter(self, now: float) -> float | None:
        """None: come in, and ``leave`` in the end. Else the seconds until coming back makes sense."""
        if self._here < self._room:
            self._here += 1
            return None
        # those inside and in the queue come first, then whoever was sent away before
        self._promised = max(self._promised, now + self._room * self._each) + self._each
        return max(1.0, min(self._promised - now, LONGEST_WAIT))

    def leave(self, seconds: float | None) -> None:
        """One less is here. ``seconds``: that it worked inside; None: it never got there."""
        self._here -= 1
        if seconds is not None:
            self._each += (seconds / self._inside - self._each) / 16


def whole_seconds(wait: float, random: Random) -> int:
    """For ``Retry-After``: rounded up, and up to a quarter more, so that a second's crowd is no crowd."""
    return math.ceil(wait * (1 + _fraction(random) / 4))
