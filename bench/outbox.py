"""The outbox beside bare inserts: messages from queued to reported a second, against rows written a second.

On a database of its own, migrated, with PostgreSQL's usual settings; both sides share durable commits as gateways do.
The carrier carries nowhere: what is measured is the queue, three statements for each message (queued, taken, reported).
"""

from __future__ import annotations

import asyncio
import resource
import secrets
import shutil
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg

from bench.bed import CORES, Say
from bench.measures import CLIENTS, OUTBOX, OUTBOX_FLOOR, OUTBOX_GOAL, Pace
from bench.report import Row, median_of
from bench.usage import cpu_seconds
from foundation.clock import SystemClock
from foundation.database import Connection, Database, open_pool
from foundation.group_commit import GroupCommit
from foundation.ids import new_id
from foundation.migrations import OWNER, ROLES, ensure_roles, migrate
from linkid.postgres import EmbeddedPostgres, dsn
from linkid.schema import slices
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.ports import Parcel
from push.service.outbox import OutboxService, OutboxWorker
from push.store import OutboxStore

_GATEWAY: Final = "linkid_gateway"
_LIFE: Final = timedelta(minutes=10)
_BARE: Final = "INSERT INTO public.bare (said, at, till) VALUES ($1, now(), now()) RETURNING id"


class Nowhere:
    """Takes everything."""

    async def carry(self, parcel: Parcel) -> None:
        """See push.ports.Carrier."""


@dataclass
class Outbox:
    """One gateway's, and the database under it."""

    database: Database
    commits: GroupCommit
    postmaster: int
    worker: OutboxWorker = field(init=False)
    service: OutboxService = field(init=False)

    def __post_init__(self) -> None:
        """The worker is not running yet."""
        clock, seal = SystemClock(), Seal(secrets.token_bytes(32))
        self.worker = OutboxWorker(self.database, clock, seal, {Kind.DOORBELL: Nowhere()})
        self.service = OutboxService(self.database, clock, seal, self.worker)

    async def queue(self) -> None:
        """One doorbell, committed."""
        expires = SystemClock().now() + _LIFE
        content = {"id": new_id("not"), "device": new_id("dev")}
        await self.commits.run(lambda connection: self.service.enqueue(connection, Kind.DOORBELL, content, expires))

    async def write(self) -> None:
        """One bare row, as long as a sealed doorbell, committed."""
        said = secrets.token_bytes(160)

        async def insert(connection: Connection) -> None:
            await connection.execute(_BARE, said)

        await self.commits.run(insert)

    async def carried(self, seconds: float) -> tuple[int, float]:
        """Messages queued by all clients for so long, and the seconds until the last of them was reported on."""
        working = asyncio.create_task(self.worker.run())
        store, began = OutboxStore(self.database), time.perf_counter()
        try:
            count = await _together(self.queue, seconds)
            while await store.backlog():
                await self.worker.work()
            return count, time.perf_counter() - began
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@dataclass
class _Series:
    ratios: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


async def run(names: Sequence[str], folder: Path, pace: Pace, *, again: bool, say: Say) -> list[Row]:
    """The one row. ``again``: a database is made in a second."""
    if OUTBOX not in names:
        return []
    series = _Series()
    async with opened(folder / "outbox") as outbox:
        for number in range(1, pace.rounds + 1):
            began = time.perf_counter()
            written = await _together(outbox.write, pace.seconds)
            series.bare.append(written / (time.perf_counter() - began))
            await _round(outbox, pace.seconds, series)
            say(f"round {number} of {pace.rounds}: {OUTBOX} {series.ratios[-1]:.3f}")
    return [_row(series)]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Outbox]:
    """On a fresh database in ``folder``, which goes again."""
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await asyncio.to_thread(folder.mkdir, 0o755, parents=True)
    server = EmbeddedPostgres(folder / "postgres", folder / "run", folder / "password")
    await asyncio.to_thread(server.start)
    try:
        passwords = {role: secrets.token_urlsafe(12) for role in ROLES}
        root = await asyncpg.connect(server.dsn("postgres"))
        await root.execute("CREATE DATABASE outbox")
        await root.close()
        await ensure_roles(server.dsn("outbox"), passwords)
        await migrate(dsn(server.socket, "outbox", OWNER, passwords[OWNER]), slices())
        root = await asyncpg.connect(server.dsn("outbox"))
        await root.execute(
            "CREATE TABLE public.bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, said bytea, "
            "at timestamptz, till timestamptz)"
        )
        await root.execute(f"GRANT USAGE ON SCHEMA public TO {_GATEWAY}")
        await root.execute(f"GRANT INSERT, SELECT ON public.bare TO {_GATEWAY}")
        await root.close()
        address = dsn(server.socket, "outbox", _GATEWAY, passwords[_GATEWAY])
        database = Database(await open_pool(address, max_size=20, application_name="outbox"))
        pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
        try:
            yield Outbox(database, GroupCommit(database), pid)
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _round(outbox: Outbox, seconds: float, series: _Series) -> None:
    own, theirs = _own(), _database(outbox)
    count, spent = await outbox.carried(seconds)
    own, theirs = _own() - own, _database(outbox) - theirs
    series.rates.append(count / spent)
    series.ratios.append(series.rates[-1] / series.bare[-1])
    series.cpu.append({"database": theirs * 1e6 / count, "generator": own * 1e6 / count})
    series.shares.append(own / (spent * CORES))


async def _together(work: Callable[[], Awaitable[None]], seconds: float) -> int:
    """All clients in a closed loop; how many things were done."""
    until = time.perf_counter() + seconds

    async def client() -> int:
        done = 0
        while time.perf_counter() < until:
            await work()
            done += 1
        return done

    return sum(await asyncio.gather(*(client() for _ in range(CLIENTS))))


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _database(outbox: Outbox) -> float:
    return cpu_seconds({"it": outbox.postmaster})["it"]


def _row(series: _Series) -> Row:
    return Row(
        name=OUTBOX,
        what="the outbox: a doorbell queued in a commit, taken, carried nowhere, reported; one worker",
        value=round(statistics.median(series.ratios), 4),
        unit="ratio",
        floor=OUTBOX_FLOOR,
        goal=OUTBOX_GOAL,
        rounds=[round(ratio, 4) for ratio in series.ratios],
        rate=round(statistics.median(series.rates), 1),
        reference=f"bare inserts, {CLIENTS} at once, commits shared",
        reference_rate=round(statistics.median(series.bare), 1),
        generator_share=round(statistics.median(series.shares), 4),
        cpu=median_of(series.cpu),
        remarks="Here the generator is the worker, in the bench's own process",
    )
