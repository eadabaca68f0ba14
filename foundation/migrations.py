"""Each slice's schema, step by step, applied once and never rewritten.

A slice keeps ``migrations/0001_name.sql``, ``0002_…``: numbered from 1 without gaps, each applied in one transaction
by ``linkid_owner``, which owns every schema. What was applied is recorded with its SHA-256; a file that changed
afterwards stops everything, because the database then is not what the files say.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import asyncpg

from foundation.errors import Internal

OWNER: Final = "linkid_owner"
ROLES: Final = (OWNER, "linkid_gateway", "linkid_sam", "linkid_ac", "linkid_auditor")
"""One login role per kind of process, the owner, which only migrations use, and one that may read the audit."""

# "linkid_m" in ASCII: an advisory lock number that nobody else's program is likely to take.
_LOCK: Final = int.from_bytes(b"linkid_m", "big", signed=True)
_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql\Z")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_SCRAM_ROUNDS: Final = 4096
"""PostgreSQL's own default; our role passwords are random, so more rounds would only slow down connecting."""


class BadMigration(Internal):
    """Migration files and database do not fit together; nothing was changed."""

    code = "bad_migration"
    summary = "The database schema cannot be brought up to date."


@dataclass(frozen=True)
class SliceMigrations:
    """A slice by name, and the package whose ``migrations`` folder is its history."""

    name: str
    package: str


@dataclass(frozen=True)
class Migration:
    """One file of a slice's history."""

    slice: str
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the text as it stands in the file."""
        return hashlib.sha256(self.sql.encode("utf-8")).digest()

    def __str__(self) -> str:
        """As in ``pairing/0002_devices``."""
        return f"{self.slice}/{self.number:04}_{self.name}"


def history(part: SliceMigrations) -> list[Migration]:
    """A slice's migrations in order. Raises BadMigration on a gap, a double number or a foreign file."""
    folder = resources.files(part.package).joinpath("migrations")
    found: list[Migration] = []
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.startswith((".", "__")):
            continue
        match = _FILE.match(entry.name)
        if not match:
            raise BadMigration(f"{part.package}/migrations/{entry.name}: expected a name like 0001_what_it_does.sql")
        found.append(Migration(part.name, int(match["number"]), match["name"], entry.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise BadMigration(f"{migration}: expected number {expected:04}; numbers go up by one, each used once")
    return found


async def migrate(dsn_owner: str, slices: Sequence[SliceMigrations], roles: Sequence[str] = ROLES) -> list[Migration]:
    """Bring the database up to date; returns what was applied now, in order (empty when there was nothing to do).

    Safe to call from several processes at once: they queue on an advisory lock. ``roles`` must exist already, since the
    files grant to them. Raises BadMigration when history was changed or roles are missing.
    """
    wanted = [(part, history(part)) for part in slices]
    connection = await asyncpg.connect(dsn_owner, server_settings={"application_name": "linkid-migrate"})
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _require_roles(connection, roles)
        await connection.execute(_BOOKKEEPING)
        applied: list[Migration] = []
        for part, migrations in wanted:
            applied += await _migrate_slice(connection, part, migrations)
        return applied
    finally:
        await connection.close()  # also gives the advisory lock back


async def pending(dsn_owner: str, slices: Sequence[SliceMigrations]) -> list[Migration]:
    """What ``migrate`` would apply. Raises BadMigration like it; changes nothing."""
    connection = await asyncpg.connect(dsn_owner)
    try:
        known = await connection.fetchval("SELECT to_regclass('migrations.applied') IS NOT NULL")
        result: list[Migration] = []
        for part in slices:
            rows = await _recorded(connection, part) if known else {}
            result += _missing(part, history(part), rows)
        return result
    finally:
        await connection.close()


async def _migrate_slice(
    connection: "asyncpg.Connection[Any]", part: SliceMigrations, migrations: Sequence[Migration]
) -> list[Migration]:
    missing = _missing(part, migrations, await _recorded(connection, part))
    for migration in missing:
        try:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations.applied (slice, number, name, checksum) VALUES ($1, $2, $3, $4)",
                    migration.slice,
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
        except asyncpg.PostgresError as cause:
            raise BadMigration(f"{migration}: {cause}") from cause
    return missing


async def _recorded(connection: "asyncpg.Connection[Any]", part: SliceMigrations) -> dict[int, tuple[str, bytes]]:
    rows = await connection.fetch(
        "SELECT number, name, checksum FROM migrations.applied WHERE slice = $1 ORDER BY number", part.name
    )
    return {row["number"]: (row["name"], row["checksum"]) for row in rows}


def _missing(
    part: SliceMigrations, migrations: Sequence[Migration], recorded: Mapping[int, tuple[str, bytes]]
) -> list[Migration]:
    """What is still to be applied. Raises BadMigration when the past was rewritten."""
    if len(recorded) > len(migrations):
        raise BadMigration(
            f"{part.name}: the database has {len(recorded)} migrations, this program knows {len(migrations)}; "
            "run the newer version"
        )
    for migration in migrations[: len(recorded)]:
        name, checksum = recorded[migration.number]
        if checksum != migration.checksum:
            raise BadMigration(
                f"{migration}: the file changed after it was applied; restore it and write a new migration instead"
            )
        if name != migration.name:
            raise BadMigration(f"{migration}: was applied as {migration.number:04}_{name}; give the file its name back")
    return list(migrations[len(recorded) :])


async def _require_roles(connection: "asyncpg.Connection[Any]", roles: Sequence[str]) -> None:
    rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])", list(roles))
    missing = sorted(set(roles) - {row["rolname"] for row in rows})
    if missing:
        raise BadMigration(f"missing database roles: {', '.join(missing)}; create them first (ensure_roles)")


