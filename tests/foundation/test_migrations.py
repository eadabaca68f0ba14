"""Each slice's schema, applied once and never rewritten."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from foundation.migrations import (
    OWNER,
    ROLES,
    BadMigration,
    SliceMigrations,
    ensure_roles,
    history,
    migrate,
    pending,
    schema_description,
    schema_fingerprint,
    scram_verifier,
)
from tests.support.postgres import PASSWORDS, TestDatabase

FIRST = "CREATE SCHEMA shop; CREATE TABLE shop.codes (id int PRIMARY KEY); GRANT USAGE ON SCHEMA shop TO linkid_sam;"
SECOND = "ALTER TABLE shop.codes ADD COLUMN owner text;"

Package = tuple[SliceMigrations, Path]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A slice of its own in a package of its own, with a first migration."""
    name = f"shop_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / name / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("")
    (folder / "0001_codes.sql").write_text(FIRST)
    monkeypatch.syspath_prepend(tmp_path)
    return SliceMigrations("shop", name), folder


async def test_migrations_are_applied_once(empty_database: TestDatabase, shop: Package) -> None:
    """The first run applies all in order, the second nothing, and a new file is applied alone."""
    part, folder = shop
    owner = empty_database.dsn(OWNER)

    assert [str(one) for one in await pending(owner, [part])] == ["shop/0001_codes"]
    assert [str(one) for one in await migrate(owner, [part])] == ["shop/0001_codes"]
    assert await migrate(owner, [part]) == []

    (folder / "0002_owner.sql").write_text(SECOND)
    assert [str(one) for one in await pending(owner, [part])] == ["shop/0002_owner"]
    assert [str(one) for one in await migrate(owner, [part])] == ["shop/0002_owner"]


async def test_rivals_queue(empty_database: TestDatabase, shop: Package) -> None:
    """Processes that start together apply each migration once between them."""
    part, folder = shop
    (folder / "0001_codes.sql").write_text(FIRST + "SELECT pg_sleep(0.2);")

    results = await asyncio.gather(*(migrate(empty_database.dsn(OWNER), [part]) for _ in range(4)))

    assert sorted(len(result) for result in results) == [0, 0, 0, 1]


async def test_changed_history_is_refused(empty_database: TestDatabase, shop: Package) -> None:
    """A file changed after it was applied stops everything, also what would have come after it."""
    part, folder = shop
    await migrate(empty_database.dsn(OWNER), [part])
    (folder / "0001_codes.sql").write_text(FIRST + " -- harmless?")
    (folder / "0002_owner.sql").write_text(SECOND)

    with pytest.raises(BadMigration, match="shop/0001_codes: the file changed after it was applied"):
        await migrate(empty_database.dsn(OWNER), [part])
    with pytest.raises(BadMigration, match="write a new migration instead"):
        await pending(empty_database.dsn(OWNER), [part])

    assert not any("owner" in line for line in await schema_description(empty_database.dsn()) if "column" in line)


async def test_renamed_history_is_refused(empty_database: TestDatabase, shop: Package) -> None:
    """A number keeps its name: otherwise two branches could each have brought their own 0002."""
    part, folder = shop
    await migrate(empty_database.dsn(OWNER), [part])
    (folder / "0001_codes.sql").rename(folder / "0001_other.sql")

    with pytest.raises(BadMigration, match="shop/0001_other: was applied as 0001_codes"):
        await migrate(empty_database.dsn(OWNER), [part])


async def test_a_newer_database_is_refused(empty_database: TestDatabase, shop: Package) -> None:
    """An old program on a newer schema says so instead of going on."""
    part, folder = shop
    (folder / "0002_owner.sql").write_text(SECOND)
    await migrate(empty_database.dsn(OWNER), [part])
    (folder / "0002_owner.sql").unlink()

    with pytest.raises(BadMigration, match="the database has 2 migrations, this program knows 1"):
        await migrate(empty_database.dsn(OWNER), [part])


