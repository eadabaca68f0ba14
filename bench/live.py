"""The live channel: how soon an app hears, what a connected phone costs, and whether the gateways' loops ever stand.

Two gateways on one database. First with the phones of the people alone, then with 20,000 more connected that do
nothing. They come all at once, as when a network is back: what that costs is told too.
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
from bench.usage import cpu_seconds, processes, resident_bytes
from bench.waiting import tail
from foundation.loop_watch import EVERY_SECONDS
from push.service.live import STREAMS_PER_GATEWAY

PEOPLE: Final = 8
PROCESSES: Final = 4
SPARE_FILES: Final = 500
"""Descriptors of a gateway for everything but streams."""
NOTIFIES: Final = 200
LATE: Final = "linkid_loop_late_seconds_bucket"
HELD: Final = "linkid_loop_held_seconds_bucket"
_LOOK_SECONDS: Final = 2.0
_NOTHING_NEW_SECONDS: Final = 90.0
"""When nobody gets in for so long, nobody will."""


@dataclass
class _State:
    """What the rounds gave, with or without the idle phones."""

    events: list[Window] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    """p50 of NOTIFY to LISTEN, in seconds."""
    minutes: list[Window] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    """At most, in ms."""
    own: list[float] = field(default_factory=list)
    """Of those what the gateway itself did: the rest it waited for a core."""


@dataclass(frozen=True)
class _Coming:
    """20,000 that come at once. CPU in µs for each stream that was opened."""

    seconds: float
    refused: int
    failed: int
    why: str
    gateways: float
    database: float
    commits: float
    stall: float
    own: float

    def __str__(self) -> str:
        trouble = f"; {self.failed} failed ({self.why})" if self.failed else ""
        return (
            f"They came at once and were in after {self.seconds:.0f} s ({self.refused:,} times one was told to come "
            f"back{trouble}); one cost {self.gateways:.0f} µs of the gateways, {self.database:.0f} µs of PostgreSQL "
            f"and {self.commits:.2f} transactions; the longest stall meanwhile at most {self.stall:g} ms, "
            f"by the gateway's own work {self.own:g} ms"
        )


@dataclass(frozen=True)
class _Idle:
    """20,000 connected. ``bytes``: of the gateways' memory for each; ``cpu``: of a core, gateways together."""

    phones: int
    """Streams that were open at once."""
    there: int
    wanted: int
    bytes: float
    cpu: float
    coming: _Coming
    failed: int = 0
    silence: float = 0.0


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
        await asyncio.to_thread(crowd.do, "make")
        idle = await _connect(world, crowd, gateways, phones, pace, say)
        await _rounds(world, gateways, crowded, pace, f" with {idle.phones:,} phones", say)
        about = await asyncio.to_thread(crowd.do, "look")
        say(f"in the end {about['open']:,} streams are open; the longest silence on any was {about['silence']:.1f} s")
        failed = about["failed"] - idle.coming.failed
        idle = replace(idle, phones=min(idle.phones, about["open"]), failed=failed, silence=about["silence"])
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


async def _connect(
    world: Bed, crowd: IdlePhones, gateways: Sequence[Gateway], phones: int, pace: Pace, say: Say
) -> _Idle:
    """Everybody at once; then a while in which nothing happens."""
    memory = sum(resident_bytes(one.pid) for one in gateways)
    coming = await _come(world, crowd, gateways, phones, say)
    say(str(coming))
    pids = {str(one.pid): one.pid for one in gateways}
    first = sum(cpu_seconds(pids).values())
    await asyncio.sleep(pace.minute)
    cpu = (sum(cpu_seconds(pids).values()) - first) / pace.minute
    opened = int(sum([(await one.numbers())["linkid_push_streams"] for one in gateways]))
    used = sum(resident_bytes(one.pid) for one in gateways) - memory
    say(f"a while later {opened:,} streams; idle they cost {cpu:.1%} of a core and {used / max(1, opened):,.0f} B each")
    return _Idle(opened, phones, pace.phones, used / max(1, opened), cpu, coming)


async def _come(world: Bed, crowd: IdlePhones, gateways: Sequence[Gateway], phones: int, say: Say) -> _Coming:
    database = processes(world.stack.settings.places.run)["database"]
    pids = {"database": database, **{str(one.pid): one.pid for one in gateways}}
    before = [await one.numbers() for one in gateways]
    cpu, commits, began = cpu_seconds(pids), await _commits(world), time.perf_counter()
    about = await asyncio.to_thread(crowd.do, "open")
    best, last = 0, began
    while about["open"] < phones and time.perf_counter() - last < _NOTHING_NEW_SECONDS:
        await asyncio.sleep(_LOOK_SECONDS)
        about = await asyncio.to_thread(crowd.do, "look")
        seconds = time.perf_counter() - began
        say(
            f"{about['open']:,} of {phones:,} phones connected after {seconds:.0f} s; "
            f"{about['refused']:,} told to come back, {about['failed']:,} failed {about['why']}"
        )
        if about["open"] > best:
            best, last = about["open"], time.perf_counter()
    used = {name: spent - cpu[name] for name, spent in cpu_seconds(pids).items()}
    after = [await one.numbers() for one in gateways]
    opened = max(1, about["opened"])
    return _Coming(
        seconds=last - began,
        refused=about["refused"],
        failed=about["failed"],
        why=about["why"],
        gateways=sum(spent for name, spent in used.items() if name != "database") * 1e6 / opened,
        database=used["database"] * 1e6 / opened,
        commits=(await _commits(world) - commits) / opened,
        stall=longest(before, after, LATE),
        own=longest(before, after, HELD),
    )