async def ensure_roles(dsn_superuser: str, passwords: Mapping[str, str]) -> None:
    """Make the login roles, or give them these passwords; and take from PUBLIC what PostgreSQL gives it by default.

    Passwords reach the server only as SCRAM verifiers, so that they never stand in its log. ``linkid_owner`` may create
    schemas in this database; the others may only connect. A role of ours without a password here is made if it is not
    there, since the files grant to it, and cannot log in. Raises ValueError on a role name or password we will not use.
    """
    connection = await asyncpg.connect(dsn_superuser)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            database = await connection.fetchval("SELECT quote_ident(current_database())")
            await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for role in ROLES:
                await _make_role(connection, role)
            for role, password in passwords.items():
                await _ensure_role(connection, role, password)
                await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {role}")
            if OWNER in passwords:
                await connection.execute(f"GRANT CREATE ON DATABASE {database} TO {OWNER}")
                # PostgreSQL lets everybody execute a new function; ours run with their owner's rights.
                await connection.execute(
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
                )
    finally:
        await connection.close()


async def _make_role(connection: "asyncpg.Connection[Any]", role: str) -> None:
    if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role):
        await connection.execute(f"CREATE ROLE {role} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")


async def _ensure_role(connection: "asyncpg.Connection[Any]", role: str, password: str) -> None:
    if not _ROLE.match(role):
        raise ValueError(f"not a role name: {role!r}")
    await _make_role(connection, role)
    stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", role)
    if not stored or not _verifier_matches(stored, password):
        await connection.execute(f"ALTER ROLE {role} LOGIN PASSWORD '{scram_verifier(password)}'")


def scram_verifier(password: str, salt: bytes | None = None, rounds: int = _SCRAM_ROUNDS) -> str:
    """PostgreSQL's stored form of a SCRAM-SHA-256 password (RFC 5803). ASCII only, so that SASLprep changes nothing."""
    if not password or not password.isascii() or not password.isprintable():
        raise ValueError("a role's password must be printable ASCII")
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return "SCRAM-SHA-256${}:{}${}:{}".format(
        rounds, *(base64.b64encode(part).decode("ascii") for part in (salt, stored, server))
    )


def _verifier_matches(verifier: str, password: str) -> bool:
    match = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$.*", verifier)
    if not match:
        return False
    return hmac.compare_digest(verifier, scram_verifier(password, base64.b64decode(match[2]), int(match[1])))


async def schema_fingerprint(dsn: str) -> str:
    """A digest of every schema of ours: relations, columns, constraints, indexes, functions, triggers, grants."""
    return hashlib.sha256("\n".join(await schema_description(dsn)).encode("utf-8")).hexdigest()


async def schema_description(dsn: str) -> list[str]:
    """What ``schema_fingerprint`` digests, one line per object, sorted: for a readable difference in a failed test."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_DESCRIPTION)
        return sorted(row["line"] for row in rows)
    finally:
        await connection.close()


_BOOKKEEPING: Final = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    slice      text        NOT NULL,
    number     integer     NOT NULL,
    name       text        NOT NULL,
    checksum   bytea       NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (slice, number)
);
"""

_DESCRIPTION: Final = r"""
WITH ours AS (
    SELECT oid, nspname, nspacl FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public', 'migrations')
)
SELECT format('schema %s %s', nspname, nspacl) AS line FROM ours
UNION ALL
SELECT format('relation %s.%s %s %s rls=%s', n.nspname, c.relname, c.relkind, c.relacl, c.relrowsecurity)
FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
UNION ALL
SELECT format('column %s.%s.%s %s null=%s default=%s acl=%s', n.nspname, c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm')
JOIN ours n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s.%s %s %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN ours n ON n.oid = c.relnamespace
UNION ALL
SELECT format('index %s', pg_get_indexdef(i.indexrelid))
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN ours n ON n.oid = c.relnamespace
UNION ALL
SELECT format('trigger %s', pg_get_triggerdef(t.oid))
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN ours n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal
UNION ALL
SELECT format('policy %s.%s %s %s %s', n.nspname, c.relname, p.polname, pg_get_expr(p.polqual, p.polrelid),
              pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN ours n ON n.oid = c.relnamespace
UNION ALL
SELECT format('function %s acl=%s %s', f.oid::regprocedure, f.proacl, md5(pg_get_functiondef(f.oid)))
FROM pg_proc f JOIN ours n ON n.oid = f.pronamespace WHERE f.prokind IN ('f', 'p')
UNION ALL
SELECT format('enum %s.%s %s', n.nspname, t.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder))
FROM pg_type t JOIN ours n ON n.oid = t.typnamespace JOIN pg_enum e ON e.enumtypid = t.oid
GROUP BY n.nspname, t.typname
"""
