"""The live channel: how soon an app hears, what a connected phone costs, and whether the gateways' loops ever stand.

Two gateways on one database. First with the phones of the people alone, then with 20,000 more connected that do
nothing: their streams end after 55 seconds, as every stream does, and are opened again.
"""

from __future__ import annotations

import asyncio
import resource
import secrets
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.bed import CORES, Bed, Say, Window, bed
from bench.flows_live import PER_MINUTE, LiveApproval
from bench.idle_phones import COLUMNS, IdlePhones, rows_of
from bench.measures import LIVE, LIVE_ROWS, Pace
from bench.million import superuser
from bench.report import Row, median_of
from bench.second_gateway import Gateway, first_gateway, second_gateway
from bench.usage import cpu_seconds, resident_bytes
from bench.waiting import tail
from foundation.loop_watch import EVERY_SECONDS
from push.service.live import STREAMS_PER_GATEWAY

PEOPLE: Final = 8
PROCESSES: Final = 4
SPARE_FILES: Final = 500
"""Descriptors of a gateway for everything but streams."""
NOTIFIES: Final = 200
_LATE: Final = "linkid_loop_late_seconds_bucket"


@dataclass
class _State:
    """What the rounds gave, with or without the idle phones."""

    events: list[Window] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    """p50 of NOTIFY to LISTEN, in seconds."""
    minutes: list[Window] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    """At most, in ms."""


@dataclass(frozen=True)
class _Idle:
    """20,000 connected. ``bytes``: of the gateways' memory for each; ``cpu``: of a core, gateways together."""

    phones: int
    """Streams that were open at once."""
    there: int
    wanted: int
    bytes: float
    cpu: float
    seconds: float
    failed: int


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """All of them: most of the time goes into what they share."""
    if LIVE not in names:
        return []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    fit = 2 * (min(STREAMS_PER_GATEWAY, most - SPARE_FILES) - 2 * PEOPLE)
    phones = min(pace.phones, fit)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(
            bed(folder / "live", {"P-256": PEOPLE}, PEOPLE, PEOPLE, again=again, say=say)
        )
        gateways = [first_gateway(world.stack), await stack.enter_async_context(second_gateway(world.stack))]
        alone, crowded = _State(), _State()
        await _rounds(world, gateways, alone, pace, "", say)
        seed = secrets.token_hex(8)
        await _write_rows(world, seed, phones)
        ports = [one.port for one in gateways]
        crowd = await asyncio.to_thread(IdlePhones, seed, phones, world.stack.gateway, ports, PROCESSES)
        stack.callback(crowd.close)
        idle = await _connect(crowd, gateways, phones, pace, say)
        await _rounds(world, gateways, crowded, pace, f" with {idle.phones:,} phones", say)
        about = await asyncio.to_thread(crowd.do, "look")
        idle = replace(idle, failed=about["failed"])
    return _rows(alone, crowded, idle)


async def _write_rows(world: Bed, seed: str, phones: int) -> None:
    """Phones of nobody: with keys and tokens in earnest, without credentials."""
    root = await superuser(world.stack)
    try:
        rows = await asyncio.to_thread(list, rows_of(seed, phones))
        await root.copy_records_to_table("devices", schema_name="pairing", columns=COLUMNS, records=rows)
        await root.execute("ANALYZE pairing.devices")
    finally:
        await root.close()


async def _connect(crowd: IdlePhones, gateways: Sequence[Gateway], phones: int, pace: Pace, say: Say) -> _Idle:
    before = sum(resident_bytes(one.pid) for one in gateways)
    began = time.perf_counter()
    told = await asyncio.to_thread(crowd.do, "open")
    seconds = time.perf_counter() - began
    pids = {str(one.pid): one.pid for one in gateways}
    first = sum(cpu_seconds(pids).values())
    await asyncio.sleep(pace.minute)  # from the first streams' end on, as many are opened as end
    cpu = (sum(cpu_seconds(pids).values()) - first) / pace.minute
    opened = int(sum([(await one.numbers())["linkid_push_streams"] for one in gateways]))
    used = sum(resident_bytes(one.pid) for one in gateways) - before
    say(f"{phones:,} phones connected in {seconds:.0f} s; a while later {opened:,} streams {told['why']}")
    return _Idle(opened, phones, pace.phones, used / max(1, opened), cpu, seconds, told["failed"])


async def _rounds(world: Bed, gateways: Sequence[Gateway], state: _State, pace: Pace, among: str, say: Say) -> None:
    ports = [one.port for one in gateways]
    for number in range(1, pace.rounds + 1):
        where = f"round {number} of {pace.rounds}{among}"
        state.bare.append(await _bare_notify(world))
        state.events.append(await world.window("live_event", clients=2, seconds=pace.seconds, ports=ports))
        say(f"{where}: event after {statistics.median(state.events[-1].load.times) * 1000:.1f} ms")
        before = [await one.numbers() for one in gateways]
        window = await world.window("live_approval", clients=LiveApproval.clients, seconds=pace.minute, ports=ports)
        after = [await one.numbers() for one in gateways]
        state.minutes.append(window)
        state.stalls.append(max(stall_ms(*both) for both in zip(before, after, strict=True)))
        rate = window.load.rate * 60
        say(f"{where}: {rate:,.0f} approvals a minute, the longest stall at most {state.stalls[-1]:g} ms")


