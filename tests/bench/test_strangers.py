"""The million: rows that the real tables take, each unlike the others where it must be."""

from __future__ import annotations

import secrets

import asyncpg

from bench.million import STRANGERS
from tests.support.postgres import TestDatabase

_TEMPLATE = """
INSERT INTO sam.credentials (id, emission, emission_key, key_algorithm, state, salt, argon2_m, argon2_t, argon2_p,
                             kek, pepper, spki, bound, request, chain, subject, serial, valid_from, valid_to,
                             created_at, mac)
VALUES ('cred_' || repeat('0', 26), 'ems_' || repeat('0', 26), 'k', 'RSA-2048', 'active', $1, 19456, 2, 1, 1,
        1, $2, $3, $3, ARRAY[$4::bytea, $4::bytea], 'MARIA', 'ab', now(), now(), now(), $5)
RETURNING id
"""


async def test_strangers_satisfy_every_constraint(database: TestDatabase) -> None:
    """Loaded with every check on, foreign keys too; as many rows as people, and two bites do not collide."""
    connection = await asyncpg.connect(database.dsn())
    try:
        sizes = [secrets.token_bytes(size) for size in (16, 294, 1260, 1739, 33)]
        template = await connection.fetchval(_TEMPLATE, *sizes)
        order = ["holders", "holdings", "credentials", "bindings", "attempts", "devices", "numbers", "rings", "clients"]
        for name in [*order, "allowed"]:
            bites = [(1, 1000)] if name == "clients" else [(1, 30), (31, 50)]
            for first, last in bites:
                sql = getattr(STRANGERS, name)
                await connection.execute(sql, first, last, *([template] if "$3" in sql else []))
        assert await connection.fetchval("SELECT count(*) FROM sam.credentials") == 51
        assert await connection.fetchval("SELECT count(DISTINCT certificate_hash) FROM sam.credentials") == 51
        assert await connection.fetchval("SELECT count(*) FROM oauth.allowed") == 50
    finally:
        await connection.close()
    assert {query.name for query in STRANGERS} == {*order, "allowed"}
