"""A real PostgreSQL: one server per test process, one migrated template, a clone of it for each test that asks.

    async def test_x(database: TestDatabase) -> None:
        pool = await open_pool(database.dsn("linkid_sam"))

`database.dsn(role)` knows the four roles and `postgres`. `empty_database` is the same without migrations.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from foundation.migrations import OWNER, ROLES, ensure_roles, migrate
from linkid.postgres import SUPERUSER, EmbeddedPostgres, dsn
from linkid.schema import slices

T = TypeVar("T")

PASSWORDS = {role: f"test-{role}" for role in ROLES}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
}


@dataclass(frozen=True)
class TestDatabase:
    """A database of its own for one test."""

    __test__ = False  # pytest: not a test class

    server: EmbeddedPostgres
    name: str

    def dsn(self, role: str = SUPERUSER) -> str:
        """Address for `linkid_owner`, `linkid_gateway`, `linkid_sam`, `linkid_ac` or `postgres`."""
        return (
            self.server.dsn(self.name)
            if role == SUPERUSER
            else dsn(self.server.socket, self.name, role, PASSWORDS[role])
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """The server of this test process. It dies with it, and its folder with it."""
    folder = Path(tempfile.gettempdir(), f"linkid-test-{os.getpid()}")  # short: a socket's address has little room
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o711)
    server = EmbeddedPostgres(folder / "data", folder / "s", folder / "password", _FAST)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: EmbeddedPostgres) -> str:
    """The name of a database with all migrations applied; cloned, never used itself."""

    async def make() -> None:
        await _maintain(postgres_server, "CREATE DATABASE template_linkid")
        await ensure_roles(postgres_server.dsn("template_linkid"), PASSWORDS)
        await migrate(dsn(postgres_server.socket, "template_linkid", OWNER, PASSWORDS[OWNER]), slices())

    in_own_loop(make())
    return "template_linkid"


@pytest.fixture
def database(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[TestDatabase]:
    """A fresh migrated database; gone after the test."""
    yield from _cloned(postgres_server, migrated_template)


@pytest.fixture(scope="module")
def shared_database(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[TestDatabase]:
    """The same for tests that only read, or that keep out of each other's way: one for the whole module."""
    yield from _cloned(postgres_server, migrated_template)


@pytest.fixture
def empty_database(postgres_server: EmbeddedPostgres) -> Iterator[TestDatabase]:
    """A fresh database without anything of ours in it; roles exist."""
    for made in _cloned(postgres_server, "template1"):
        in_own_loop(ensure_roles(made.dsn(), PASSWORDS))
        yield made


_numbers = itertools.count(1)


def _cloned(server: EmbeddedPostgres, template: str) -> Iterator[TestDatabase]:
    name = f"test_{next(_numbers)}"
    # A clone has its template's contents but not the grants on the database itself.
    roles = ", ".join(ROLES)
    grants = (
        []
        if template == "template1"
        else [
            f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {name} TO {roles}",
            f"GRANT CREATE ON DATABASE {name} TO {OWNER}",
        ]
    )
    copied = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"  # a third faster here than by its log
    in_own_loop(_maintain(server, copied, *grants))
    yield TestDatabase(server, name)
    in_own_loop(_maintain(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _maintain(server: EmbeddedPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def in_own_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end from synchronous code, in a thread, so that the test's own event loop is not touched."""
    outcome: list[T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
