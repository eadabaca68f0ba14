"""The rounds: each row's reference and the row itself, one right after the other, again and again; medians."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.bed import CORES, Bed, Say, Window, bed
from bench.echo import EchoServers
from bench.measures import (
    CLIENTS,
    LATENCY,
    LATENCY_FLOOR,
    LATENCY_GOAL,
    MEASURES,
    Measure,
    Pace,
    Reference,
)
from bench.raw_pkcs11 import RawToken
from bench.report import Row, median_of
from linkid.platform import program
from softhsm_config.tokens import LABELS


@dataclass
class _Series:
    """What the rounds of one row gave."""

    ratios: list[float] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    references: list[float] = field(default_factory=list)
    layouts: list[str] = field(default_factory=list)


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """The rows that were asked for."""
    wanted = [measure for measure in MEASURES if measure.name in names]
    latency = LATENCY in names
    if not wanted and not latency:
        return []
    async with bed(
        folder / "world", {"RSA-2048": CLIENTS, "P-256": CLIENTS}, CLIENTS, 8, again=again, say=say
    ) as world:
        raw = await asyncio.to_thread(_raw, world)
        echo = await asyncio.to_thread(EchoServers, world.gateways)
        try:
            return await _rounds(world, raw, echo, wanted, latency, pace, say)
        finally:
            echo.close()
            raw.close()


def _raw(world: Bed) -> RawToken:
    """Workers on the SAM's own token: the same files, the same library."""
    places = world.stack.settings.places
    pin = (places.secrets / "hsm-sam.pin").read_text(encoding="ascii")
    configuration = {"SOFTHSM2_CONF": str(places.tokens / "sam" / "softhsm2.conf")}
    return RawToken(program("softhsm-module"), configuration, LABELS["sam"], pin, CORES)


async def _rounds(
    world: Bed, raw: RawToken, echo: EchoServers, wanted: Sequence[Measure], latency: bool, pace: Pace, say: Say
) -> list[Row]:
    series = {measure.name: _Series() for measure in wanted}
    latencies = _Latencies()
    for number in range(1, pace.rounds + 1):
        for measure in wanted:
            one = series[measure.name]
            rate, layout, window = await _measured(world, raw, echo, measure, pace)
            one.ratios.append(window.load.rate / rate)
            one.windows.append(window)
            one.references.append(rate)
            one.layouts.append(layout)
            say(f"round {number} of {pace.rounds}: {measure.name} {one.ratios[-1]:.3f}")
        if latency:
            latencies.bare.append(await asyncio.to_thread(raw.seconds, "wrapped", "RSA-2048"))
            window = await world.window("approval_to_signature", clients=1, seconds=pace.seconds)
            latencies.windows.append(window)
            say(f"round {number} of {pace.rounds}: {LATENCY} {latencies.p50(-1):.1f}")
    rows = [_row(measure, series[measure.name]) for measure in wanted]
    return rows + (latencies.rows() if latency else [])


async def _measured(
    world: Bed, raw: RawToken, echo: EchoServers, measure: Measure, pace: Pace
) -> tuple[float, str, Window]:
    """The reference, its layout, and the row. A handler of the same size comes after it: the sizes must be known."""
    if measure.reference.kind != "sized":
        rate, layout = await _reference(world, raw, echo, measure.reference)
        return rate, layout, await world.window(measure.flow, clients=CLIENTS, seconds=pace.seconds)
    window = await world.window(measure.flow, clients=CLIENTS, seconds=pace.seconds)
    sizes = window.load.sizes
    bare = await world.window("sized_echo", clients=CLIENTS, seconds=2.0, ports=echo.ports, sizes=sizes)
    return bare.load.rate, f"{len(echo.ports)} process(es), {sizes[0]} bytes in and {sizes[1]} out", window


async def _reference(world: Bed, raw: RawToken, echo: EchoServers, wanted: Reference) -> tuple[float, str]:
    if wanted.kind == "raw":
        best = await asyncio.to_thread(raw.rate, wanted.use, wanted.key)
        return best.rate, best.layout
    window = await world.window("echo", clients=CLIENTS, seconds=2.0, ports=echo.ports)
    return window.load.rate, f"{len(echo.ports)} process(es)"


def _row(measure: Measure, series: _Series) -> Row:
    return Row(
        name=measure.name,
        what=measure.what,
        value=round(statistics.median(series.ratios), 4),
        unit="ratio",
        floor=measure.floor,
        goal=measure.goal,
        rounds=[round(ratio, 4) for ratio in series.ratios],
        rate=round(statistics.median(window.load.rate for window in series.windows), 1),
        reference=str(measure.reference),
        reference_rate=round(statistics.median(series.references), 1),
        generator_share=round(statistics.median(window.share for window in series.windows), 4),
        cpu=median_of([window.cpu for window in series.windows]),
        remarks=f"Reference in {statistics.mode(series.layouts)}",
    )


@dataclass
class _Latencies:
    """Times from approval to signature; ``bare``: unwrap and sign of the same round, which is taken off each."""

    bare: list[float] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)

    def p50(self, at: int) -> float:
        """Of one round, in ms."""
        return statistics.median(self._beyond(at))

    def _beyond(self, at: int) -> list[float]:
        return [(each - self.bare[at]) * 1000 for each in self.windows[at].load.times]

    def rows(self) -> list[Row]:
        """p50 is the median of the rounds' medians; p99 is over the times of all rounds together."""
        every = sorted(each for at in range(len(self.windows)) for each in self._beyond(at))
        halves = [self.p50(at) for at in range(len(self.windows))]
        tails = [max(self._beyond(at)) for at in range(len(self.windows))]
        what = (
            "one request at a time, its caller waiting in authorizeCheck: from the decision sent to signHash answered"
        )
        bare = f"less {statistics.median(self.bare) * 1000:.2f} ms of bare unwrap+sign"
        common = {"unit": "ms", "floor": LATENCY_FLOOR, "goal": LATENCY_GOAL, "more_is_better": False}
        cpu = median_of([window.cpu for window in self.windows])
        p99 = every[min(len(every) - 1, int(len(every) * 0.99))]
        return [
            Row(LATENCY, f"{what}, {bare}, p50", statistics.median(halves), rounds=halves, cpu=cpu, **common),  # type: ignore[arg-type]
            Row(
                f"{LATENCY}_p99",
                f"the same, p99 of {len(every)} (its rounds: the slowest of each)",
                p99,
                rounds=tails,
                **common,  # type: ignore[arg-type]
            ),
        ]
