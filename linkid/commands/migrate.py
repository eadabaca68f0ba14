"""`linkid migrate`: roles and tables."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import get_args

import asyncpg

from foundation.errors import LinkIdError
from foundation.migrations import OWNER, ensure_roles, migrate
from linkid.postgres import PostgresFailed
from linkid.processes import NoWayIn
from linkid.schema import slices
from linkid.settings import DATABASE, Role, Settings, role_password


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when the database is as this version needs it; safe to run at any time, by several at once."""
    try:
        if settings.database.embedded:
            with settings.places.postgres().available():
                asyncio.run(_embedded_roles(settings))
                return asyncio.run(_migrate(settings))
        return asyncio.run(_migrate(settings))
    except (LinkIdError, PostgresFailed, NoWayIn, OSError, asyncpg.PostgresError) as error:
        print(f"linkid migrate: {error}", file=sys.stderr)
        return 1


async def _embedded_roles(settings: Settings) -> None:
    """With an outside server the operator makes roles and database; here we are the operator."""
    server = settings.places.postgres()
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    roles: list[Role] = list(get_args(Role))
    names = {role: OWNER if role == "owner" else f"linkid_{role}" for role in roles}
    await ensure_roles(server.dsn(DATABASE), {names[role]: role_password(settings.places, role) for role in roles})


async def _migrate(settings: Settings) -> int:
    applied = await migrate(settings.dsn("owner"), slices())
    for migration in applied:
        print(f"applied {migration}")
    print("the database is up to date")
    return 0
