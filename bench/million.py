"""A million credentials in the database against ten: rates, and the memory of the SAMs.

Two Links ID run side by side, alike in all but the rows of ``strangers.sql``: in each, ten people whom integrators
ask. Each round measures both, in turns and in changing order. What was loaded goes with its folder at the end.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from bench.bed import CORES, Bed, Say, Window, bed
from bench.measures import MILLION, MILLION_FLOOR, MILLION_FLOWS, MILLION_MEMORY, Pace
from bench.report import Row, median_of
from bench.usage import processes, resident_bytes
from demo.stack import Stack
from foundation.queries import Queries
from linkid.postgres import SUPERUSER, dsn
from linkid.settings import DATABASE

STRANGERS: Final = Queries.load("bench", "strangers.sql")
TEN: Final = 10
CLIENTS: Final = 2 * TEN
"""Two for each credential: tries of a password are counted before they are made, so that a third at the same moment
finds the credential locked, though all three are right."""
MANY: Final = 1_000_000
_BITE: Final = 20_000
_INTEGRATORS: Final = 1_000


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """The four rows. ``again``: not here, where the people cost less than what is loaded beside them."""
    if MILLION not in names:
        return []
    people = {"RSA-2048": TEN}
    try:
        async with (
            bed(folder / "ten", people, CLIENTS, 5, again=False, say=say) as ten,
            bed(folder / "million", people, CLIENTS, 5, again=False, say=say) as million,
        ):
            began = time.perf_counter()
            await load_strangers(million.stack, MANY - TEN, say)
            size = await _database_bytes(million.stack) / 1e9
            loaded = f"{size:.1f} GB, loaded in {time.perf_counter() - began:.0f} s"
            say(f"loaded: {loaded}")
            return await _rounds(ten, million, pace, loaded, say)
    finally:
        for name in ("ten", "million"):
            shutil.rmtree(folder / name, ignore_errors=True)


async def load_strangers(stack: Stack, number: int, say: Say) -> None:
    """So many more credentials, with holders, phones and integrators; as the database's superuser."""
    root = await superuser(stack)
    try:
        template = await root.fetchval("SELECT id FROM sam.credentials WHERE state = 'active' LIMIT 1")
        await _set(root, {"max_wal_size": "'8GB'", "autovacuum": "off"})
        for query in STRANGERS:
            say(f"{number:,} {query.name} …")
            last = _INTEGRATORS if query.name == "clients" else number
            bites = [(first, min(first + _BITE - 1, last)) for first in range(1, last + 1, _BITE)]
            await asyncio.gather(*(_load(stack, query.sql, bites, template) for _ in range(CORES)))
        say("vacuum and statistics, as a settled database has them …")
        tables = await root.fetch("SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables")
        for table in tables:
            await root.execute(f"VACUUM (ANALYZE) {table['name']}")
        await _set(root, {"max_wal_size": None, "autovacuum": None})
        await root.execute("CHECKPOINT")
    finally:
        await root.close()


async def _load(stack: Stack, sql: str, bites: list[tuple[int, int]], template: str) -> None:
    """One of several workers that share the bites."""
    connection = await superuser(stack)
    try:
        await connection.execute("SET synchronous_commit = off")
        # rows refer to rows of the same load, by construction: looking each up again would double the time
        await connection.execute("SET session_replication_role = replica")
        while bites:
            first, last = bites.pop()
            more = [template] if "$3" in sql else []
            await connection.execute(sql, first, last, *more, timeout=600)
    finally:
        await connection.close()


async def superuser(stack: Stack) -> asyncpg.Connection:
    """A connection that may write every table. To be closed."""
    server = stack.settings.places.postgres()
    return await asyncpg.connect(dsn(server.socket, DATABASE, SUPERUSER, server.password()))


async def _set(root: asyncpg.Connection, values: dict[str, str | None]) -> None:
    for name, value in values.items():
        await root.execute(f"ALTER SYSTEM {'RESET' if value is None else 'SET'} {name}{f' = {value}' if value else ''}")
    await root.execute("SELECT pg_reload_conf()")


async def _database_bytes(stack: Stack) -> int:
    root = await superuser(stack)
    try:
        size: int = await root.fetchval("SELECT pg_database_size(current_database())")
        return size
    finally:
        await root.close()


@dataclass
class _Series:
    ratios: list[float] = field(default_factory=list)
    few: list[Window] = field(default_factory=list)
    many: list[Window] = field(default_factory=list)


async def _rounds(ten: Bed, million: Bed, pace: Pace, loaded: str, say: Say) -> list[Row]:
    series = {name: _Series() for name in MILLION_FLOWS}
    memory: list[float] = []
    for number in range(1, pace.rounds + 1):
        for name, (_, flow) in MILLION_FLOWS.items():
            windows = {}
            for which in (ten, million) if number % 2 else (million, ten):
                windows[id(which)] = await which.window(flow, clients=CLIENTS, seconds=pace.seconds)
            one = series[name]
            one.few.append(windows[id(ten)])
            one.many.append(windows[id(million)])
            one.ratios.append(one.many[-1].load.rate / one.few[-1].load.rate)
            say(f"round {number} of {pace.rounds}: {name} {one.ratios[-1]:.3f}")
        memory.append(_sam_memory(million) / _sam_memory(ten))
        say(f"round {number} of {pace.rounds}: {MILLION}_sam_memory {memory[-1]:.3f}")
    rows = [_row(name, MILLION_FLOWS[name][0], one, loaded) for name, one in series.items()]
    return [*rows, _memory_row(memory, ten, million)]


def _row(name: str, what: str, series: _Series, loaded: str) -> Row:
    return Row(
        name=name,
        what=what,
        value=round(statistics.median(series.ratios), 4),
        unit="ratio",
        floor=MILLION_FLOOR,
        goal=MILLION_FLOOR,
        rounds=[round(ratio, 4) for ratio in series.ratios],
        rate=round(statistics.median(window.load.rate for window in series.many), 1),
        reference="the same with 10 credentials",
        reference_rate=round(statistics.median(window.load.rate for window in series.few), 1),
        generator_share=round(statistics.median(window.share for window in series.many), 4),
        cpu=median_of([window.cpu for window in series.many]),
        remarks=f"Database {loaded}",
    )


def _memory_row(ratios: Sequence[float], ten: Bed, million: Bed) -> Row:
    sizes = [_sam_memory(which) / 1e6 / which.stack.settings.sams for which in (ten, million)]
    return Row(
        name=f"{MILLION}_sam_memory",
        what="memory of the SAMs (RSS) with a million credentials over that with ten, at most",
        value=round(statistics.median(ratios), 4),
        unit="ratio",
        floor=MILLION_MEMORY,
        goal=MILLION_MEMORY,
        rounds=[round(ratio, 4) for ratio in ratios],
        more_is_better=False,
        reference="the same with 10 credentials",
        remarks=f"{sizes[1]:.0f} MB and {sizes[0]:.0f} MB for each SAM",
    )


def _sam_memory(which: Bed) -> int:
    """All SAMs together."""
    pids = processes(which.stack.settings.places.run)
    return sum(resident_bytes(pid) for name, pid in pids.items() if name.startswith("sam-"))
