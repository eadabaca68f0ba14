"""What the gateway sees of the SAM: one view, with the columns that credentials reads."""

import asyncpg
import pytest

from tests.support.postgres import TestDatabase


async def test_the_stand_in_has_the_views_columns(shared_database: TestDatabase) -> None:
    """The table that stands in for the SAM's view in these tests has its columns and types, in its order."""
    connection = await asyncpg.connect(shared_database.dsn("linkid_gateway"))
    try:
        real = await connection.prepare("SELECT * FROM sam.credential_facts")
        columns = [(column.name, column.type.name) for column in real.get_attributes()]
    finally:
        await connection.close()
    assert columns == [
        ("id", "text"),
        ("spki_hash", "bytea"),
        ("chain", "bytea[]"),
        ("subject", "text"),
        ("serial", "text"),
        ("valid_from", "timestamptz"),
        ("valid_to", "timestamptz"),
        ("state", "text"),
        ("key_algorithm", "text"),
    ]


async def test_the_gateway_reads_nothing_else_of_the_sam(shared_database: TestDatabase) -> None:
    """No blob, no MAC, no counter: the role has the view and no table."""
    connection = await asyncpg.connect(shared_database.dsn("linkid_gateway"))
    try:
        for table in ("credentials", "bindings", "documents", "activations", "signatures", "attempts"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM sam.{table}")
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("UPDATE sam.credential_facts SET state = 'active'")
    finally:
        await connection.close()
