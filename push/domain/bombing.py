"""How often a phone that does not answer is rung through a push service.

Who may ask at all, and how often, is the SAM's rule (docs/protocol.md section 15). This one is for what it leaves: many
callers, each within its limits, against one person. A phone has at most one push that it has not answered; the next
waits, longer each time, until the phone asks what waits, which is an answer and forgives everything. Nothing is lost by
it: the app shows every request when it is opened.
"""

from datetime import datetime, timedelta
from typing import Final

REMEMBERED: Final = timedelta(days=1)
"""How far unanswered pushes are looked back for."""

GAPS: Final = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
)
"""After the first, second, … unanswered push in a row. A request lives three minutes: from the third on, a phone that
does not answer is left in peace."""


def next_push(unanswered: int, last: datetime | None, now: datetime) -> timedelta:
    """How long a push must wait; zero: it may go now. ``last``: when the last of the unanswered ones went."""
    if unanswered == 0 or last is None:
        return timedelta(0)
    gap = GAPS[min(unanswered, len(GAPS)) - 1]
    return max(timedelta(0), last + gap - now)
