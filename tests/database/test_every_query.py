"""Every named query of every slice, as the role that runs it; and every grant, as long as a query needs it.

Preparing finds misspelt columns and wrong types, but asks nobody for permission: PostgreSQL does that when execution
begins. ``EXPLAIN (GENERIC_PLAN)`` begins it and runs nothing.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from foundation.migrations import OWNER, ROLES
from foundation.queries import Queries, Query
from tests.support.postgres import TestDatabase

ROOT = Path(__file__).parents[2]
GATEWAY, SAM, AC, AUDITOR = "linkid_gateway", "linkid_sam", "linkid_ac", "linkid_auditor"
PROCESSES = (GATEWAY, SAM, AC)
EVERYBODY = (*PROCESSES, AUDITOR)

_ROLES_OF: Final = {
    "foundation/audit": PROCESSES,
    "foundation/seen": EVERYBODY,
    "foundation/proofs": (GATEWAY,),
    "hsm_service/sam": (SAM,),
    "issuance/ac": (AC,),
    "linkid": (AUDITOR,),
}
"""By the longest beginning of the file's folder; every other slice is the gateway's."""

_HARMLESS: Final = {"linkid_sam: SELECT ON sam.credential_facts"}
"""Granted and used by no query: the SAM's own view over its own tables."""

_PROOFS: Final = ("remember_proofs", "forget_proofs")
_SEEN: Final = ("head", "heads", "line_hash", "lines")
"""Of the audit, what an auditor asks as well."""

Connection = Any


@dataclass(frozen=True)
class Run:
    """One query as one role runs it."""

    role: str
    query: Query

    def __str__(self) -> str:
        return f"{self.role.removeprefix('linkid_')}-{self.query.source.partition(':')[0]}-{self.query.name}"


def runs() -> Iterator[Run]:
    """All of them."""
    for file in sorted(ROOT.glob("*/**/queries.sql")):
        source = file.relative_to(ROOT).as_posix()
        if source.startswith((".", "var/", "tests/")):
            continue
        for query in Queries.parse(file.read_text("utf-8"), source=source):
            for role in _roles(source, query):
                yield Run(role, query)


def _roles(source: str, query: Query) -> tuple[str, ...]:
    if source.startswith("foundation/"):
        part = "proofs" if query.name in _PROOFS else "seen" if query.name in _SEEN else "audit"
        source = f"foundation/{part}"
    return max(
        ((folder, roles) for folder, roles in _ROLES_OF.items() if source.startswith(folder)), default=("", (GATEWAY,))
    )[1]


RUNS = list(runs())


async def begun(connection: Connection, query: Query) -> None:
    """Begin to run a query, as whoever the connection is. Raises asyncpg.PostgresError."""
    await connection.execute(f"EXPLAIN (GENERIC_PLAN) {query.sql}")


@pytest.fixture
async def owner(shared_database: TestDatabase) -> AsyncIterator[Connection]:
    """The superuser, inside a transaction that is rolled back."""
    connection = await asyncpg.connect(shared_database.dsn())
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


def test_no_slice_is_missing() -> None:
    """An empty list would let everything else here pass."""
    files = {run.query.source.partition(":")[0] for run in RUNS}
    assert len(files) == len([one for one in ROOT.glob("*/**/queries.sql") if "var" not in one.parts])
    assert {run.role for run in RUNS} == set(EVERYBODY)
    assert len(RUNS) > 200


@pytest.mark.parametrize("run", RUNS, ids=str)
async def test_query_runs_as_its_role(shared_database: TestDatabase, run: Run) -> None:
    """A misspelt column, a wrong type, a missing grant is found here, and not at night."""
    connection = await asyncpg.connect(shared_database.dsn(run.role))
    try:
        await connection.prepare(run.query.sql)
        await begun(connection, run.query)
    finally:
        await connection.close()


async def test_a_missing_grant_would_be_found(owner: Connection) -> None:
    """The test above can fail: preparing alone would not tell."""
    (run,) = (one for one in RUNS if one.query.name == "remember_proofs")
    await owner.execute(f"REVOKE INSERT ON web.seen_proofs FROM {GATEWAY}; SET LOCAL ROLE {GATEWAY}")
    await owner.prepare(run.query.sql)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await begun(owner, run.query)


