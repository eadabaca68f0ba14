"""The sliding window."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import TooMany
from foundation.web import AddressWindow, SlidingWindow

START = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(seconds=60)


def at(seconds: float) -> datetime:
    """That many seconds after the start."""
    return START + timedelta(seconds=seconds)


def test_limit_within_the_window() -> None:
    """The third in a minute waits until the first is a minute old; being refused does not count."""
    window = SlidingWindow(2, MINUTE)

    assert [window.take("a", at(second)) for second in (0, 10, 10.5, 30, 59.9)] == [0, 0, 50, 30, 1]
    assert [window.take("a", at(second)) for second in (60, 60, 70, 71)] == [0, 10, 0, 49]


def test_keys_are_apart() -> None:
    """One who asks too much does not slow down another."""
    window = SlidingWindow(1, MINUTE)

    assert (window.take("a", at(0)), window.take("b", at(0)), window.take("a", at(1))) == (0, 0, 59)


def test_demand_raises_with_the_wait() -> None:
    """For handlers."""
    window = SlidingWindow(1, MINUTE)
    window.demand("a", at(0))

    with pytest.raises(TooMany) as caught:
        window.demand("a", at(15))
    assert caught.value.retry_after == 45


def test_memory_is_bounded() -> None:
    """Ever new keys push out the one silent for longest, not the busy one."""
    window = SlidingWindow(1, MINUTE, max_keys=3)
    for key in ("busy", "a", "b"):
        window.take(key, at(0))
    assert window.take("busy", at(1)) == 59
    window.take("c", at(2))

    assert window.take("busy", at(3)) == 57
    assert window.take("a", at(3)) == 0


def test_a_customer_of_ipv6_is_one_address() -> None:
    """Whoever has a /64 has more addresses than a limit could count; the next customer's is another."""
    window = AddressWindow(1, MINUTE)

    assert window.take("2001:db8:1:2::1", at(0)) == 0
    assert window.take("2001:db8:1:2:ffff::9", at(1)) == 59
    assert window.take("2001:db8:1:3::1", at(1)) == 0
    with pytest.raises(TooMany):
        window.demand("2001:db8:1:2::2", at(2))


@pytest.mark.parametrize(("limit", "window"), [(0, MINUTE), (1, timedelta(0)), (1, -MINUTE)])
def test_nonsense_is_refused(limit: int, window: timedelta) -> None:
    """A window that allows nothing, or has no length, is a mistake."""
    with pytest.raises(ValueError):
        SlidingWindow(limit, window)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=60), st.integers(1, 5))
def test_never_more_than_the_limit(seconds: list[float], limit: int) -> None:
    """In no window of sixty seconds are there more than the limit, whenever asked."""
    window = SlidingWindow(limit, MINUTE)
    allowed = [second for second in sorted(seconds) if window.take("a", at(second)) == 0]

    for first, later in zip(allowed, allowed[limit:], strict=False):
        assert later - first >= 60 - 1e-5
