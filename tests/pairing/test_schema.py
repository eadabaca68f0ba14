"""SQL and migrations: the tables keep the promises of the domain."""

import re
from enum import StrEnum

import asyncpg
import pytest

from pairing.domain.ceremony import MAX_SENDS, MAX_TRIES, Device, NumberProof
from pairing.domain.link import MAX_CHECKS, OPEN, Link, Purpose
from tests.support.postgres import TestDatabase


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("pairings_state_check", NumberProof),
        ("devices_state_check", Device),
        ("links_state_check", Link),
        ("links_purpose_check", Purpose),
    ],
)
async def test_the_tables_take_exactly_the_words_of_the_domain(
    shared_database: TestDatabase, constraint: str, words: type[StrEnum]
) -> None:
    """A state added to the domain needs a migration, and the other way round."""
    text = await _definition(
        shared_database, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", constraint
    )

    assert set(re.findall(r"'(\w+)'::text", text)) == {str(word) for word in words}


@pytest.mark.parametrize("index", ["one_open_link_per_key", "one_open_link_per_locator"])
async def test_open_links_are_open_in_both_places(shared_database: TestDatabase, index: str) -> None:
    """The partial indexes cover exactly the states that are not final."""
    text = await _definition(shared_database, "SELECT indexdef FROM pg_indexes WHERE indexname = $1", index)

    assert set(re.findall(r"'(\w+)'::text", text)) == {str(state) for state in OPEN}


@pytest.mark.parametrize(
    ("constraint", "limit"),
    [("pairings_tries_check", MAX_TRIES), ("pairings_sends_check", MAX_SENDS), ("links_checks_check", MAX_CHECKS)],
)
async def test_counters_end_where_the_domain_says(shared_database: TestDatabase, constraint: str, limit: int) -> None:
    """Even a defect cannot count one try too many."""
    text = await _definition(
        shared_database, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", constraint
    )

    assert f"<= {limit}" in text


@pytest.mark.parametrize("role", ["linkid_sam", "linkid_ac"])
@pytest.mark.parametrize("table", ["devices", "links", "pairings", "computers"])
async def test_other_processes_see_nothing_of_it(shared_database: TestDatabase, role: str, table: str) -> None:
    """SAM and AC do not learn numbers, names and tokens, and cannot plant any."""
    connection = await asyncpg.connect(shared_database.dsn(role))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT 1 FROM pairing.{table}")
    finally:
        await connection.close()


@pytest.mark.parametrize("table", ["devices", "computers", "associations", "numbers"])
async def test_the_gateway_deletes_no_history(shared_database: TestDatabase, table: str) -> None:
    """Who was paired stays on record; things end by a date, not by vanishing."""
    connection = await asyncpg.connect(shared_database.dsn("linkid_gateway"))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"DELETE FROM pairing.{table}")
    finally:
        await connection.close()


async def _definition(database: TestDatabase, query: str, name: str) -> str:
    connection = await asyncpg.connect(database.dsn())
    try:
        found: str = await connection.fetchval(query, name)
        return found
    finally:
        await connection.close()
