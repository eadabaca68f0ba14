"""A sliding window: at most so many in so many seconds, per key, in memory of one process.

It slows down the honest and the clumsy. What security rests on (password attempts, SMS codes) is counted in the
database, where restarting a gateway or asking another one changes nothing.
"""

import math
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

from foundation.errors import TooMany
from foundation.network import network

_MAX_KEYS: Final = 50_000
"""Keys remembered at once; beyond it the one silent for longest is forgotten, which only ever allows more."""


class SlidingWindow:
    """Pure: the time is an argument."""

    def __init__(self, limit: int, window: timedelta, *, max_keys: int = _MAX_KEYS) -> None:
        """At most ``limit`` in any ``window``."""
        if limit < 1 or window <= timedelta(0):
            raise ValueError("a window needs a limit of at least 1 and a positive length")
        self._limit = limit
        self._window = window
        self._max_keys = max_keys
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def take(self, key: str, now: datetime) -> int:
        """0 and counted when allowed; otherwise the seconds to wait (at least 1), and not counted."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while times and times[0] <= now - self._window:
            times.popleft()
        if len(times) >= self._limit:
            return max(1, math.ceil((times[0] + self._window - now).total_seconds()))
        times.append(now)
        if len(self._times) > self._max_keys:
            self._times.popitem(last=False)
        return 0

    def demand(self, key: str, now: datetime) -> None:
        """Count, or raise TooMany with ``retry_after``."""
        wait = self.take(key, now)
        if wait:
            raise TooMany(retry_after=wait)


class AddressWindow(SlidingWindow):
    """Keys are addresses, counted by customer: an IPv6 one has more addresses than could ever be counted."""

    def take(self, key: str, now: datetime) -> int:
        """As for any key."""
        return super().take(network(key), now)