_TABLE_GRANTS = """
SELECT c.oid::regclass::text AS relation, NULL AS column, r.rolname AS role, a.privilege_type AS privilege
FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema') AND c.relowner <> a.grantee
UNION ALL
SELECT c.oid::regclass::text, t.attname, r.rolname, a.privilege_type
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
CROSS JOIN LATERAL aclexplode(t.attacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1, 2, 3, 4
"""


async def test_no_role_holds_a_right_that_no_query_needs(owner: Connection) -> None:
    """Each grant is taken away in turn, and some query of that role must miss it."""
    grants = await owner.fetch(_TABLE_GRANTS)
    assert len(grants) > 50
    unneeded = set()
    for grant in grants:
        column = f" ({grant['column']})" if grant["column"] else ""
        right = f"{grant['privilege']}{column} ON {grant['relation']}"
        name = grant["relation"].rpartition(".")[2]
        asking = [run.query for run in RUNS if run.role == grant["role"] and name in run.query.sql]
        if not await _missed(owner, right, grant["role"], asking):
            unneeded.add(f"{grant['role']}: {right}")
    assert unneeded == _HARMLESS


async def _missed(owner: Connection, right: str, role: str, asking: list[Query]) -> bool:
    for query in asking:
        savepoint = owner.transaction()
        await savepoint.start()
        try:
            await owner.execute(f"REVOKE {right} FROM {role}; SET LOCAL ROLE {role}")
            await begun(owner, query)
        except asyncpg.InsufficientPrivilegeError:
            return True
        finally:
            await savepoint.rollback()
    return False


@pytest.mark.parametrize("role", EVERYBODY)
async def test_a_role_reads_and_writes_its_own_schemas_and_no_other(owner: Connection, role: str) -> None:
    """The gateway writes nothing of SAM or AC and reads one view; SAM and AC do not see holders, phones or tokens."""
    own = {
        GATEWAY: {
            "audit",
            "credentials",
            "issuance",
            "oauth",
            "pairing",
            "psc",
            "push",
            "registration",
            "signing",
            "web",
            "webhooks",
        },
        SAM: {"audit", "sam"},
        AC: {"audit", "ac"},
        AUDITOR: {"audit"},
    }
    exceptions = {(GATEWAY, "sam.credential_facts", "SELECT")}
    grants = await owner.fetch(_TABLE_GRANTS)
    strange = {
        (grant["role"], grant["relation"], grant["privilege"])
        for grant in grants
        if grant["role"] == role and grant["relation"].partition(".")[0] not in own[role]
    }
    assert strange == {one for one in exceptions if one[0] == role}
    usable = await owner.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$|public$)'"
        " AND has_schema_privilege($1, oid, 'USAGE')",
        role,
    )
    assert {row["nspname"] for row in usable} == own[role] | ({"sam"} if role == GATEWAY else set())


@pytest.mark.parametrize("role", EVERYBODY)
async def test_a_role_can_make_nothing_and_become_nobody(owner: Connection, role: str) -> None:
    """No tables of its own, no roles, no other role's rights, nothing granted to everybody."""
    flags = await owner.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
    for flag in ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls"):
        assert flags[flag] is False
    assert await owner.fetchval("SELECT count(*) FROM pg_auth_members WHERE member = $1::regrole::oid", role) == 0
    may_create = await owner.fetch(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND has_schema_privilege($1, oid, 'CREATE')", role
    )
    assert may_create == []
    assert not await owner.fetchval("SELECT has_database_privilege($1, current_database(), 'CREATE')", role)


async def test_nothing_is_granted_to_everybody_and_nothing_dangerous_to_anybody(owner: Connection) -> None:
    """TRUNCATE, TRIGGER and REFERENCES are the owner's; PUBLIC (grantee 0) has none of our tables or functions."""
    grants = await owner.fetch(_TABLE_GRANTS)
    assert {grant["privilege"] for grant in grants} <= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    public = await owner.fetch(
        "SELECT c.oid::regclass::text FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a"
        " WHERE a.grantee = 0 AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
    )
    assert public == []
    callable_by_all = await owner.fetch(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname !~ '^(pg_|information_schema$)' AND p.prosecdef"
        " AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0))"
    )
    assert callable_by_all == [], "a function with its owner's rights that everybody may call"


async def test_there_is_no_role_for_the_app_host(owner: Connection) -> None:
    """Static files need no database; and our roles are these five."""
    ours = await owner.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'linkid%'")
    assert {row["rolname"] for row in ours} == {OWNER, *EVERYBODY} == set(ROLES)
