"""One cell: a program, used in a world of its own while what its column says happens."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from tests.agent.daemon.survey.columns import BAD, ENDLESS, GOOD, LACKING, SILENT, Cell, Column, Try, code_in
from tests.agent.daemon.survey.rows import Row
from tests.agent.daemon.survey.world import Lacking, People, World, world


async def cell(row: Row, column: Column, people: People) -> Cell:
    """What came of it."""
    if row.silent and column.name != "yes":
        return Cell((Try(SILENT, 0.0),))
    async with world(people) as made:
        made.phone.column = column
        if not column.killed:
            return Cell((await _go(row, made),))
        killing = asyncio.create_task(_kill_while_it_waits(made))
        tries = [await _go(row, made)]
        killing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        if tries[0].end == LACKING:
            return Cell((*tries,))
        tries.append(await _go(row, made))
        if row.lives_on and tries[1].end != GOOD:
            await made.end_programs()
            tries.append(await _go(row, made, fresh=True))
        return Cell((*tries,))


async def _go(row: Row, made: World, *, fresh: bool = False) -> Try:
    asked, started, made.said = len(made.phone.requests), time.monotonic(), ""
    try:
        end = GOOD if await row.use(made) else BAD
    except Lacking as lacking:
        return Try(LACKING, 0.0, code=str(lacking))
    except TimeoutError:
        end = ENDLESS
    seconds, rang = time.monotonic() - started, len(made.phone.requests) - asked
    return Try(end, round(seconds, 2), rang, code_in(made.said) if end == BAD else "", fresh)


async def _kill_while_it_waits(made: World) -> None:
    """At the moment when the phone has rung and nobody has answered."""
    while not (made.phone.requests and made.phone.requests[-1]["checks"]):
        await asyncio.sleep(0.01)
    await made.daemon.kill()
