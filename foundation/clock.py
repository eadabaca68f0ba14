"""Time as an argument: nothing else of ours may ask the system for the time of day."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Whoever needs the time is given one of these."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that moves only when told, for tests and for replaying a recorded story."""

    def __init__(self, start: datetime) -> None:
        """Start at an aware instant; a naive one raises ValueError, for nobody knows which instant it means."""
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware datetime (with a time zone)")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """The instant it was last set to, aware, in UTC."""
        return self._now

    def advance(self, step: timedelta | float) -> datetime:
        """Move by a timedelta or by seconds (backwards when negative); returns the new instant."""
        self._now += step if isinstance(step, timedelta) else timedelta(seconds=step)
        return self._now
