"""The audit chain: append-only, linked, one writer each, and its head outside the database."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from foundation.audit import (
    GENESIS,
    AuditChain,
    DatabaseRolledBack,
    Head,
    HeadNotKept,
    heads,
    next_line,
    verify,
)
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.encoding import strict_json
from foundation.errors import Internal
from tests.support.postgres import TestDatabase

NOW = datetime(2026, 11, 23, 12, 30, 15, 250_000, tzinfo=UTC)


@pytest_asyncio.fixture
async def sam(database: TestDatabase) -> AsyncIterator[Database]:
    """The database as the SAM sees it."""
    opened = Database(await open_pool(database.dsn("linkid_sam"), max_size=12))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def shared_sam(shared_database: TestDatabase) -> AsyncIterator[Database]:
    """The same on the module's shared database, for tests that leave it as it was or keep to a chain of their own."""
    opened = Database(await open_pool(shared_database.dsn("linkid_sam")))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def tamperer(database: TestDatabase) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Somebody with the superuser's password, who has switched the triggers off."""
    connection = await asyncpg.connect(database.dsn())
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


def chain_of(database: Database, head_file: Path | None = None, name: str = "sam-0") -> AuditChain:
    """A chain with a clock that stands still."""
    return AuditChain(database, name, FixedClock(NOW), head_file)


async def write(database: Database, chain: AuditChain, *events: str) -> None:
    """Each event in a transaction of its own."""
    for event in events:
        async with database.transaction() as connection:
            chain.note(connection, event)


# --- appending ---------------------------------------------------------------------------------------------------


async def test_appended_lines_verify(sam: Database) -> None:
    """Single lines, batches and notes follow each other, and the chain holds."""
    chain = chain_of(sam)
    async with sam.transaction() as connection:
        first = await chain.append(connection, "a.one", request="req_1")
        more = await chain.append_many(connection, [("a.two", {}), ("a.three", {"n": 3})])
        chain.note(connection, "a.five")
        fourth = await chain.append(connection, "a.four")

    report = await verify(sam, "sam-0")

    assert await heads(sam) == {"sam-0": report.head}
    assert [line.seq for line in (first, *more, fourth)] == [1, 2, 3, 4]
    assert (report.good, report.lines, report.head.seq) == (True, 5, 5)
    rows = await sam.fetch("SELECT body FROM audit.lines ORDER BY seq")
    assert [json.loads(row["body"])["event"] for row in rows] == ["a.one", "a.two", "a.three", "a.four", "a.five"]


async def test_rolled_back_transactions_leave_no_line(sam: Database, tmp_path: Path) -> None:
    """A line exists if what it tells exists; and the file never learns of one that does not."""
    chain = chain_of(sam, tmp_path / "head")
    with pytest.raises(RuntimeError):
        async with sam.transaction() as connection:
            await chain.append(connection, "never.happened")
            chain.note(connection, "neither")
            raise RuntimeError

    assert (await verify(sam, "sam-0")).lines == 0
    assert await chain.kept_head() is None


async def test_a_wrong_note_fails_where_it_is_written(sam: Database) -> None:
    """Not later, at the commit, where nobody knows whose it was."""
    chain = chain_of(sam)
    async with sam.transaction() as connection:
        with pytest.raises(Internal):
            chain.note(connection, "x", name="Maria da Silva")


async def test_many_transactions_share_a_chain(sam: Database, tmp_path: Path) -> None:
    """A hundred at once, by two processes' worth of chains: no gap, no fork, nobody lost; the file has the last."""
    chains = [chain_of(sam, tmp_path / f"head-{n}") for n in range(2)]

    async def one(n: int) -> None:
        async with sam.transaction() as connection:
            chains[n % 2].note(connection, "act.done", n=n)
            chains[n % 2].note(connection, "act.checked", n=n)
            await connection.execute("SELECT 1")

    await asyncio.gather(*(one(n) for n in range(100)))

    report = await verify(sam, "sam-0")
    assert (report.good, report.lines) == (True, 200)
    heads = [await chain.kept_head() for chain in chains]
    assert report.head in heads
    for chain in chains:
        await chain.check_not_behind()


