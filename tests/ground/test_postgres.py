"""The embedded PostgreSQL and the databases that tests are given."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import asyncpg
import pytest

from linkid.postgres import EmbeddedPostgres, dsn, socket_folder
from tests.support.postgres import TestDatabase


async def test_a_test_database_has_every_migration(database: TestDatabase) -> None:
    """A cloned database holds what the migrations made, and the owner can reach it."""
    connection = await asyncpg.connect(database.dsn("linkid_owner"))
    try:
        assert await connection.fetchval("SELECT count(*) FROM migrations.applied") > 0
    finally:
        await connection.close()


async def test_nobody_enters_without_the_password(database: TestDatabase) -> None:
    """Every role, the superuser too, needs its password even on the private socket."""
    for role in ("postgres", "linkid_sam", "linkid_owner"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn(database.server.socket, database.name, role, "wrong"))


async def test_passwords_are_kept_as_scram_verifiers(database: TestDatabase) -> None:
    """No password stands in the database in a form that can be replayed."""
    connection = await asyncpg.connect(database.dsn())
    try:
        kept = await connection.fetch("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")
        assert {row["rolpassword"][:14] for row in kept} == {"SCRAM-SHA-256$"}
        assert await connection.fetchval("SHOW listen_addresses") == ""
    finally:
        await connection.close()


@pytest.fixture
def own_server() -> EmbeddedPostgres:
    folder = Path(f"/tmp/linkid-own-{os.getpid()}")
    folder.mkdir(mode=0o711, exist_ok=True)
    return EmbeddedPostgres(folder / "data", folder / "s", folder / "password", {"fsync": "off"})


async def test_it_survives_kill_9_and_a_stranger_with_its_pid(own_server: EmbeddedPostgres) -> None:
    """After kill -9 it starts again with its data, also when its noted pid is somebody else's by now."""
    try:
        own_server.start()
        connection = await asyncpg.connect(own_server.dsn("postgres"))
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        await connection.execute("CHECKPOINT")
        await connection.close()
        assert own_server._process is not None
        own_server._process.send_signal(signal.SIGKILL)
        own_server._process.wait()
        assert not own_server.ready()
        # the pid now belongs to this very test process
        lock = own_server.data / "postmaster.pid"
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        own_server.start()
        connection = await asyncpg.connect(own_server.dsn("postgres"))
        assert await connection.fetchval("SELECT n FROM kept") == 42
        await connection.close()
        own_server.stop()
        assert not own_server.running()
    finally:
        own_server.stop()
        shutil.rmtree(own_server.data.parent)


def test_a_long_path_gets_a_short_socket_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket's address must fit in 107 bytes however deep the project lies."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    short, deep = Path("/srv/linkid/var/run"), Path("/srv") / ("deep/" * 40)
    assert socket_folder(short) == short
    assert socket_folder(deep) == socket_folder(deep) != deep
