"""How often is too often: numbers with their reasons, and the arithmetic of a sliding window.

The uses themselves are rows (``pairing.uses``), so that a restart or a second gateway forgets nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """What is counted. The subject (which number, which network) is counted beside it."""

    NUMBER = "number"
    NEIGHBOURHOOD = "neighbourhood"
    NETWORK = "network"
    BUDGET = "budget"
    COUNTRY = "country"
    MISS = "miss"
    LINK = "link"
    CALL = "call"
    CALLER = "caller"


@dataclass(frozen=True)
class Limit:
    """At most ``count`` uses in any ``window``."""

    scope: Scope
    count: int
    window: timedelta


SENDING: Final = (
    # A person needs one message, a person with bad luck three.
    Limit(Scope.NUMBER, 3, timedelta(minutes=10)),
    Limit(Scope.NUMBER, 10, timedelta(days=1)),
    # Ten thousand numbers share these digits; in a minute's traffic hardly ever two of them pair.
    Limit(Scope.NEIGHBOURHOOD, 20, timedelta(hours=1)),
    # An office or a mobile carrier's shared address: many people, but not all pairing in the same minutes.
    Limit(Scope.NETWORK, 20, timedelta(minutes=10)),
    Limit(Scope.NETWORK, 100, timedelta(days=1)),
)

MISSES: Final = (Limit(Scope.MISS, 10, timedelta(minutes=5)),)
"""Typed link codes that nothing answers to, per phone. Half a code has 25 bits: ten guesses find nothing."""

LINKS: Final = (Limit(Scope.LINK, 30, timedelta(minutes=10)),)
"""Links begun, per network."""

CALLS: Final = (Limit(Scope.CALL, 10, timedelta(minutes=10)),)
"""Times that programs ring a holder to ask who is there, per certificate: a person who tries again, not a nuisance."""
CALLS_OF_ONE: Final = (Limit(Scope.CALLER, 5, timedelta(minutes=10)),)
"""The same, of one application."""


def budget(messages_per_day: int) -> Limit:
    """The breaker: what all messages together may be in a day, whoever asks. Beyond it we send nothing to anybody."""
    return Limit(Scope.BUDGET, messages_per_day, timedelta(days=1))


def budget_abroad(messages_per_day: int) -> Limit:
    """What each country but the first may cost in a day."""
    return Limit(Scope.COUNTRY, messages_per_day, timedelta(days=1))


def reopens_in(limit: Limit, blocking: datetime, now: datetime) -> int:
    """Whole seconds, at least one, until the ``count``-th last use leaves the window."""
    left = blocking + limit.window - now
    return max(1, -(-left // timedelta(seconds=1)))
