"""Whoever writes to the database, and the caller with them: no session gives one signature more than was allowed."""

import asyncpg
import pytest

from foundation.errors import LinkIdError
from tests.attacks.test_database_writer import other
from tests.sam.world import Session, Signer, World, digest

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]

TABLES = ("activations", "documents", "uses")


async def spent(world: World, credential: str, phone: Signer, caller: dict[str, str]) -> Session:
    """A session of one signature, which was used."""
    session = await world.session(credential, phone, caller=caller, maximum=1)
    await world.use(session, 1, [digest("allowed")])
    return session


async def test_every_column_of_a_session(world: World) -> None:
    """Whatever single value is changed in its rows: a second signature never comes out, whoever signs for it."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    caller = await world.computer(credential, phone)
    columns = await world.sql(
        "SELECT c.table_name AS t, c.column_name AS c, format_type(a.atttypid, NULL) AS kind"
        " FROM information_schema.columns c"
        " JOIN pg_attribute a ON a.attrelid = format('sam.%I', c.table_name)::regclass AND a.attname = c.column_name"
        " WHERE table_schema = 'sam' AND c.table_name = ANY($1::text[]) AND is_generated = 'NEVER' ORDER BY 1, 2",
        list(TABLES),
    )
    for table in TABLES:
        for row in await world.sql(
            "SELECT conname FROM pg_constraint WHERE conrelid = $1::text::regclass AND contype = 'c'", f"sam.{table}"
        ):
            await world.sql(f"ALTER TABLE sam.{table} DROP CONSTRAINT {row['conname']}")
    changed = 0
    for row in columns:
        table, column = row["t"], row["c"]
        session = await spent(world, credential, phone, caller)
        key = {"activations": "id", "documents": "id", "uses": "activation"}[table]
        id_ = session.id if table == "documents" else session.activation
        (value,) = await world.sql(f"SELECT {column} AS v FROM sam.{table} WHERE {key} = $1", id_)
        for expression in other(row["kind"], value["v"]):
            session = await spent(world, credential, phone, caller)
            id_ = session.id if table == "documents" else session.activation
            try:
                await world.sql(
                    f"UPDATE sam.{table} SET {column} = {expression.replace('%', column)} WHERE {key} = $1", id_
                )
            except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
                continue
            changed += 1
            for counter in (1, 2):
                try:
                    got = await world.use(session, counter, [digest("one more")])
                except LinkIdError:
                    continue
                raise AssertionError(f"{table}.{column} = {expression}: {len(got)} more")
            await world.sql("UPDATE sam.documents SET state = 'expired' WHERE state = 'waiting'")  # he may ask again
    assert changed > 60
