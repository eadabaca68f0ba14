"""The attackers of docs/threats.md meet a real SAM or a whole Link ID behind a hostile gateway."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest_asyncio

from demo.stack import Stack, free_ports
from demo.world import World as Settled
from demo.world import settled
from tests.attacks.hostile import HostileGateway, Inside
from tests.sam.conftest import authority, hsm, hsm_settings, world

__all__ = ["authority", "hsm", "hsm_settings", "world"]

Sql = Callable[..., Awaitable[list[Any]]]


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def hostile() -> AsyncIterator[HostileGateway]:
    """The attacker's gateway, which everybody takes for the real one."""
    async with HostileGateway(free_ports(1)[0]) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(hostile: HostileGateway) -> AsyncIterator[Stack]:
    """`linkid serve`, whose gateway has the attacker in front of it.

    Not below pytest's own folder: as root, PostgreSQL is another user, and every pytest that starts beside this one
    closes that folder to all others.
    """
    with TemporaryDirectory(prefix="linkid-attacked-") as folder:
        async with Stack(Path(folder), {"LINKID__GATEWAY__URL": hostile.url}) as running:
            hostile.target = f"http://localhost:{running.settings.gateway.port}"
            yield running


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def maria(stack: Stack) -> AsyncIterator[Settled]:
    """The victim: a certificate, a phone, a computer."""
    async with settled(stack) as everything:
        yield everything


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def inside(stack: Stack) -> AsyncIterator[Inside]:
    """The private sockets of SAM and AC, in the attacker's hands."""
    sockets = Inside(stack)
    yield sockets
    await sockets.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def superuser(stack: Stack) -> AsyncIterator[Sql]:
    """SQL over the whole database, as its owner: no grant, no trigger."""
    connection = await asyncpg.connect(stack.settings.places.postgres().dsn("linkid"))
    await connection.execute("SET session_replication_role = replica")
    yield connection.fetch
    await connection.close()