async def test_a_failing_migration_leaves_nothing(empty_database: TestDatabase, shop: Package) -> None:
    """Half a migration does not exist; those before it stay; mended, it is applied."""
    part, folder = shop
    (folder / "0002_owner.sql").write_text(SECOND + "SELECT 1/0;")

    with pytest.raises(BadMigration, match="shop/0002_owner: division by zero"):
        await migrate(empty_database.dsn(OWNER), [part])
    assert not any("shop.codes.owner" in line for line in await schema_description(empty_database.dsn()))

    (folder / "0002_owner.sql").write_text(SECOND)
    assert [str(one) for one in await migrate(empty_database.dsn(OWNER), [part])] == ["shop/0002_owner"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0003_gap.sql", "shop/0003_gap: expected number 0002"),
        ("0001_twice.sql", "shop/0001_twice: expected number 0002"),
        ("2_short.sql", "expected a name like 0001_what_it_does.sql"),
        ("0002_Loud.sql", "expected a name like"),
        ("0002_owner.sql.bak", "expected a name like"),
    ],
)
def test_file_names_are_checked(shop: Package, name: str, message: str) -> None:
    """Numbers go up by one, and nothing else lies in the folder."""
    part, folder = shop
    (folder / name).write_text("SELECT 1")

    with pytest.raises(BadMigration, match=message):
        history(part)


def test_editors_leftovers_are_no_migrations(shop: Package) -> None:
    """Hidden files and Python's own are passed over."""
    part, folder = shop
    (folder / ".0001_codes.sql.swp").write_text("x")
    (folder / "__init__.py").write_text("")

    assert [str(one) for one in history(part)] == ["shop/0001_codes"]


async def test_a_role_without_scram_gets_it(empty_database: TestDatabase) -> None:
    """A password stored in another way, or none, is replaced."""
    connection = await asyncpg.connect(empty_database.dsn())
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'linkid_ac'"
    for stored in ("'md5" + "0" * 32 + "'", "NULL", "'SCRAM-SHA-256$4096:AAAA$AAAA:AAAA'"):
        await connection.execute(f"UPDATE pg_authid SET rolpassword = {stored} WHERE rolname = 'linkid_ac'")
        await ensure_roles(empty_database.dsn(), PASSWORDS)
        assert (await connection.fetchval(query)).startswith("SCRAM-SHA-256$4096:")
    await connection.close()
    await (await asyncpg.connect(empty_database.dsn("linkid_ac"))).close()


async def test_a_role_that_nobody_gave_a_password_cannot_log_in(empty_database: TestDatabase) -> None:
    """It is made all the same, since the files grant to it: an outside database without an auditor's address."""
    connection = await asyncpg.connect(empty_database.dsn())
    await connection.execute("ALTER ROLE linkid_auditor RENAME TO linkid_put_aside")
    try:
        await ensure_roles(empty_database.dsn(), {OWNER: PASSWORDS[OWNER]})
        (row,) = await connection.fetch("SELECT * FROM pg_authid WHERE rolname = 'linkid_auditor'")
        assert (row["rolcanlogin"], row["rolpassword"]) == (False, None)
    finally:
        await connection.execute("DROP ROLE IF EXISTS linkid_auditor")
        await connection.execute("ALTER ROLE linkid_put_aside RENAME TO linkid_auditor")
        await connection.close()
        await ensure_roles(empty_database.dsn(), PASSWORDS)


async def test_missing_roles_are_named(empty_database: TestDatabase, shop: Package) -> None:
    """Grants need their roles; what is missing is said before anything is done."""
    with pytest.raises(BadMigration, match="missing database roles: linkid_nobody"):
        await migrate(empty_database.dsn(OWNER), [shop[0]], roles=[*ROLES, "linkid_nobody"])

    assert await pending(empty_database.dsn(OWNER), [shop[0]]) == history(shop[0])


async def test_fingerprint_sees_what_matters(empty_database: TestDatabase, shop: Package) -> None:
    """Same schema, same fingerprint; a grant more, another one."""
    owner = empty_database.dsn(OWNER)
    await migrate(owner, [shop[0]])
    before = await schema_fingerprint(owner)
    connection = await asyncpg.connect(owner)

    await connection.execute("INSERT INTO shop.codes VALUES (1)")
    assert await schema_fingerprint(owner) == before
    await connection.execute("GRANT SELECT ON shop.codes TO linkid_gateway")
    assert await schema_fingerprint(owner) != before
    await connection.close()