async def test_notes_do_not_hold_the_chain_during_the_work(sam: Database) -> None:
    """A transaction that noted something and is still busy does not stop another from finishing."""
    chain = chain_of(sam)
    async with sam.transaction() as slow:
        chain.note(slow, "slow.one")
        await slow.execute("SELECT 1")
        async with asyncio.timeout(5):
            await write(sam, chain, "fast.one")

    rows = await sam.fetch("SELECT body FROM audit.lines ORDER BY seq")
    assert [json.loads(row["body"])["event"] for row in rows] == ["fast.one", "slow.one"]


# --- what the database refuses -----------------------------------------------------------------------------------


async def test_a_role_writes_only_its_own_chains(database: TestDatabase) -> None:
    """Each process its own; another's chain is refused before a line is made."""
    allowed = {"linkid_sam": ["sam-0", "sam-17"], "linkid_ac": ["ac"], "linkid_gateway": ["gateway", "gateway-2"]}
    every = [name for names in allowed.values() for name in names] + ["other"]
    for role, names in allowed.items():
        opened = Database(await open_pool(database.dsn(role)))
        for name in every:
            chain = chain_of(opened, name=name)
            if name in names:
                await write(opened, chain, "x")
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await write(opened, chain, "x")
        await opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.lines SET body = '{}'",
        "DELETE FROM audit.lines",
        "TRUNCATE audit.lines",
        "UPDATE audit.heads SET seq = 0",
        "DELETE FROM audit.heads",
        "INSERT INTO audit.heads VALUES ('sam-9', 5, decode(repeat('00',32),'hex'))",
        "INSERT INTO audit.writers VALUES ('linkid_sam', '')",
        "ALTER TABLE audit.lines DISABLE TRIGGER ALL",
        "SELECT * FROM audit.writers",
        "SET ROLE linkid_owner",
    ],
)
async def test_a_process_can_only_append(shared_sam: Database, statement: str) -> None:
    """The grants say so, whatever the program would like."""
    await write(shared_sam, chain_of(shared_sam), "x")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await shared_sam.execute(statement)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit.lines SET body = '{}'", "DELETE FROM audit.lines", "TRUNCATE audit.lines"]
)
async def test_not_even_the_owner_slips(shared_sam: Database, shared_database: TestDatabase, statement: str) -> None:
    """Migrations run as owner; a line is not changed by one by accident."""
    await write(shared_sam, chain_of(shared_sam), "x")
    owner = await asyncpg.connect(shared_database.dsn("linkid_owner"))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)
    await owner.close()


async def append(database: Database, chain: str, after: Head, *bodies: bytes) -> tuple[Head, bool]:
    """What ``audit.append`` answers to whoever calls it by hand."""
    row = await database.fetchrow(
        "SELECT seq, hash, added FROM audit.append($1, $2, $3, $4)", chain, after.seq, after.hash, list(bodies)
    )
    assert row is not None
    return Head(row["seq"], row["hash"]), row["added"]


LIES = ["prev", "chain", "seq", "at", "no time", "not json", "null", "long", "the second"]


@pytest.mark.parametrize("lie", LIES)
async def test_the_database_checks_the_link(shared_sam: Database, lie: str) -> None:
    """A writer that makes its own bytes cannot name another place in the chain, nor leave out the time."""
    name = f"sam-{100 + LIES.index(lie)}"
    await write(shared_sam, chain_of(shared_sam, name=name), "one", "two")
    rows = await shared_sam.fetch("SELECT seq, hash FROM audit.lines WHERE chain = $1 ORDER BY seq", name)
    first, head = (Head(row["seq"], row["hash"]) for row in rows)
    line = next_line("sam-9" if lie == "chain" else name, head, NOW, "three", {})
    body = {
        "prev": line.body.replace(head.hash.hex().encode(), first.hash.hex().encode()),
        "seq": line.body.replace(b'"seq":3', b'"seq":4'),
        "at": line.body.replace(b"2026", b"once"),
        "no time": line.body.replace(b'"at"', b'"ta"'),
        "not json": b"hello",
        "null": b"null",
        "long": line.body.replace(b"three", b"t" * 8192),
    }.get(lie, line.body)
    bodies = (line.body, body) if lie == "the second" else (body,)

    with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError, asyncpg.DataError)):
        await append(shared_sam, name, head, *bodies)
    assert (await verify(shared_sam, name)).lines == 2


