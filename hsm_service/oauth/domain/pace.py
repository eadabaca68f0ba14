"""How many calls a gateway takes out of a client's bucket at once, and how long it waits when there are none. Pure."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

BITES: Final = 20
"""Parts of a minute's worth: so many statements a minute at most for each gateway, and so little left unused."""
STALE: Final = timedelta(minutes=1)
"""What a gateway took and did not use by then it gives up: others could have used it."""


@dataclass(frozen=True)
class Bite:
    """``calls`` at once; ``wait``: seconds in which an empty bucket fills by so many."""

    calls: int
    wait: int


def bite_of(per_minute: int) -> Bite:
    """For a limit of at least 1."""
    calls = max(1, per_minute // BITES)
    return Bite(calls, max(1, math.ceil(60 * calls / per_minute)))


@dataclass
class Purse:
    """What a gateway holds of one client's calls."""

    calls: int = 0
    until: datetime | None = None
    """Worth nothing from then on."""
    shut_until: datetime | None = None
    """The bucket was empty: nobody asks it again before."""

    def take(self, now: datetime) -> bool:
        """One call, if there is one."""
        if self.calls < 1 or self.until is None or now >= self.until:
            return False
        self.calls -= 1
        return True

    def wait(self, now: datetime) -> int:
        """Seconds until the bucket is asked again; 0: now."""
        return 0 if self.shut_until is None else max(0, math.ceil((self.shut_until - now).total_seconds()))
