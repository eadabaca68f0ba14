"""Time as an argument."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from foundation.clock import Clock, FixedClock, SystemClock


def test_system_clock_is_aware_and_utc() -> None:
    """Nobody ever sees a naive datetime."""
    clock: Clock = SystemClock()

    assert clock.now().utcoffset() == timedelta(0)


def test_fixed_clock_moves_only_when_told() -> None:
    """It stands still, then moves by seconds or by a timedelta."""
    start = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    clock = FixedClock(start)

    assert clock.now() == clock.now() == start
    assert clock.advance(90) == start + timedelta(seconds=90)
    assert clock.advance(timedelta(hours=-1)) == start + timedelta(seconds=90, hours=-1)
    assert clock.now() == start + timedelta(seconds=90, hours=-1)


def test_fixed_clock_speaks_utc_whatever_it_was_given() -> None:
    """A start in São Paulo's time is the same instant in UTC."""
    start = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=-3)))

    now = FixedClock(start).now()

    assert now == start
    assert now.tzinfo is UTC


def test_fixed_clock_refuses_a_naive_start() -> None:
    """A naive datetime is not an instant."""
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2026, 11, 23))  # noqa: DTZ001 - the point of the test
