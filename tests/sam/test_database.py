"""The SAM's tables: roles can do what they need and nothing else."""

import json
from datetime import timedelta

import asyncpg
import pytest

from foundation.migrations import SliceMigrations, history
from hsm_service.sam.housekeeping import forget_sealed
from tests.sam.world import World
from tests.support.postgres import TestDatabase


async def denied(database: TestDatabase, role: str, statement: str) -> bool:
    connection = await asyncpg.connect(database.dsn(role))
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        await connection.close()
    return False


@pytest.mark.parametrize("role", ["linkid_gateway", "linkid_ac"])
async def test_others_see_one_view(shared_database: TestDatabase, role: str) -> None:
    """The gateway reads the facts about credentials and nothing else of ours; the AC not even those."""
    tables = ("credentials", "bindings", "associations", "documents", "decisions", "attempts", "activations",
              "signatures", "freezes")  # fmt: skip
    for table in tables:
        for statement in (
            f"SELECT * FROM sam.{table}",
            f"DELETE FROM sam.{table}",
            f"INSERT INTO sam.{table} DEFAULT VALUES",
        ):
            assert await denied(shared_database, role, statement)
    columns = "id, spki_hash, chain, subject, serial, valid_from, valid_to, state, key_algorithm"
    facts = f"SELECT {columns} FROM sam.credential_facts"
    assert await denied(shared_database, role, facts) is (role == "linkid_ac")
    assert await denied(shared_database, role, "UPDATE sam.credential_facts SET subject = 'x'")


async def test_the_sam_itself_changes_little(shared_database: TestDatabase) -> None:
    """Even with the SAM's password: nothing is deleted, and what was fixed is not changed."""
    tables = ("decisions", "signatures", "attempts", "documents", "activations", "bindings", "credentials")
    columns = (
        "documents.data", "documents.context", "documents.mac", "decisions.decision", "decisions.signature",
        "bindings.device_key", "bindings.credential", "associations.key", "activations.until", "activations.mac",
        "signatures.signatures", "signatures.activation", "signatures.signed_at", "credentials.salt", "credentials.id",
    )  # fmt: skip
    changes = [f"UPDATE sam.{table} SET {column} = {column}" for table, column in (one.split(".") for one in columns)]
    for statement in (
        *(f"DELETE FROM sam.{table}" for table in tables), *changes, "DELETE FROM audit.lines",
        "UPDATE audit.lines SET body = body", "TRUNCATE sam.freezes", "CREATE TABLE sam.mine ()",
        "CREATE TABLE public.mine ()",
    ):  # fmt: skip
        assert await denied(shared_database, "linkid_sam", statement), statement


async def test_sealed_blobs_are_forgotten_when_they_are_over(world: World) -> None:
    """A minute after its end an activation holds nothing to open, says expired, and is no alarm."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    activation = (await world.approve(phone, request))["activation"]
    assert await forget_sealed(world.sam.database, world.clock.now()) == 0
    world.clock.advance(timedelta(seconds=361))
    assert await forget_sealed(world.sam.database, world.clock.now()) == 1
    assert (await world.sql("SELECT sealed FROM sam.activations"))[0]["sealed"] == b""
    assert await world.refused("signatures/sign", **request.call(activation)) == "activation_expired"
    assert "row.forged" not in await world.events()


async def test_the_audit_names_nobody(world: World) -> None:
    """Lines hold ids and digests: no name, label, nickname, number, password or key."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone, "Notebook da Maria")
    request = await world.ask(credential, algorithm="ECDSA-SHA256", caller=computer)
    await world.sign(request, (await world.approve(phone, request))["activation"])
    lines = b"".join(row["body"] for row in await world.sql("SELECT body FROM audit.lines")).decode()
    for word in ("MARIA", "Maria", "Celular", "contrato", "12345678909", "Senha"):
        assert word not in lines
    assert request.statement.document.hash in lines
    assert all(json.loads(row["body"])["chain"] == "sam-0" for row in await world.sql("SELECT body FROM audit.lines"))


async def test_rows_for_each_hash_become_one(shared_database: TestDatabase) -> None:
    """What the version before stored is there, in the order of the document; what nobody signed is not."""
    connection = await asyncpg.connect(shared_database.dsn())
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("DROP TABLE sam.signatures")
        await connection.execute(
            "CREATE TABLE sam.occurrences (activation text, ordinal smallint, hash bytea, state text, signature bytea,"
            " signed_at timestamptz)"
        )
        await connection.executemany(
            "INSERT INTO sam.occurrences VALUES ($1, $2, 'h', $3, $4, CASE WHEN $3 = 'signed' THEN now() END)",
            [
                ("act_1", 1, "signed", b"two"), ("act_1", 0, "signed", b"one"), ("act_1", 2, "signed", b"three"),
                ("act_2", 0, "signed", b"four"), ("act_3", 0, "reserved", None), ("act_3", 1, "reserved", None),
            ],
        )  # fmt: skip
        (migration,) = (one for one in history(SliceMigrations("sam", "hsm_service.sam")) if one.name == "signatures")
        await connection.execute(migration.sql)
        rows = await connection.fetch("SELECT activation, signatures, signed_at = now() AS then FROM sam.signatures")
        assert sorted((row["activation"], row["signatures"], row["then"]) for row in rows) == [
            ("act_1", [b"one", b"two", b"three"], True), ("act_2", [b"four"], True),
        ]  # fmt: skip
    finally:
        await transaction.rollback()
        await connection.close()