async def test_roles_have_passwords_and_little_else(empty_database: TestDatabase) -> None:
    """Login roles by SCRAM, none superuser, only the owner may create schemas, nobody in public."""
    connection = await asyncpg.connect(empty_database.dsn())
    rows = await connection.fetch(
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,"
        " has_database_privilege(oid, current_database(), 'CREATE') AS creates,"
        " has_database_privilege(oid, current_database(), 'TEMPORARY') AS temporary,"
        " has_schema_privilege(oid, 'public', 'USAGE') AS public"
        " FROM pg_roles WHERE rolname = ANY($1::text[])",
        list(ROLES),
    )
    await connection.close()

    powers = {row["rolname"]: [name for name, value in dict(row).items() if value is True] for row in rows}
    assert powers == {role: ["creates"] if role == OWNER else [] for role in ROLES}


async def test_role_logs_in_with_its_password_only(empty_database: TestDatabase) -> None:
    """The verifier computed here is the one that PostgreSQL accepts."""
    connection = await asyncpg.connect(empty_database.dsn("linkid_ac"))
    assert await connection.fetchval("SELECT current_user") == "linkid_ac"
    await connection.close()

    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(empty_database.dsn("linkid_ac").replace("test-linkid_ac", "test-linkid_sam"))


async def test_functions_are_nobodys_until_granted(empty_database: TestDatabase, shop: Package) -> None:
    """A function that runs with its owner's rights must not be everybody's by default."""
    part, folder = shop
    (folder / "0002_power.sql").write_text(
        "CREATE FUNCTION shop.power() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';"
        "CREATE FUNCTION shop.given() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 2';"
        "GRANT EXECUTE ON FUNCTION shop.given() TO linkid_sam;"
    )
    await migrate(empty_database.dsn(OWNER), [part])
    connection = await asyncpg.connect(empty_database.dsn("linkid_sam"))

    assert await connection.fetchval("SELECT shop.given()") == 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT shop.power()")
    await connection.close()


async def test_ensure_roles_changes_nothing_the_second_time(empty_database: TestDatabase) -> None:
    """The same password keeps its verifier, so restarting does not disturb anybody."""
    connection = await asyncpg.connect(empty_database.dsn())
    query = "SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'linkid%' ORDER BY 1"
    before = [tuple(row) for row in await connection.fetch(query)]

    await ensure_roles(empty_database.dsn(), PASSWORDS)

    assert [tuple(row) for row in await connection.fetch(query)] == before
    assert all(verifier.startswith("SCRAM-SHA-256$4096:") for _, verifier in before)
    await connection.close()


@pytest.mark.parametrize(
    "passwords", [{"linkid_x; DROP": "a"}, {"linkid_sam": ""}, {"linkid_sam": "ção"}, {"Caps": "a"}]
)
async def test_odd_roles_and_passwords_are_refused(empty_database: TestDatabase, passwords: dict[str, str]) -> None:
    """Names and passwords that would need quoting or normalising are not used."""
    with pytest.raises(ValueError):
        await ensure_roles(empty_database.dsn(), passwords)


def test_scram_verifier_is_the_known_one() -> None:
    """RFC 7677's example password, salt and count give PostgreSQL's stored form (computed by PostgreSQL itself)."""
    import base64

    verifier = scram_verifier("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)

    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
        ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


async def test_the_foundations_own_history_applies(empty_database: TestDatabase) -> None:
    """What lies in foundation/migrations builds the schemas audit and web."""
    part = SliceMigrations("foundation", "foundation")

    applied = await migrate(empty_database.dsn(OWNER), [part])

    assert [str(one) for one in applied] == [str(one) for one in history(part)]
    described = await schema_description(empty_database.dsn())
    assert any(line.startswith("relation audit.lines ") for line in described)
    assert any(line.startswith("relation web.seen_proofs ") for line in described)
