"""The gateway's chores."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from linkid.gateway import Chore, now_and_then

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0)


@pytest.mark.parametrize("failure", [Unavailable("the database rests"), ValueError("a fault of ours")])
async def test_a_chore_that_fails_keeps_no_other_from_its_turn_nor_itself_from_the_next(failure: Exception) -> None:
    """What is swept up after others must go on sweeping."""
    turns: list[str] = []
    seen: set[datetime] = set()

    async def fails(_now: datetime) -> None:
        turns.append("fails")
        raise failure

    async def works(now: datetime) -> int:
        turns.append("works")
        seen.add(now)
        return 7

    chores: dict[str, Chore] = {"first": fails, "second": works}
    clock = FixedClock(NOW)
    task = asyncio.create_task(now_and_then(0, clock, chores))
    await until(lambda: len(turns) >= 4)
    clock.advance(timedelta(minutes=5))
    before = len(turns)
    await until(lambda: len(turns) >= before + 4)
    task.cancel()
    assert turns[:4] == ["fails", "works", "fails", "works"]
    assert seen == {NOW, NOW + timedelta(minutes=5)}, "each turn is told the time it is"
