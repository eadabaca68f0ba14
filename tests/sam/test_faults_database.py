"""The database gone and back, its connections cut, its disk full; the head file's and the token's disk full.

Whatever happens: callers hear Unavailable, nothing is lost, nothing is signed without its audit line, and it heals.
"""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from foundation.audit import AuditChain, HeadNotKept
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError, Unavailable
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.process import build_sam
from hsm_service.sam.signed_heads import HeadSigner
from hsm_service.sam.watch import DATABASE_AWAY
from tests.sam.world import START, Authority, Request, World, open_world
from tests.support.disks import fill, read_only, small_disk
from tests.support.postgres import TestDatabase


async def approved(world: World) -> tuple[Request, str, str]:
    """A request that its holder approved: all that is left is to sign it."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    return request, str((await world.approve(phone, request))["activation"]), credential


async def until_signed(world: World, request: Request, activation: str) -> list[bytes]:
    """As a caller does: again, while it hears Unavailable."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await world.sign(request, activation)
            except Unavailable:
                await asyncio.sleep(0.05)


async def nothing_without_its_line(world: World, signed: int) -> None:
    """As many signatures as lines about them; the chain is whole up to the head kept outside."""
    rows = await world.sql("SELECT count(*) AS n FROM sam.signatures")
    assert rows[0]["n"] == (await world.events()).count("signatures.made") == signed
    await world.sam.audit.check_not_behind()


async def why(world: World) -> Any:
    return (await world.call("status"))["why"]


async def test_stopped_and_started(world: World) -> None:
    """Unavailable while it is away, and `status` says so; the same SAM goes on when it is back."""
    request, activation, credential = await approved(world)
    server = world.database.server
    server.stop()
    try:
        for call in (world.sign(request, activation), world.ask(credential, algorithm="ECDSA-SHA256")):
            with pytest.raises(Unavailable):
                await call
        assert await why(world) == DATABASE_AWAY
    finally:
        server.start()  # in this thread: the kernel ends the server with the thread that started it
    if world._attacker is not None:  # its connection went with the server
        world._attacker.terminate()
        world._attacker = None
    signatures = await until_signed(world, request, activation)
    world.verify(await world.certificate(credential), request, signatures)
    assert await why(world) is None
    await nothing_without_its_line(world, 1)


async def test_connections_cut_all_the_time(world: World) -> None:
    """Every connection of the SAM is ended again and again while it signs: each caller gets its signature in the end,
    the same one however often it asks, and there is one line for each."""
    waiting = [await approved(world) for _ in range(6)]
    killer = await asyncpg.connect(world.database.dsn())

    async def cut() -> int:
        cuts = 0
        for _ in range(30):
            cuts += await killer.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE usename = 'linkid_sam' AND datname = current_database()"
            )
            await asyncio.sleep(0.03)
        return cuts

    cutting = asyncio.create_task(cut())
    try:
        made = await asyncio.gather(*(until_signed(world, request, activation) for request, activation, _ in waiting))
    finally:
        assert await cutting > 30
        await killer.close()
    for (request, activation, credential), signatures in zip(waiting, made, strict=True):
        world.verify(await world.certificate(credential), request, signatures)
        assert await until_signed(world, request, activation) == signatures
    await nothing_without_its_line(world, len(waiting))


async def test_a_statement_that_takes_too_long(
    hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """Somebody holds the lock that every line needs: Unavailable after the statement's time, nothing half done, and
    the signature once the lock is gone."""
    world = await open_world(hsm, database, tmp_path / "sam-0.head", FixedClock(START), authority)
    await world.sam.watch.look()
    request, activation, credential = await approved(world)
    impatient = Database(await open_pool(database.dsn("linkid_sam"), role_settings={"statement_timeout": "200ms"}))
    audit = AuditChain(impatient, "sam-0", world.clock, tmp_path / "sam-0.head")
    world.sam, before = (
        await build_sam(hsm, impatient, audit, authority.pins(), clock=world.clock), world.sam
    )  # fmt: skip
    await world.sam.watch.look()
    holder = await asyncpg.connect(database.dsn())
    try:
        async with holder.transaction():
            await holder.execute("SELECT * FROM audit.heads FOR UPDATE")
            with pytest.raises(Unavailable):
                await world.sign(request, activation)
            rows = await world.sql("SELECT count(*) AS n FROM sam.signatures")
            assert rows[0]["n"] == 0
        world.verify(await world.certificate(credential), request, await world.sign(request, activation))
        await nothing_without_its_line(world, 1)
    finally:
        await holder.close()
        await before.database.close()
        await world.close()


# --- full disks ------------------------------------------------------------------------------------------------------


async def test_the_databases_disk_is_full(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The audit's table cannot grow: no line, hence no signature; Unavailable, and as before when there is room."""
    request, activation, credential = await approved(world)
    server = world.database.server
    folder = Path(server.data).parent / "full"
    with small_disk(folder, 2048):
        place = folder / "space"
        place.mkdir()
        if server.os_user is not None:
            for path in (folder, place):
                subprocess.run(["chown", f"{server.os_user.uid}:{server.os_user.gid}", str(path)], check=True)
        await world.sql(f"CREATE TABLESPACE full_disk LOCATION '{place}'")
        await world.sql("ALTER TABLE audit.lines SET TABLESPACE full_disk")
        filler = fill(folder)
        refused = 0
        for _ in range(40):  # until the last page is full
            try:
                await world.ask(credential, algorithm="ECDSA-SHA256", caller=await world.register())
            except Unavailable:
                refused += 1
                if refused == 3:
                    break
            except LinkIdError:
                await world.sql("DELETE FROM sam.documents WHERE state = 'waiting'")
        assert refused == 3
        with pytest.raises(Unavailable):
            await world.sign(request, activation)
        await nothing_without_its_line(world, 0)
        filler.unlink()
        world.verify(await world.certificate(credential), request, await world.sign(request, activation))
        await nothing_without_its_line(world, 1)
        await world.sql("ALTER TABLE audit.lines SET TABLESPACE pg_default")
        await world.sql("DROP TABLESPACE full_disk")


async def test_the_head_files_disk_takes_nothing(
    hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """What was committed stays, and leaves when its head is kept outside; nothing more is committed until that can be
    done again; then nothing is missing."""
    with small_disk(tmp_path / "heads", 16) as heads:
        world = await open_world(hsm, database, heads / "sam-0.head", FixedClock(START), authority)
        try:
            await world.sam.watch.look()
            first, second = await approved(world), await approved(world)
            signer = HeadSigner(world.sam.database, world.sam.roots, world.clock, "sam-0", heads / "sam-0.signed")
            read_only(heads)
            for one in (first, first, second, second):  # the first is committed
                with pytest.raises(HeadNotKept):
                    await world.sign(*one[:2])
            with pytest.raises(HeadNotKept):
                await signer.sign_if_moved()
            rows = await world.sql("SELECT count(*) AS n FROM sam.signatures")
            assert rows[0]["n"] == 1
            read_only(heads, False)
            assert await world.sign(*first[:2]) == await world.sign(*first[:2])
            await world.sign(*second[:2])
            await nothing_without_its_line(world, 2)
            kept = await world.sam.audit.kept_head()
            newest = await world.sql("SELECT max(seq) AS n FROM audit.lines WHERE chain = 'sam-0'")
            assert kept is not None
            assert kept.seq == newest[0]["n"]
            assert await signer.sign_if_moved() is not None
        finally:
            await world.close()
