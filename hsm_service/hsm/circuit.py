"""The circuit breaker before a token: open after a failed renewal, tried again by one caller at a time.

    closed ──failed──► open ──(pause is over)──► one caller tries ──healed──► closed
                        ▲                              │
                        └───────────failed─────────────┘   the pause grows from 0.1 to 5 s, with jitter

Rules without I/O: times are arguments (seconds of a monotonic clock), chance is one (0 to 1). A healthy call reads
``refusing`` and nothing else.
"""

import math
import threading
from typing import Final

from foundation.errors import LinkIdError

PAUSES: Final = (0.1, 0.5, 2.5, 5.0)
"""Seconds before the next try, by failures in a row; then the last one. Jitter takes away up to half."""

FAILURES: Final = 3
FAILING_SECONDS: Final = 20.0
"""So many failed renewals in a row, over so long, and this process is not what can heal it: it asks to be replaced."""


class Circuit:
    """One for each token of a process; safe for any number of threads."""

    def __init__(self) -> None:
        """Closed."""
        self.refusing = False
        """Whether the circuit is open. May be read without a lock."""
        self.why: LinkIdError | None = None
        """What opened it."""
        self.failures = 0
        """In a row."""
        self._lock = threading.Lock()
        self._trying = False
        self._until = self._since = 0.0

    def failed(self, why: LinkIdError, now: float, chance: float) -> None:
        """A renewal failed, or what the token did after it was not what it did before."""
        with self._lock:
            if not self.refusing:
                self.failures, self._since = 0, now
            self.failures += 1
            pause = PAUSES[min(self.failures, len(PAUSES)) - 1]
            self._until = now + pause * (1 - chance / 2)
            self.refusing, self._trying, self.why = True, False, why

    def healed(self) -> None:
        """Everything is as it was."""
        with self._lock:
            self.refusing = self._trying = False
            self.failures, self.why = 0, None

    def given_up(self) -> None:
        """Whoever was to try did not get that far; the next caller may."""
        with self._lock:
            self._trying = False

    def may_try(self, now: float) -> bool:
        """Half open: yes to one caller once the pause is over, who then says ``failed``, ``healed`` or ``given_up``."""
        with self._lock:
            if not self.refusing or self._trying or now < self._until:
                return False
            self._trying = True
            return True

    def refuses(self, now: float) -> bool:
        """Whether a call would be refused now, without taking the turn to try."""
        return self.refusing and (self._trying or now < self._until)

    def wait(self, now: float) -> float:
        """Seconds until trying makes sense."""
        return max(0.0, self._until - now)

    def retry_after(self, now: float) -> int:
        """The same for a caller: whole seconds, at least one."""
        return max(1, math.ceil(self.wait(now)))

    def exhausted(self, now: float) -> bool:
        """Whether the process should be replaced."""
        return self.refusing and self.failures >= FAILURES and now - self._since >= FAILING_SECONDS
