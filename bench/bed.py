"""The test bed: a Link ID of its own with people in it, a load generator, and what both cost in a window."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncpg

from bench.generator import Generator, Load
from bench.people import Crowd, gather_people
from bench.usage import cpu_seconds, processes
from demo.stack import Stack

Say = Callable[[str], None]
CORES: Final = len(os.sched_getaffinity(0))
SETTINGS: Final[Mapping[str, str]] = {
    "LINKID__SAMS": str(CORES),
    "LINKID__PSC__SESSION_SIGNATURES": "100000",
    "LINKID__OAUTH__CALLS_PER_MINUTE": "10000000",
}
"""Of the measured Link ID, beside the usual ones: a SAM for each core, sessions that no run uses up, and a limit of
calls that none reaches: counting them is measured too."""


@dataclass(frozen=True)
class Window:
    """One window of load. ``cpu``: microseconds for one thing, by process; ``share``: the generator's of all cores."""

    load: Load
    cpu: Mapping[str, float]
    share: float


@dataclass
class Bed:
    """A running Link ID with its load generator."""

    stack: Stack
    crowd: Crowd
    generator: Generator

    async def window(
        self,
        flow: str,
        *,
        clients: int,
        seconds: float,
        ports: Sequence[int] = (),
        sizes: tuple[int, int] = (0, 0),
        timed: bool = False,
    ) -> Window:
        """Load for so many seconds; the clients are ready before the window begins. Raises GeneratorFailed.

        ``ports``, ``sizes``: of the bare handlers. ``timed``: take every flow's time.
        """

        def measured() -> tuple[Load, dict[str, float]]:
            # clients made, nothing timed
            self.generator.run(flow, clients=clients, seconds=0, ports=ports, sizes=sizes)
            pids = processes(self.stack.settings.places.run)
            before = cpu_seconds(pids)
            load = self.generator.run(flow, clients=clients, seconds=seconds, ports=ports, sizes=sizes, timed=timed)
            after = cpu_seconds(pids)
            return load, {name: after[name] - before[name] for name in pids}

        load, used = await asyncio.to_thread(measured)
        used["generator"] = load.cpu
        each = {name: spent * 1e6 / max(load.count, 1) for name, spent in used.items() if name not in _BYSTANDERS}
        return Window(load, each, load.cpu / (load.seconds * CORES))

    @property
    def gateways(self) -> int:
        """How many gateway processes run."""
        return sum(name.startswith("gateway") for name in processes(self.stack.settings.places.run))


_BYSTANDERS: Final = ("ac", "app-host", "migrate")


@asynccontextmanager
async def bed(
    folder: Path,
    credentials: Mapping[str, int],
    lanes: int,
    phones: int,
    *,
    again: bool,
    say: Say,
    askers: int = 0,
) -> AsyncIterator[Bed]:
    """A bed in ``folder``, made anew unless ``again`` finds one there; the arguments are ``gather_people``'s."""
    note = folder / "crowd.json"
    if not (again and note.exists()):
        shutil.rmtree(folder, ignore_errors=True)
    say(f"a Link ID of its own in {folder.name} …")
    async with Stack(folder, SETTINGS) as stack:
        if note.exists():  # the ports are new ones, and the settings may be
            crowd = replace(Crowd.load(note), gateway=stack.gateway, sams=stack.settings.sam_targets())
            await _until_nothing_waits(stack, say)
        else:
            crowd = await gather_people(stack, credentials, lanes, phones, say, askers=askers)
        crowd.save(note)
        generator = Generator(note)
        try:
            yield Bed(stack, crowd, generator)
        finally:
            await asyncio.to_thread(generator.close)


async def _until_nothing_waits(stack: Stack, say: Say) -> None:
    """A run that was broken off leaves requests, and a caller has one at a time: they lapse within three minutes."""
    connection = await asyncpg.connect(stack.settings.dsn("gateway"))
    try:
        until = await connection.fetchval(
            "SELECT max(expires_at) - now() FROM signing.requests WHERE state IN ('asked', 'waiting')"
        )
    finally:
        await connection.close()
    if until is not None and until.total_seconds() > 0:
        say(f"waiting {until.total_seconds():.0f} s for requests of a run that was broken off to lapse …")
        await asyncio.sleep(until.total_seconds() + 1)
