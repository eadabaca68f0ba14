"""How long a client waits for a target that takes calls again, while nothing was delivered anywhere.

The policy alone, so that it can be read and changed in one place: a round over all targets, a pause, a round, until the
patience is used up. What was delivered is never repeated by it.
"""

from collections.abc import Iterator
from typing import Final

FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.25
_SHARE: Final = 0.9
"""Of the call's deadline: the last refusal is worth more to the caller than the end of its time."""


def pauses(patience: float, deadline: float) -> Iterator[float]:
    """Seconds to wait before each round; 0 before the first. Patience 0: one round."""
    left, pause = min(patience, deadline * _SHARE), FIRST_PAUSE
    yield 0.0
    while left > 0:
        pause = min(pause, left)
        yield pause
        left -= pause
        pause = min(pause * 2, LONGEST_PAUSE)