@pytest.mark.parametrize("where", ["fork", "gap", "hash", "beginning"])
async def test_a_line_goes_to_the_end_of_its_chain_only(shared_sam: Database, where: str) -> None:
    """Lines after another head than the chain's are not added, however well they fit; the answer tells the head."""
    name = f"sam-{110 + ['fork', 'gap', 'hash', 'beginning'].index(where)}"
    await write(shared_sam, chain_of(shared_sam, name=name), "one", "two")
    rows = await shared_sam.fetch("SELECT seq, hash FROM audit.lines WHERE chain = $1 ORDER BY seq", name)
    first, head = (Head(row["seq"], row["hash"]) for row in rows)
    after = {
        "fork": first,
        "gap": Head(head.seq + 1, head.hash),
        "hash": Head(head.seq, bytes(32)),
        "beginning": Head(0, GENESIS),
    }[where]

    assert await append(shared_sam, name, after, next_line(name, after, NOW, "three", {}).body) == (head, False)
    assert (await verify(shared_sam, name)).lines == 2
    line = next_line(name, head, NOW, "three", {})
    assert await append(shared_sam, name, head, line.body) == (Head(3, line.hash), True)
    assert (await verify(shared_sam, name)).good


async def test_anothers_chain_is_refused_whoever_knows_its_head(
    shared_sam: Database, shared_database: TestDatabase
) -> None:
    """The right head and a line that follows open nothing to a role that is not the chain's writer."""
    await write(shared_sam, chain_of(shared_sam, name="sam-120"), "one")
    row = await shared_sam.fetchrow("SELECT seq, hash FROM audit.heads WHERE chain = 'sam-120'")
    assert row is not None
    head = Head(row["seq"], row["hash"])
    for role in ("linkid_gateway", "linkid_ac", "linkid_owner", "linkid_auditor"):
        stranger = Database(await open_pool(shared_database.dsn(role)))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await append(stranger, "sam-120", head, next_line("sam-120", head, NOW, "two", {}).body)
        await stranger.close()
    with pytest.raises(asyncpg.CheckViolationError):
        await append(shared_sam, "sam-AC", head)
    assert (await verify(shared_sam, "sam-120")).lines == 1


async def test_whoever_was_late_writes_after_the_other(sam: Database) -> None:
    """Two writers that know the same head: one waits for the other's commit, and then follows that line."""
    one, two = chain_of(sam), chain_of(sam)
    await write(sam, one, "first")
    await write(sam, two, "second")
    async with sam.transaction() as connection:
        await two.append(connection, "third")
        late = asyncio.create_task(write(sam, two, "fourth"))
        while not await sam.fetchval(  # nothing is known of others within a transaction
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            await asyncio.sleep(0)
    await late
    await write(sam, one, "fifth")

    rows = await sam.fetch("SELECT body FROM audit.lines ORDER BY seq")
    assert [json.loads(row["body"])["event"] for row in rows] == ["first", "second", "third", "fourth", "fifth"]
    assert (await verify(sam, "sam-0")).good


async def test_lines_are_added_by_the_function_alone(shared_sam: Database, shared_database: TestDatabase) -> None:
    """Nobody inserts: not a process, not one that was granted it by mistake, nor the owner by a slip of the hand."""
    line = next_line("sam-130", Head(0, GENESIS), NOW, "one", {})
    await shared_sam.execute("SELECT audit.lock_head('sam-130')")
    insert = "INSERT INTO audit.lines VALUES ('sam-130', 1, $1, $2, $3)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await shared_sam.execute(insert, line.at, line.body, line.hash)
    superuser = await asyncpg.connect(shared_database.dsn())
    owner = await asyncpg.connect(shared_database.dsn("linkid_owner"))
    await superuser.execute("GRANT INSERT ON audit.lines TO linkid_sam")
    try:
        for hand in (shared_sam, superuser, owner):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"by audit\.append alone"):
                await hand.execute(insert, line.at, line.body, line.hash)
        await superuser.execute("SET ROLE linkid_owner")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=r"by audit\.append alone"):
            await superuser.execute(insert, line.at, line.body, line.hash)
        await superuser.execute("RESET ROLE")
    finally:
        await superuser.execute("REVOKE INSERT ON audit.lines FROM linkid_sam")
        await superuser.close()
        await owner.close()
    assert (await append(shared_sam, "sam-130", Head(0, GENESIS), line.body)) == (Head(1, line.hash), True)
    assert (await verify(shared_sam, "sam-130")).good