async def _commits(world: Bed) -> int:
    """Transactions that were committed in this database so far, reading ones included."""
    root = await superuser(world.stack)
    try:
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        return int(await root.fetchval(query))
    finally:
        await root.close()


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
        state.stalls.append(longest(before, after, LATE))
        state.own.append(longest(before, after, HELD))
        say(
            f"{where}: {window.load.rate * 60:,.0f} approvals a minute, the longest stall at most "
            f"{state.stalls[-1]:g} ms, by the gateway's own work at most {state.own[-1]:g} ms"
        )


def longest(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]], name: str) -> float:
    """``stall_ms`` of the gateway that stood longest."""
    return max(stall_ms(*both, name) for both in zip(before, after, strict=True))


def stall_ms(before: Mapping[str, float], after: Mapping[str, float], histogram: str = LATE) -> float:
    """The longest time that a loop stood between two looks at its numbers, at most (``foundation/loop_watch.py``)."""
    edges = [name for name in after if name.startswith(histogram)]
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
    connected = f"{idle.phones:,} idle phones connected{_few(idle)}"
    ways = f"{connected} from {PROCESSES} addresses; {idle.failed} failed"
    return [
        *_event_rows(alone, LIVE, "two gateways, an open app at either"),
        *_event_rows(crowded, f"{LIVE}_20000", ways),
        *_stall_rows(alone, "", "two gateways"),
        *_stall_rows(crowded, "_20000", ways),
        Row(
            name="live_memory_kb",
            what=f"memory of the gateways (RSS) for each of {connected}",
            value=round(idle.bytes / 1000, 1),
            unit="kB",
            floor=LIVE_ROWS["live_memory_kb"][0],
            goal=LIVE_ROWS["live_memory_kb"][1],
            rounds=[round(idle.bytes / 1000, 1)],
            more_is_better=False,
            once=idle.wanted >= Pace().phones and len(crowded.events) >= Pace().rounds,
            remarks=f"Idle they cost {idle.cpu / CORES:.1%} of all cores, heartbeats included; the longest silence on "
            f"any was {idle.silence:.1f} s. {idle.coming}",
        ),
    ]


def _few(idle: _Idle) -> str:
    """Why not all of them."""
    if idle.there < idle.wanted:
        return f" (descriptors allow {idle.there:,}; {idle.wanted:,} were wanted)"
    if idle.phones < 0.999 * idle.there:
        return f" (of {idle.there:,}: {idle.coming.why or 'the others were told to come back'})"
    return ""


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


def _stall_rows(state: _State, among: str, ways: str) -> list[Row]:
    """As callers feel it, and what of it is the gateway's own doing."""
    rate = statistics.median(window.load.rate for window in state.minutes) * 60
    times = [each for window in state.minutes for each in window.load.times]
    what = f"in a minute of {PER_MINUTE:,} approvals; {ways}"
    stall, own = f"live_stall_ms{among}", f"live_stall_own_ms{among}"
    common: dict[str, Any] = {"unit": "ms", "more_is_better": False, "rate": round(rate / 60, 2)}
    return [
        Row(
            name=stall,
            what=f"longest stall of a gateway's loop, at most, {what}",
            value=statistics.median(state.stalls),
            floor=LIVE_ROWS[stall][0],
            goal=LIVE_ROWS[stall][1],
            rounds=state.stalls,
            generator_share=round(statistics.median(window.share for window in state.minutes), 4),
            cpu=median_of([window.cpu for window in state.minutes]),
            remarks=f"{rate:,.0f} a minute; their doorbells after {statistics.median(times) * 1000:.1f} ms, "
            f"p99 {tail(times) * 1000:.0f} ms. A core that is missing counts as a stall",
            **common,
        ),
        Row(
            name=own,
            what="the same, only what the gateway's own work held up: less the time that its thread was ready and had "
            "no core, as the kernel counts it",
            value=statistics.median(state.own),
            floor=LIVE_ROWS[own][0],
            goal=LIVE_ROWS[own][1],
            rounds=state.own,
            **common,
        ),
    ]
