"""What a SAM does by itself, when something is away."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast
from unittest.mock import AsyncMock

from foundation.clock import FixedClock
from foundation.errors import Unavailable
from hsm_service.sam.housekeeping import keep_house


async def test_a_chore_that_fails_keeps_no_other_from_its_turn() -> None:
    """Nothing can be forgotten or renewed; phones that waited long enough are looked at all the same."""
    reached = asyncio.Event()
    away = AsyncMock(side_effect=Unavailable("away"))
    database, heads, generators = AsyncMock(fetch=away, execute=away), AsyncMock(), AsyncMock(renew=away)

    class Phones:
        async def admit_who_waited(self) -> None:
            reached.set()

    clock = FixedClock(datetime(2026, 11, 30, tzinfo=UTC))
    keeping = asyncio.create_task(keep_house(database, clock, heads, generators, cast("Any", Phones())))
    try:
        async with asyncio.timeout(30):
            await reached.wait()
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    assert away.await_count >= 4