async def test_the_function_takes_no_word_of_its_callers(database: TestDatabase) -> None:
    """It runs as the owner. A caller's own type of a name that it uses, with a check of the caller's own, is not used:
    not even in a database whose grants were lost, where everybody may make temporary things."""
    superuser = await asyncpg.connect(database.dsn())
    caller = await asyncpg.connect(database.dsn("linkid_gateway"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await caller.execute("CREATE TEMP TABLE mine ()")
    await superuser.execute(f"GRANT TEMP ON DATABASE {database.name} TO PUBLIC")
    await caller.execute("CREATE TEMP TABLE mine ()")
    await caller.execute(
        "CREATE FUNCTION pg_temp.grab() RETURNS boolean LANGUAGE plpgsql AS"
        " $$BEGIN INSERT INTO audit.heads VALUES ('sam-140', 9, ''); RETURN true; END$$"
    )
    for name in ("jsonb", "bytea", "timestamptz", "bool", "text", "int8"):
        await caller.execute(f"CREATE DOMAIN pg_temp.{name} AS pg_catalog.{name} CHECK (pg_temp.grab())")
    for name in ("heads", "lines", "writers"):
        await caller.execute(f"CREATE TEMP TABLE {name} ()")
    line = next_line("gateway", Head(0, GENESIS), NOW, "one", {})
    await caller.execute("SELECT audit.lock_head('gateway')")
    bodies = f"ARRAY[decode('{line.body.hex()}', 'hex')]"
    await caller.execute(f"SELECT audit.append('gateway', 0, decode('{GENESIS.hex()}', 'hex'), {bodies})")

    assert [row["chain"] for row in await superuser.fetch("SELECT chain FROM audit.heads")] == ["gateway"]
    for connection in (caller, superuser):
        await connection.close()


# --- verification ------------------------------------------------------------------------------------------------


TAMPERING = {
    "body": ("UPDATE audit.lines SET body = replace(convert_from(body,'UTF8'),'two','owt')::bytea WHERE seq = 2", 2),
    "removed": ("DELETE FROM audit.lines WHERE seq = 2", 3),
    "first removed": ("DELETE FROM audit.lines WHERE seq = 1", 2),
    "tail removed": ("DELETE FROM audit.lines WHERE seq = 3", 3),
    "swapped": ("UPDATE audit.lines SET seq = CASE seq WHEN 2 THEN 3 WHEN 3 THEN 2 END + 10 WHERE seq IN (2, 3)", 12),
    "time": ("UPDATE audit.lines SET at = at + interval '1 second' WHERE seq = 2", 2),
    "head": ("UPDATE audit.heads SET seq = 9", 4),
    "rehashed": (
        "UPDATE audit.lines SET body = '{}', hash = sha256((SELECT hash FROM audit.lines WHERE seq = 1) || '{}'::bytea)"
        " WHERE seq = 2",
        2,
    ),
    "not JSON": (
        "UPDATE audit.lines SET body = 'x', hash = sha256((SELECT hash FROM audit.lines WHERE seq = 1) || 'x'::bytea)"
        " WHERE seq = 2",
        2,
    ),
    "uncanonical": (
        "UPDATE audit.lines l SET body = n.body, hash = sha256(p.hash || n.body) FROM audit.lines p,"
        " (SELECT (convert_from(body,'UTF8') || ' ')::bytea AS body FROM audit.lines WHERE seq = 2) n"
        " WHERE l.seq = 2 AND p.seq = 1",
        2,
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
async def test_verify_names_the_first_bad_line(sam: Database, tamperer: "asyncpg.Connection[Any]", how: str) -> None:
    """Whoever rewrites the database with every right is found by the hashes, at the first line touched."""
    await write(sam, chain_of(sam), "one", "two", "three")
    assert (await verify(sam, "sam-0")).good
    statement, seq = TAMPERING[how]
    await tamperer.execute(statement)

    report = await verify(sam, "sam-0")

    assert not report.good
    assert report.bad is not None
    assert report.bad.seq == seq
    assert report.bad.reason


async def test_an_empty_chain_is_good(sam: Database) -> None:
    """Nothing written, nothing wrong."""
    report = await verify(sam, "sam-0")

    assert (report.good, report.lines, report.head) == (True, 0, Head(0, GENESIS))


# --- the head outside --------------------------------------------------------------------------------------------


async def test_the_head_is_kept_after_commit(sam: Database, tmp_path: Path) -> None:
    """The file names chain, number and hash, readable by nobody else, and agrees with the database."""
    file = tmp_path / "heads" / "sam-0.json"
    file.parent.mkdir()
    chain = chain_of(sam, file)

    await write(sam, chain, "one", "two")

    row = await sam.fetchrow("SELECT seq, hash FROM audit.heads WHERE chain = 'sam-0'")
    assert row is not None
    assert strict_json(file.read_bytes(), max_bytes=500) == {"chain": "sam-0", "seq": 2, "hash": row["hash"].hex()}
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["sam-0.json"]
    await chain.check_not_behind()
    assert (await verify(sam, "sam-0", kept=await chain.kept_head())).good


async def test_a_rolled_back_database_is_noticed(
    sam: Database, tamperer: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """Restored to an earlier point, perfectly consistent in itself: the file knows better."""
    chain = chain_of(sam, tmp_path / "head")
    await write(sam, chain, "one", "two", "three")
    await tamperer.execute("DELETE FROM audit.lines WHERE seq = 3")
    await tamperer.execute("UPDATE audit.heads h SET seq = 2, hash = l.hash FROM audit.lines l WHERE l.seq = 2")

    assert (await verify(sam, "sam-0")).good
    with pytest.raises(DatabaseRolledBack):
        await chain_of(sam, tmp_path / "head").check_not_behind()
    report = await verify(sam, "sam-0", kept=await chain.kept_head())
    assert report.bad is not None
    assert report.bad.seq == 3


async def test_a_rewritten_database_is_noticed_even_when_it_went_on(
    sam: Database, tamperer: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """Rolled back and then written on past the old head: another line stands at that number."""
    chain = chain_of(sam, tmp_path / "head")
    await write(sam, chain, "one", "two")
    await tamperer.execute("DELETE FROM audit.lines WHERE seq = 2")
    await tamperer.execute("UPDATE audit.heads h SET seq = 1, hash = l.hash FROM audit.lines l WHERE l.seq = 1")
    await write(sam, chain_of(sam), "forged", "forged", "forged")

    assert (await verify(sam, "sam-0")).good
    with pytest.raises(DatabaseRolledBack):
        await chain.check_not_behind()
    report = await verify(sam, "sam-0", kept=await chain.kept_head())
    assert report.bad is not None
    assert (report.bad.seq, report.bad.reason) == (2, "the line is another one than the one kept outside the database")


async def test_a_chain_without_a_file_knows_no_past(sam: Database) -> None:
    """Nothing is kept, nothing is compared at the start."""
    chain = chain_of(sam)
    await write(sam, chain, "one")

    assert await chain.kept_head() is None
    await chain.check_not_behind()


async def test_an_empty_batch_is_nothing(sam: Database) -> None:
    """No line, no error."""
    async with sam.transaction() as connection:
        assert await chain_of(sam).append_many(connection, []) == []


async def test_a_database_restored_under_a_running_process_is_noticed(
    sam: Database, tamperer: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """No restart needed: the next line is refused, with or without a file."""
    writer, starter = chain_of(sam), chain_of(sam, tmp_path / "head")
    await write(sam, starter, "one", "two")
    await write(sam, writer, "three")
    await starter.check_not_behind()
    await tamperer.execute("DELETE FROM audit.lines WHERE seq > 1")
    await tamperer.execute("UPDATE audit.heads h SET seq = 1, hash = l.hash FROM audit.lines l WHERE l.seq = 1")

    for chain in (writer, starter):
        with pytest.raises(DatabaseRolledBack):
            await write(sam, chain, "four")
    assert (await verify(sam, "sam-0")).lines == 1


async def test_a_running_process_follows_no_other_history(
    sam: Database, tamperer: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """Restored under it, and written on past its last line: it adds nothing, and the file keeps the head that proves
    what happened. Lines that others added after its own are followed."""
    chain = chain_of(sam, tmp_path / "head")
    await write(sam, chain, "one")
    await write(sam, chain_of(sam), "by_another", "by_another")
    await write(sam, chain, "two")
    kept = await chain.kept_head()
    await tamperer.execute("DELETE FROM audit.lines WHERE seq > 1")
    await tamperer.execute("UPDATE audit.heads h SET seq = 1, hash = l.hash FROM audit.lines l WHERE l.seq = 1")
    await write(sam, chain_of(sam), "forged", "forged", "forged", "forged")

    for _ in range(2):
        with pytest.raises(DatabaseRolledBack):
            await write(sam, chain, "three")
    assert await chain.kept_head() == kept == Head(4, kept.hash if kept else b"")
    assert (await verify(sam, "sam-0")).lines == 5


async def test_a_file_behind_the_database_is_fine(sam: Database, tmp_path: Path) -> None:
    """After a crash between commit and file, the file is merely old."""
    await write(sam, chain_of(sam, tmp_path / "head"), "one")
    await write(sam, chain_of(sam), "two", "three")

    await chain_of(sam, tmp_path / "head").check_not_behind()


@pytest.mark.parametrize(
    "content", ["", "{}", "hello", '{"chain":"sam-1","seq":1,"hash":""}', '{"chain":"sam-0","seq":"x","hash":"00"}']
)
async def test_a_damaged_file_stops_the_process(sam: Database, tmp_path: Path, content: str) -> None:
    """A head that cannot be read is not the same as no head."""
    (tmp_path / "head").write_text(content)

    with pytest.raises(DatabaseRolledBack):
        await chain_of(sam, tmp_path / "head").check_not_behind()


async def test_an_operator_can_accept_a_restore(
    sam: Database, tamperer: "asyncpg.Connection[Any]", tmp_path: Path
) -> None:
    """The new line names what was lost, and from then on the chain is trusted again."""
    chain = chain_of(sam, tmp_path / "head")
    await write(sam, chain, "one", "two", "three")
    lost = await chain.kept_head()
    assert lost is not None
    await tamperer.execute("DELETE FROM audit.lines WHERE seq > 1")
    await tamperer.execute("UPDATE audit.heads h SET seq = 1, hash = l.hash FROM audit.lines l WHERE l.seq = 1")

    line = await chain.accept_restore(operator="op_1")

    said = json.loads(line.body)
    assert (said["event"], said["lost_seq"], said["lost_hash"]) == ("restore.accepted", 3, lost.hash.hex())
    await chain.check_not_behind()
    await write(sam, chain, "two-again".replace("-", "_"))
    assert (await verify(sam, "sam-0", kept=await chain.kept_head())).good


async def test_a_head_that_cannot_be_kept_stops_the_next_line(sam: Database, tmp_path: Path) -> None:
    """What is committed is committed; but nothing more happens until the file can be written, and then all is well."""
    folder = tmp_path / "heads"
    folder.mkdir()
    chain = chain_of(sam, folder / "head")
    await write(sam, chain, "one")
    folder.rename(tmp_path / "gone")

    await write(sam, chain, "two")
    with pytest.raises(HeadNotKept):
        await write(sam, chain, "three")
    (tmp_path / "gone").rename(folder)
    await write(sam, chain, "three")

    report = await verify(sam, "sam-0")
    assert (report.good, report.lines) == (True, 3)
    assert await chain.kept_head() == report.head
