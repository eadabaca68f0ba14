"""`linkid migrate`: roles and tables."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import get_args
from urllib.parse import unquote, urlsplit

import asyncpg

from foundation.errors import LinkIdError
from foundation.migrations import ensure_roles, migrate
from linkid.postgres import PostgresFailed
from linkid.processes import NoWayIn
from linkid.schema import slices
from linkid.settings import DATABASE, Role, Settings, role_name, role_password


def arguments(parser: argparse.ArgumentParser) -> None:
    """None; but when to call it."""
    parser.description = (
        "Make the database's roles, and bring its tables up to date. Again is harmless, also by several at once."
    )
    parser.epilog = (
        "To move to a newer version: stop gateways, SAMs and the AC of the version before (what was decided and not "
        "yet signed is kept), run this once with the new one, start the new ones. The tables of a version are written "
        "by its own processes only: others get errors, and sign nothing."
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when the database is as this version needs it; safe to run again, and by several at once."""
    try:
        if settings.database.embedded:
            with settings.places.postgres().available():
                asyncio.run(_embedded_roles(settings))
                return asyncio.run(_migrate(settings))
        return asyncio.run(_outside(settings))
    except (LinkIdError, PostgresFailed, NoWayIn, OSError, asyncpg.PostgresError) as error:
        print(f"linkid migrate: {error}", file=sys.stderr)
        return 1


async def _embedded_roles(settings: Settings) -> None:
    """Here we are the operator: database and roles, with passwords of our own making."""
    server = settings.places.postgres()
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
    passwords = {role_name(role): role_password(settings.places, role) for role in get_args(Role)}
    await ensure_roles(server.dsn(DATABASE), passwords)


async def _outside(settings: Settings) -> int:
    """Roles are the operator's business, unless we are given the superuser's address."""
    superuser = settings.database.superuser
    if superuser is not None:
        known = [role for role in get_args(Role) if role != "auditor" or settings.database.auditor is not None]
        addresses = {role: urlsplit(settings.dsn(role)) for role in known}
        passwords = {role_name(role): unquote(address.password or "") for role, address in addresses.items()}
        await ensure_roles(superuser.get_secret_value(), passwords)
    return await _migrate(settings)


async def _migrate(settings: Settings) -> int:
    applied = await migrate(settings.dsn("owner"), slices())
    for migration in applied:
        print(f"applied {migration}")
    print("the database is up to date")
    return 0
