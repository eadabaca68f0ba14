"""The run: people at work, something broken every so often, looked at every minute, judged at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg

from demo.stack import Stack, StackFailed
from soak.faults import BREAKERS, Fault, schedule
from soak.ledger import Ledger, Violation
from soak.people import Caller, Log, Settled, Thumb, settled
from soak.watch import Memory, chains, made_twice, occurrences

SAMS: Final = 2
COMPUTERS: Final = 2
RECYCLE_UNWRAPS: Final = 1500
"""Minutes of this load, so that SAMs make room for new ones within the run: days in a Link ID as it comes."""
SETTINGS: Final = {
    "LINKID__SAMS": str(SAMS),
    "LINKID__SOFTHSM_RECYCLE_UNWRAPS": str(RECYCLE_UNWRAPS),
    "LINKID__OAUTH__CALLS_PER_MINUTE": "10000000",
}
"""Beside the usual ones; nobody here calls too often."""
_TELL_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 60.0
_SAMPLE_SECONDS: Final = 5.0
_DRAIN_SECONDS: Final = 200.0
"""A request lives 180 s: by then every caller has heard something."""


@dataclass(frozen=True)
class Options:
    """How long (minutes), how often something is broken (seconds), and by which seed.

    ``calm``: so many minutes of load more in which nothing is broken. Faults cut lives short (a SAM whose token hangs
    is replaced), and only a long life tells about memory.
    """

    minutes: float = 30.0
    calm: float = 0.0
    every: float = 20.0
    seed: int = 1
    holders: int = 3


@dataclass
class Outcome:
    """What the report says."""

    options: Options
    log: Log
    memory: Memory
    faults: Counter[str] = field(default_factory=Counter)
    outages: dict[str, list[float]] = field(default_factory=dict)
    """By kind of fault: after each injection, the longest time in which nothing at all worked (seconds)."""
    approvals: int = 0
    acknowledged: int = 0
    occurrences: int = 0
    looks: int = 0
    seconds: float = 0.0
    recycled: int = 0
    """SAMs that were worn and made room for new ones, by themselves."""
    violations: list[Violation] = field(default_factory=list)


class Soak:
    """One run on a Link ID that is up."""

    def __init__(self, stack: Stack, people: list[Settled], options: Options, say: Callable[[str], None]) -> None:
        self._stack, self._people, self._options, self._say = stack, people, options, say
        self._ledger, self._log, self._memory = Ledger(), Log(), Memory()
        self._outcome = Outcome(options, self._log, self._memory)
        self._injected: list[tuple[float, Fault]] = []
        self._whole = asyncio.Lock()
        """Held while something is broken, and while everything is looked at."""

    async def run(self) -> Outcome:
        began, stop, hang_up = time.monotonic(), asyncio.Event(), asyncio.Event()
        callers = [
            Caller(who, computer, self._ledger, self._log, f"{self._options.seed}:{who.name}:{number}")
            for who in self._people
            for number, computer in enumerate(who.computers)
        ]
        thumbs = [asyncio.create_task(Thumb(who, self._ledger, self._log).run(hang_up)) for who in self._people]
        at_work = [asyncio.create_task(caller.run(stop)) for caller in callers]
        around = [asyncio.create_task(work()) for work in (self._look, self._sample, self._tell)]
        breaking = asyncio.create_task(self._break_things())
        try:
            end = began + self._options.minutes * 60
            await self._until(end, [*thumbs, *at_work, *around, breaking])
            breaking.cancel()  # what is broken is put right then
            if self._options.calm:
                self._say("nothing is broken any more; the load goes on")
                await self._until(end + self._options.calm * 60, [*thumbs, *at_work, *around])
        finally:
            around.append(breaking)
            for task in around:
                task.cancel()
            await asyncio.gather(*around, return_exceptions=True)
        stop.set()
        self._say("no more requests; what is on its way comes to its end")
        await self._stack.ready(90)
        _, late = await asyncio.wait(at_work, timeout=_DRAIN_SECONDS)
        hang_up.set()
        for task in late:
            task.cancel()
        await asyncio.gather(*at_work, *thumbs, return_exceptions=True)
        stuck = [Violation("stuck", "-", f"a caller hangs: {caller.now_doing}") for caller in callers] if late else []
        self._outcome.seconds = time.monotonic() - began
        await self._judge_at_the_end(stuck)
        return self._outcome

    async def _until(self, end: float, tasks: list[asyncio.Task[None]]) -> None:
        """To the end, or to the first task that breaks: a mistake of ours."""
        done, _ = await asyncio.wait(tasks, timeout=end - time.monotonic(), return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    # --- around the people ------------------------------------------------------------------------------------------

    async def _break_things(self) -> None:
        for fault in schedule(self._options.seed, SAMS):
            await asyncio.sleep(self._options.every)
            async with self._whole:
                self._say(f"fault: {fault}")
                self._injected.append((time.monotonic(), fault))
                self._outcome.faults[fault.kind] += 1
                try:
                    await BREAKERS[fault.kind](self._stack, fault)
                except (OSError, asyncpg.PostgresError) as error:
                    self._say(f"could not be broken, it is not there just now: {error}")

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._whole:
                await self._look_now(over=False)

    async def _look_now(self, *, over: bool) -> None:
        try:
            await self._stack.ready(60)
            received = len(self._ledger.received)  # before the rows are read: these must be in them
            rows, twice = await occurrences(self._stack), await made_twice(self._stack)
        except (OSError, asyncpg.PostgresError, StackFailed) as error:
            self._found([Violation("stuck", "-", f"not back after a minute: {error}")])
            return
        self._outcome.looks += 1
        self._outcome.occurrences = len(rows)
        by_name = {who.name: who for who in self._people}
        self._found(
            self._ledger.judge(
                rows, lambda name, digest, signature: by_name[name].verifies(digest, signature),
                now=time.monotonic(), received=received, over=over,
            )
        )  # fmt: skip
        self._found(twice)
        self._found(await chains(self._stack))

    async def _judge_at_the_end(self, stuck: list[Violation]) -> None:
        self._found(stuck)
        await self._look_now(over=True)
        self._found(self._memory.judge())
        self._outcome.recycled = self._stack.log.read_bytes().count(b"sam_worn")
        self._outcome.approvals = len(self._ledger.approvals)
        self._outcome.acknowledged = sum(one.acknowledged is not None for one in self._ledger.approvals.values())
        self._outcome.outages = outages(self._log.worked, self._injected)

    def _found(self, violations: list[Violation]) -> None:
        for each in violations:
            if each not in self._outcome.violations:
                self._outcome.violations.append(each)
                self._say(f"VIOLATION {each}")

    async def _sample(self) -> None:
        names = (*(f"sam-{index}" for index in range(SAMS)), "gateway", "ac")
        while True:
            self._memory.look(self._stack, names)
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def _tell(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            counts, memory = self._log.counts, self._memory
            asked = counts["asked, one hash"] + counts["asked, several hashes"]
            self._say(
                f"{time.monotonic() - began:5.0f} s  asked {asked}  approved {counts['approved']}  "
                f"signatures {counts['signatures received']}  tried again {counts['tried again']}  "
                f"faults {sum(self._outcome.faults.values())}  violations {len(self._outcome.violations)}  "
                f"sam {memory.now('sam-0'):.0f}+{memory.now('sam-1'):.0f} MB  gateway {memory.now('gateway'):.0f} MB"
            )


def outages(worked: list[float], injected: list[tuple[float, Fault]]) -> dict[str, list[float]]:
    """From each injection to the next: the longest time between two things that worked."""
    found: dict[str, list[float]] = {}
    ends = [at for at, _ in injected[1:]] + [float("inf")]
    for (at, fault), end in zip(injected, ends, strict=True):
        inside = [at, *(moment for moment in worked if at < moment <= end)]
        gaps = [later - earlier for earlier, later in pairwise(inside)]
        found.setdefault(fault.kind, []).append(max(gaps, default=0.0))
    return found


async def soak(folder: Path, options: Options, say: Callable[[str], None]) -> Outcome:
    """A Link ID of its own in ``folder``, and a run on it. Raises StackFailed when it does not even begin."""
    say("starting a Link ID of its own, and settling its holders …")
    async with (
        Stack(folder, SETTINGS) as stack,
        settled(stack, options.holders, COMPUTERS) as people,
    ):
        return await Soak(stack, people, options, say).run()
