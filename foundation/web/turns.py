"""So many at once of one key, in memory of one process: who sends more has no part of what others are to have."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from foundation.errors import LinkIdError, TooMany

_RETRY_SECONDS: Final = 5


class Turns:
    """Nobody waits here: who comes when all turns of its key are taken is told so."""

    def __init__(self, at_once: int, refusal: Callable[[], LinkIdError] | None = None) -> None:
        """``refusal``: what is said then, if not TooMany."""
        self._at_once = at_once
        self._refusal = refusal or (lambda: TooMany(retry_after=_RETRY_SECONDS))
        self._busy: Counter[str] = Counter()

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """One turn. Raises TooMany, or the refusal."""
        if self._busy[key] >= self._at_once:
            raise self._refusal()
        self._busy[key] += 1
        try:
            yield
        finally:
            self._busy[key] -= 1
            if not self._busy[key]:
                del self._busy[key]