def stall_ms(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The longest time that a loop stood between two looks at its numbers, at most (``foundation/loop_watch.py``)."""
    edges = [name for name in after if name.startswith(_LATE)]
    counts = [(float(name.split('"')[1]), after[name] - before.get(name, 0.0)) for name in edges]
    counts.sort()
    within = min(edge for edge, count in counts if count >= counts[-1][1])
    return round((within + EVERY_SECONDS) * 1000, 3)


async def _bare_notify(world: Bed) -> float:
    """p50, in seconds, of PostgreSQL's own NOTIFY to LISTEN in the same database: what is under every doorbell."""
    dsn = world.stack.settings.dsn("gateway")
    says, hears = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    heard: asyncio.Queue[float] = asyncio.Queue()
    times = []
    try:
        await hears.add_listener("bench", lambda *_: heard.put_nowait(time.perf_counter()))
        for _ in range(NOTIFIES):
            began = time.perf_counter()
            await says.execute("SELECT pg_notify('bench', '')")
            times.append(await heard.get() - began)
    finally:
        await says.close()
        await hears.close()
    return statistics.median(times)


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(alone: _State, crowded: _State, idle: _Idle) -> list[Row]:
    connected = f"{idle.phones:,} idle phones connected"
    few = "" if idle.there >= idle.wanted else f" (descriptors allow {idle.there:,}; {idle.wanted:,} were wanted)"
    if idle.phones < 0.97 * idle.there:
        few += f" (of {idle.there:,}: this machine opens no more in 55 s)"
    ways = f"{connected}{few} from {PROCESSES} addresses, each stream opened again every 55 s; {idle.failed} failed"
    return [
        *_event_rows(alone, LIVE, "two gateways, an open app at either"),
        *_event_rows(crowded, f"{LIVE}_20000", ways),
        _stall_row(alone, "live_stall_ms", "two gateways"),
        _stall_row(crowded, "live_stall_ms_20000", ways),
        Row(
            name="live_memory_kb",
            what=f"memory of the gateways (RSS) for each of {connected}{few}",
            value=round(idle.bytes / 1000, 1),
            unit="kB",
            floor=LIVE_ROWS["live_memory_kb"][0],
            goal=LIVE_ROWS["live_memory_kb"][1],
            rounds=[round(idle.bytes / 1000, 1)],
            more_is_better=False,
            once=idle.wanted >= Pace().phones and len(crowded.events) >= Pace().rounds,
            remarks=f"Connected in {idle.seconds:.0f} s; idle they cost {idle.cpu / CORES:.0%} of all cores",
        ),
    ]


def _event_rows(state: _State, name: str, ways: str) -> list[Row]:
    halves = [round(statistics.median(window.load.times) * 1000, 2) for window in state.events]
    tails = [round(tail(window.load.times) * 1000, 2) for window in state.events]
    every = [each for window in state.events for each in window.load.times]
    common: dict[str, Any] = {
        "unit": "ms",
        "more_is_better": False,
        "reference": f"bare NOTIFY to LISTEN, p50 {statistics.median(state.bare) * 1000:.2f} ms",
        "generator_share": round(statistics.median(window.share for window in state.events), 4),
    }
    what = "request accepted (202) to doorbell in the app over the live channel"
    cpu = median_of([window.cpu for window in state.events])
    first, last = LIVE_ROWS[name], LIVE_ROWS[f"{name}_p99"]
    late = round(tail(every) * 1000, 2)
    return [
        Row(
            name, f"{what}, p50; {ways}", statistics.median(halves),
            floor=first[0], goal=first[1], rounds=halves, cpu=cpu, **common,
        ),
        Row(
            f"{name}_p99", f"the same, p99 of {len(every)}", late,
            floor=last[0], goal=last[1], rounds=tails, **common,
        ),
    ]  # fmt: skip


def _stall_row(state: _State, name: str, ways: str) -> Row:
    rate = statistics.median(window.load.rate for window in state.minutes) * 60
    times = [each for window in state.minutes for each in window.load.times]
    return Row(
        name=name,
        what=f"longest stall of a gateway's loop, at most, in a minute of {PER_MINUTE:,} approvals; {ways}",
        value=statistics.median(state.stalls),
        unit="ms",
        floor=LIVE_ROWS[name][0],
        goal=LIVE_ROWS[name][1],
        rounds=state.stalls,
        more_is_better=False,
        rate=round(rate / 60, 2),
        generator_share=round(statistics.median(window.share for window in state.minutes), 4),
        cpu=median_of([window.cpu for window in state.minutes]),
        remarks=f"{rate:,.0f} a minute; their doorbells after {statistics.median(times) * 1000:.1f} ms, "
        f"p99 {tail(times) * 1000:.0f} ms. A core that is missing counts as a stall",
    )
