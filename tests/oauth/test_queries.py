"""Every query of OAuth is prepared against the migrated database, by the gateway's role."""

import asyncpg
import pytest

from foundation.queries import Query
from hsm_service.oauth.store import QUERIES
from tests.support.postgres import TestDatabase


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
async def test_query_prepares(shared_database: TestDatabase, query: Query) -> None:
    """A misspelt column, a missing grant on a table, a wrong type is found here."""
    connection = await asyncpg.connect(shared_database.dsn("linkid_gateway"))
    try:
        await connection.prepare(query.sql)
    finally:
        await connection.close()
