"""The pool, transactions, and driver errors that die in foundation.database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from foundation.database import Connection, Contended, Database, OutcomeUnknown, on_violation, open_pool
from foundation.errors import Conflict, Internal, Unavailable
from tests.foundation.broken_line import broken_line
from tests.support.postgres import TestDatabase

SCHEMA = """
CREATE SCHEMA shop;
CREATE TABLE shop.codes (
    id int CONSTRAINT codes_once PRIMARY KEY,
    owner text CONSTRAINT codes_owner_known CHECK (owner <> 'nobody'),
    taken boolean NOT NULL DEFAULT false
);
"""


class TakenTwice(Conflict):
    """A code that exists."""

    code = "test_taken_twice"


@pytest_asyncio.fixture
async def opened(empty_database: TestDatabase) -> AsyncIterator[Database]:
    """A database with one table."""
    opened = Database(await open_pool(empty_database.dsn(), max_size=8, application_name="shop-test"))
    await opened.execute(SCHEMA)
    yield opened
    await opened.close()


async def count(database: Database) -> int:
    """How many codes there are."""
    return int(await database.fetchval("SELECT count(*) FROM shop.codes"))


async def test_a_connection_that_the_pool_took_back(opened: Database) -> None:
    """Its session ended between two statements, and the pool saw it before we did: Unavailable, and it goes on."""

    async def cut_between_statements() -> None:
        async with opened.transaction() as connection:
            await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await opened.execute("SELECT pg_terminate_backend($1)", pid)
            while connection.raw._con is not None:  # type: ignore[union-attr,unused-ignore]
                await asyncio.sleep(0.01)
            await connection.execute("INSERT INTO shop.codes VALUES (2, 'a')")

    with pytest.raises(Unavailable):
        await asyncio.wait_for(cut_between_statements(), 10)
    assert await count(opened) == 0


async def test_transaction_commits_or_undoes_everything(opened: Database) -> None:
    """A block that ends is kept; a block that raises leaves nothing, and its own error comes out."""
    async with opened.transaction() as connection:
        await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
        assert await connection.fetchval("SELECT owner FROM shop.codes WHERE id = $1", 1) == "a"

    with pytest.raises(RuntimeError, match="mine"):
        async with opened.transaction() as connection:
            await connection.execute("INSERT INTO shop.codes VALUES (2, 'b')")
            raise RuntimeError("mine")

    assert [row["id"] for row in await opened.fetch("SELECT id FROM shop.codes")] == [1]
    assert await opened.fetchrow("SELECT 1 FROM shop.codes WHERE id = 2") is None


async def test_cancellation_undoes(opened: Database) -> None:
    """A task cancelled in its transaction leaves nothing, and the connection is usable again."""
    started = asyncio.Event()

    async def slow() -> None:
        async with opened.transaction() as connection:
            await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
            started.set()
            await connection.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(slow())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await count(opened) == 0


async def test_violation_becomes_the_domain_error_named(opened: Database) -> None:
    """The constraint's name decides; another constraint stays what it was: loud."""
    await opened.execute("INSERT INTO shop.codes VALUES (1, 'a')")

    with pytest.raises(TakenTwice), on_violation({"codes_once": TakenTwice}):
        await opened.execute("INSERT INTO shop.codes VALUES (1, 'b')")
    with pytest.raises(asyncpg.CheckViolationError), on_violation({"codes_once": TakenTwice}):
        await opened.execute("INSERT INTO shop.codes VALUES (2, 'nobody')")


async def test_savepoint_lets_a_part_fail(opened: Database) -> None:
    """What failed inside is undone, what was done before it stays."""
    async with opened.transaction() as connection:
        await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
        with pytest.raises(TakenTwice), on_violation({"codes_once": TakenTwice}):
            async with connection.savepoint():
                await connection.execute("INSERT INTO shop.codes VALUES (2, 'b')")
                await connection.execute("INSERT INTO shop.codes VALUES (1, 'b')")
        await connection.execute("INSERT INTO shop.codes VALUES (3, 'c')")

    assert [row["id"] for row in await opened.fetch("SELECT id FROM shop.codes ORDER BY id")] == [1, 3]


async def test_a_failure_that_is_passed_over_commits_nothing(opened: Database) -> None:
    """PostgreSQL says yes to such a COMMIT, and rolls back: whoever waits for it hears so. What a savepoint undid
    spoils nothing."""
    again = "INSERT INTO shop.codes VALUES (1, 'a')"
    with pytest.raises(Internal):
        async with opened.transaction() as connection:
            await connection.execute(again)
            with suppress(asyncpg.UniqueViolationError):
                await connection.execute(again)
    assert await count(opened) == 0
    async with opened.transaction() as connection:
        await connection.execute(again)
        with suppress(asyncpg.UniqueViolationError):
            async with connection.savepoint():
                await connection.execute(again)
    assert await count(opened) == 1


