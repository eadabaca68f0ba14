"""Receivers that keep silent are left alone for a while, so that they keep nobody else's events waiting. Pure.

A receiver that takes a connection and says nothing costs the whole deadline, one place of the worker's, and all that
wait behind it; it need not be malice. After the first such time nobody goes there for some seconds, then one goes to
look, and while it stays silent the pauses double. Whoever answers, whatever it says, is a receiver like any other.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=10)
LOOK: Final = timedelta(seconds=30)
"""How long others wait for the one that went to look: longer than its deadline."""
_MOST: Final = 10_000


@dataclass(frozen=True)
class _Pause:
    times: int
    until: datetime
    looking: bool = False
    """Somebody went there after the last pause."""


class Silence:
    """Of one process. Bounded; forgets first who was not heard of for longest."""

    def __init__(self) -> None:
        self._pauses: OrderedDict[str, _Pause] = OrderedDict()

    def wait(self, receiver: str, now: datetime) -> int:
        """0: go. Otherwise in how many seconds to come again; of all who come after a pause the first one goes."""
        pause = self._pauses.get(receiver)
        if pause is None:
            return 0
        if now < pause.until:
            return ceil((pause.until - now) / timedelta(seconds=1))
        self._keep(receiver, _Pause(pause.times, now + LOOK, looking=True))
        return 0

    def silent(self, receiver: str, now: datetime) -> None:
        """It said nothing all the time. Of those who went there together the first one counts."""
        pause = self._pauses.get(receiver)
        if pause is not None and not pause.looking and now < pause.until:
            return
        times = 1 if pause is None else pause.times + 1
        self._keep(receiver, _Pause(times, now + min(FIRST * 2 ** min(times - 1, 10), LONGEST)))

    def answered(self, receiver: str) -> None:
        """It said something."""
        self._pauses.pop(receiver, None)

    def _keep(self, receiver: str, pause: _Pause) -> None:
        self._pauses[receiver] = pause
        self._pauses.move_to_end(receiver)
        if len(self._pauses) > _MOST:
            self._pauses.popitem(last=False)
