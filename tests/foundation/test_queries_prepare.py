"""Every query of the foundation is prepared against the migrated database, by the role that uses it."""

import asyncpg
import pytest

from foundation.queries import Queries, Query
from tests.support.postgres import TestDatabase

USERS = {"remember_proof": "linkid_gateway", "forget_proofs": "linkid_gateway"}


@pytest.mark.parametrize("query", Queries.load("foundation"), ids=lambda query: query.name)
async def test_query_prepares(shared_database: TestDatabase, query: Query) -> None:
    """A misspelt column, a missing table or a wrong type is found here and not at night."""
    connection = await asyncpg.connect(shared_database.dsn(USERS.get(query.name, "linkid_sam")))
    try:
        await connection.prepare(query.sql)
    finally:
        await connection.close()