async def test_a_good_savepoint_stays(opened: Database) -> None:
    """And many rows go in with one statement."""
    async with opened.transaction() as connection:
        async with connection.savepoint():
            await connection.executemany("INSERT INTO shop.codes VALUES ($1, $2)", [(1, "a"), (2, "b")])

    assert await count(opened) == 2


async def test_rows_come_one_by_one(opened: Database) -> None:
    """A result that would not fit in memory; left early without harm."""
    async with opened.transaction() as connection:
        seen = []
        async with aclosing(connection.cursor("SELECT generate_series(1, 1000000) AS n", prefetch=10)) as rows:
            async for row in rows:
                seen.append(row["n"])
                if len(seen) == 25:
                    break
        assert await connection.fetchval("SELECT 7") == 7

    assert seen == list(range(1, 26))


async def test_retrying_gives_up(opened: Database) -> None:
    """After the attempts asked for, the contention is told."""
    tries = 0

    async def unlucky(_connection: Connection) -> None:
        nonlocal tries
        tries += 1
        raise Contended

    with pytest.raises(Contended):
        await opened.retrying(unlucky, attempts=3)
    assert tries == 3


async def test_contention_at_commit_is_contended(opened: Database) -> None:
    """Serialisable transactions may learn only at COMMIT that they cannot both be."""
    await opened.execute("INSERT INTO shop.codes VALUES (1, 'a'), (2, 'b')")
    both_read = asyncio.Barrier(2)

    async def swap(read: int, write: int) -> None:
        async with opened.transaction(isolation="serializable") as connection:
            owner = await connection.fetchval("SELECT owner FROM shop.codes WHERE id = $1", read)
            await connection.execute("UPDATE shop.codes SET owner = $1 WHERE id = $2", owner, write)
            await both_read.wait()

    outcomes = await asyncio.gather(swap(1, 2), swap(2, 1), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [Contended]


async def test_a_closed_database_is_unavailable(opened: Database, empty_database: TestDatabase) -> None:
    """While shutting down."""
    database = Database(await open_pool(empty_database.dsn()))
    await database.close()

    with pytest.raises(Unavailable):
        await database.ping()


async def test_hooks_run_around_the_commit(opened: Database) -> None:
    """Before: inside, in order, also those added meanwhile. After: only once others can see the rows."""
    story: list[str] = []

    async with opened.transaction() as connection:

        async def last() -> None:
            await connection.execute("INSERT INTO shop.codes VALUES (1, 'hook')")
            story.append("before")
            connection.before_commit(later)

        async def later() -> None:
            story.append(f"later, outside sees {await count(opened)}")

        async def after() -> None:
            story.append(f"after, outside sees {await count(opened)}")

        async def very_last() -> None:
            story.append("very last")

        connection.before_commit(very_last, last=True)
        connection.before_commit(last)
        connection.after_commit(after)

    assert story == ["before", "later, outside sees 0", "very last", "after, outside sees 1"]


async def test_hook_before_commit_can_refuse(opened: Database) -> None:
    """A hook that raises undoes everything, and nothing runs afterwards."""
    ran: list[str] = []

    async def refuse() -> None:
        raise TakenTwice

    async def after() -> None:
        ran.append("after")

    with pytest.raises(TakenTwice):
        async with opened.transaction() as connection:
            await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
            connection.before_commit(refuse)
            connection.after_commit(after)

    assert (ran, await count(opened)) == ([], 0)


async def test_hook_after_commit_cannot_undo_nor_stop_the_others(
    opened: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The deed is done: a failing hook is logged, the next one runs, the caller hears success."""
    ran: list[str] = []

    async def fail() -> None:
        raise RuntimeError("disk full")

    async def after() -> None:
        ran.append("after")

    async with opened.transaction() as connection:
        await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
        connection.after_commit(fail)
        connection.after_commit(after)

    assert (ran, await count(opened)) == (["after"], 1)
    assert "hook after commit failed" in caplog.text


async def test_serialisation_failure_is_contended_and_retried_only_where_asked(opened: Database) -> None:
    """Two that read and write the same row: one loses in `transaction`, both win in `retrying`."""
    await opened.execute("INSERT INTO shop.codes VALUES (1, '0')")
    both_read = asyncio.Barrier(2)
    tries = 0

    async def add_one(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        value = int(await connection.fetchval("SELECT owner FROM shop.codes WHERE id = 1"))
        if tries <= 2:
            await both_read.wait()  # the first two collide for certain
        await connection.execute("UPDATE shop.codes SET owner = $1 WHERE id = 1", str(value + 1))

    async def plain() -> None:
        async with opened.transaction(isolation="serializable") as connection:
            await add_one(connection)

    outcomes = await asyncio.gather(plain(), plain(), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [Contended]
    assert (tries, await opened.fetchval("SELECT owner FROM shop.codes")) == (2, "1")

    tries = 0
    await asyncio.gather(opened.retrying(add_one), opened.retrying(add_one))
    assert (tries, await opened.fetchval("SELECT owner FROM shop.codes")) == (3, "3")


async def test_statement_timeout_is_unavailable(empty_database: TestDatabase) -> None:
    """A statement that takes too long is given up, and the connection lives on."""
    pool = await open_pool(empty_database.dsn(), role_settings={"statement_timeout": "50ms"})
    database = Database(pool)

    with pytest.raises(Unavailable):
        await database.fetchval("SELECT pg_sleep(10)")

    assert await database.fetchval("SELECT 1") == 1
    await database.close()


async def test_every_connection_is_ours(opened: Database) -> None:
    """UTC, our name, a time limit, and no schema to search: names in our SQL say where they are."""
    row = await opened.fetchrow(
        "SELECT current_setting('timezone') AS zone, current_setting('application_name') AS name,"
        " current_setting('statement_timeout') AS seconds, current_setting('search_path') AS path"
    )

    assert row is not None
    assert dict(row) == {"zone": "UTC", "name": "shop-test", "seconds": "10s", "path": "pg_catalog"}


async def test_a_defect_in_the_sql_stays_loud(opened: Database) -> None:
    """A misspelt column and a wrong argument are not 'temporarily unavailable'."""
    with pytest.raises(asyncpg.UndefinedColumnError):
        await opened.fetch("SELECT nothing FROM shop.codes")
    with pytest.raises(asyncpg.DataError):
        await opened.fetch("SELECT id FROM shop.codes WHERE id = $1", "seven")
    with pytest.raises(asyncpg.InterfaceError):
        await opened.fetch("SELECT id FROM shop.codes WHERE id = $1")


async def test_no_database_is_unavailable(tmp_path: Path) -> None:
    """Nobody at the address: told as our own temporary error."""
    with pytest.raises(Unavailable):
        await open_pool(f"postgresql://linkid@/linkid?host={tmp_path}")


async def test_wrong_password_stays_loud(empty_database: TestDatabase) -> None:
    """A wrong password never becomes right by waiting, so it is not 'temporary'."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await open_pool(empty_database.dsn("linkid_sam").replace("test-linkid_sam", "wrong"))


async def test_pool_heals_by_itself(opened: Database, empty_database: TestDatabase, tmp_path: Path) -> None:
    """Cut in the middle: Unavailable. Gone: Unavailable. Back: the same pool works."""
    async with broken_line(empty_database.dsn(), tmp_path) as (line, address):
        database = Database(await open_pool(address, min_size=2))
        assert await count(database) == 0

        with pytest.raises(Unavailable):
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
                line.cut()
                await connection.execute("INSERT INTO shop.codes VALUES (2, 'a')")
        assert await count(database) == 0

        await line.vanish()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await database.ping()

        await line.listen()
        await database.ping()
        await database.close()


async def test_lost_while_committing_is_outcome_unknown(
    opened: Database, empty_database: TestDatabase, tmp_path: Path
) -> None:
    """The COMMIT went out and its answer never came: the caller must not believe either way."""
    after: list[str] = []

    async def hook() -> None:
        after.append("ran")

    async with broken_line(empty_database.dsn(), tmp_path) as (line, address):
        database = Database(await open_pool(address))
        with pytest.raises(OutcomeUnknown):
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
                connection.after_commit(hook)
                line.cut_after = b"COMMIT"
        await database.close()

    assert await count(opened) == 1  # it happened, this time
    assert after == []


async def test_a_silent_server_is_unavailable(
    opened: Database, empty_database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer and no end of connection either: given up after a while, for statements and for COMMIT."""
    monkeypatch.setattr("foundation.database.COMMAND_SECONDS", 0.2)
    async with broken_line(empty_database.dsn(), tmp_path) as (line, address):
        database = Database(await open_pool(address, min_size=0))
        with pytest.raises(OutcomeUnknown):
            async with database.transaction() as connection:
                await connection.execute("INSERT INTO shop.codes VALUES (1, 'a')")
                line.silent = True
        line.silent = False
        await database.ping()
        with pytest.raises(Unavailable):
            async with database.transaction() as connection:
                line.silent = True
                await connection.execute("SELECT 1")
        line.silent = False
        await database.ping()
        await database.close()


async def test_the_callers_own_errors_pass_through(opened: Database) -> None:
    """A file that is missing, or a timeout of the caller's, is not the database's fault."""
    for mine in (FileNotFoundError, TimeoutError, OSError, asyncpg.InterfaceError):
        with pytest.raises(mine):
            async with opened.transaction() as connection:
                raise mine("mine")
        async with opened.transaction() as connection:
            with pytest.raises(mine):
                async with connection.savepoint():
                    raise mine("mine")


async def test_one_connection_for_two_at_once_is_a_defect(opened: Database) -> None:
    """Sharing a transaction between tasks is a mistake in the program, and stays loud."""
    async with opened.transaction() as connection:
        results = await asyncio.gather(
            connection.execute("SELECT pg_sleep(0.1)"), connection.execute("SELECT 1"), return_exceptions=True
        )

    assert [type(result) for result in results if isinstance(result, Exception)] == [asyncpg.InterfaceError]


async def test_pool_exhausted_is_unavailable(
    opened: Database, empty_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits too long for a connection is told, instead of queueing for ever."""
    monkeypatch.setattr("foundation.database.ACQUIRE_SECONDS", 0.05)
    database = Database(await open_pool(empty_database.dsn(), max_size=1))

    async with database.transaction():
        with pytest.raises(Unavailable):
            await database.ping()

    await database.ping()
    await database.close()


async def test_a_connection_ended_between_two_statements(opened: Database) -> None:
    """The server ends it under an open transaction: Unavailable, for that statement and for whatever still comes."""
    with pytest.raises(Unavailable):
        async with opened.transaction() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await opened.fetchval("SELECT pg_terminate_backend($1)", pid)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await connection.fetchval("SELECT 1")
                await asyncio.sleep(0.05)
            await connection.fetchval("SELECT 1")
    assert await count(opened) == 0


async def test_connections_are_passed_on(empty_database: TestDatabase) -> None:
    """Two connections serve three hundred at once, single statements and transactions, some of which fail: everybody
    has their own answer, nobody waits for ever for what lies at hand, and no failure is passed on."""
    database = Database(await open_pool(empty_database.dsn(), max_size=2, application_name="passed-on"))

    async def one(number: int) -> int:
        if number % 3 == 0:
            return int(await database.fetchval("SELECT $1::int", number))
        async with database.transaction() as connection:
            if number % 7 == 0:
                await connection.execute("SELECT 1 / 0")
            row = await connection.fetchrow("SELECT $1::int AS n", number)
            assert row is not None
            return int(row["n"])

    answers = await asyncio.wait_for(asyncio.gather(*map(one, range(300)), return_exceptions=True), 60)
    for number, answer in enumerate(answers):
        failed = number % 3 and number % 7 == 0
        assert isinstance(answer, asyncpg.DivisionByZeroError) if failed else answer == number
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'passed-on'"
    assert await database.fetchval(open_ones) <= 2
    await database.close()


async def test_what_lies_at_hand_may_have_ended(opened: Database, empty_database: TestDatabase) -> None:
    """Sessions that the server ended while nobody used them are not given to anybody; cancelled ones neither."""
    database = Database(await open_pool(empty_database.dsn(), max_size=4))
    await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.01)") for _ in range(4)))
    for ended in list(database._idle):
        await opened.fetchval("SELECT pg_terminate_backend($1)", ended.raw.get_server_pid())
    while any(kept.well() for kept in database._idle):
        await asyncio.sleep(0.01)
    assert await asyncio.gather(*(database.fetchval("SELECT $1::int", n) for n in range(8))) == list(range(8))
    hasty = asyncio.create_task(database.fetchval("SELECT pg_sleep(60)"))
    await asyncio.sleep(0)
    hasty.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hasty
    assert await asyncio.gather(*(database.fetchval("SELECT $1::int", n) for n in range(8))) == list(range(8))
    await database.close()


async def test_a_transaction_that_is_over_has_no_connection(opened: Database) -> None:
    """Whoever keeps it beyond the block cannot reach into somebody else's."""
    async with opened.transaction() as connection:
        await connection.execute("SELECT 1")
    with pytest.raises(Unavailable):
        await connection.execute("INSERT INTO shop.codes VALUES (9, 'late')")
    assert await count(opened) == 0
