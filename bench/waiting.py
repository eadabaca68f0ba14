"""How long calls take, at worst, while a thousand approvals wait for their holders, against the same with none.

A credential may have five requests waiting, of five callers, and no more: a thousand wait for two hundred credentials.
Each of them has its call of authorizeCheck open. Each round measures both, one right after the other.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.bed import Bed, Say, Window, bed
from bench.measures import WAITING, WAITING_FLOOR, WAITING_FLOWS, WAITING_GOAL, Pace
from bench.report import Row, median_of
from bench.waiters import Waiters

CALLERS: Final = 5
"""Of each credential: as many as may ask at the same time (docs/protocol.md section 15)."""
PHONES: Final = 10
"""So many numbers may be proved from one network in ten minutes."""
CLIENTS: Final = 8
"""In flight at the same time: that none waits long for the others, who are not what is measured."""
TAIL: Final = 0.99


@dataclass
class _Series:
    """Of one call. Windows of the same round stand at the same place."""

    alone: list[Window] = field(default_factory=list)
    among: list[Window] = field(default_factory=list)

    def ratios(self) -> list[float]:
        return [tail(more.load.times) / tail(few.load.times) for few, more in zip(self.alone, self.among, strict=True)]


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """A row for each call."""
    if WAITING not in names:
        return []
    people = {"RSA-2048": CLIENTS, "P-256": pace.waiting // CALLERS - CLIENTS}
    place = folder / f"waiting-{pace.waiting}"
    async with bed(place, people, CLIENTS, PHONES, again=again, say=say, askers=CALLERS) as world:
        waiters = Waiters(place / "crowd.json")
        try:
            return await _rounds(world, waiters, pace, say)
        finally:
            await asyncio.to_thread(waiters.close)


async def _rounds(world: Bed, waiters: Waiters, pace: Pace, say: Say) -> list[Row]:
    series = {name: _Series() for name in WAITING_FLOWS}
    lapsed, shares = 0, []
    for number in range(1, pace.rounds + 1):
        for name, (_, flow) in WAITING_FLOWS.items():
            series[name].alone.append(await _window(world, flow, pace))
        asked = await asyncio.to_thread(waiters.do, "ask")
        say(f"round {number} of {pace.rounds}: {asked['waiting']} wait, asked in {asked['seconds']:.0f} s")
        before = await asyncio.to_thread(waiters.do, "look")
        for name, (_, flow) in WAITING_FLOWS.items():
            series[name].among.append(await _window(world, flow, pace))
        after = await asyncio.to_thread(waiters.do, "look")
        _demand_all(after["waiting"], asked["waiting"], pace)
        seconds = sum(one.among[-1].load.seconds for one in series.values())
        shares.append((after["cpu"] - before["cpu"]) / seconds)
        answered = await asyncio.to_thread(waiters.do, "answer")
        lapsed += answered["lapsed"]
        for name, one in series.items():
            say(f"round {number} of {pace.rounds}: {name} {one.ratios()[-1]:.2f}")
        say(f"round {number} of {pace.rounds}: {answered['approved']} approved in {answered['seconds']:.0f} s")
    told = f"The callers that wait used {statistics.median(shares):.0%} of a core"
    if lapsed:
        told += f"; {lapsed} lapsed before they were answered"
    return [_row(name, WAITING_FLOWS[name][0], one, told) for name, one in series.items()]


def _demand_all(after: int, before: int, pace: Pace) -> None:
    """A window among fewer is no measurement. Raises ValueError."""
    if min(after, before) < pace.waiting:
        raise ValueError(f"{pace.waiting} were to wait; {before} did, and {after} at the end")


async def _window(world: Bed, flow: str, pace: Pace) -> Window:
    return await world.window(flow, clients=CLIENTS, seconds=pace.seconds, timed=True)


def tail(times: Sequence[float]) -> float:
    """p99, in seconds."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * TAIL))]


def _row(name: str, what: str, series: _Series, told: str) -> Row:
    ratios = series.ratios()
    alone, among = (
        statistics.median(tail(window.load.times) for window in windows) * 1000
        for windows in (series.alone, series.among)
    )
    calls = statistics.median(len(window.load.times) for window in series.among)
    return Row(
        name=name,
        what=what,
        value=round(statistics.median(ratios), 3),
        unit="ratio",
        floor=WAITING_FLOOR,
        goal=WAITING_GOAL,
        rounds=[round(ratio, 3) for ratio in ratios],
        more_is_better=False,
        rate=round(statistics.median(window.load.rate for window in series.among), 1),
        reference="p99 with none waiting",
        reference_rate=round(statistics.median(window.load.rate for window in series.alone), 1),
        generator_share=round(statistics.median(window.share for window in series.among), 4),
        cpu=median_of([window.cpu for window in series.among]),
        remarks=f"p99 {among:.1f} ms of {calls:,.0f} calls, {alone:.1f} ms with none waiting. {told}",
    )
