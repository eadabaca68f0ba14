"""SQL and migrations: the tables know the states of the domain."""

import re

import asyncpg
import pytest

from push.domain.outbox import Kind, Message
from tests.support.postgres import TestDatabase


@pytest.mark.parametrize(("column", "words"), [("state", set(Message)), ("kind", set(Kind))])
async def test_the_table_takes_exactly_the_words_of_the_domain(
    shared_database: TestDatabase, column: str, words: set[str]
) -> None:
    """A state added to the table of the domain needs a migration, and the other way round."""
    connection = await asyncpg.connect(shared_database.dsn())
    try:
        check = await connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", f"outbox_{column}_check"
        )
    finally:
        await connection.close()

    assert set(re.findall(r"'(\w+)'::text", check)) == {str(word) for word in words}


@pytest.mark.parametrize("role", ["linkid_sam", "linkid_ac"])
async def test_other_processes_see_nothing_of_it(shared_database: TestDatabase, role: str) -> None:
    """SAM and AC have no business with what leaves."""
    connection = await asyncpg.connect(shared_database.dsn(role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("SELECT 1 FROM push.outbox")
    finally:
        await connection.close()
