"""Shared transactions: everybody gets what a transaction of their own would have given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest
import pytest_asyncio

from foundation.database import Connection, Database, Record, open_pool
from foundation.errors import Conflict, Internal, Unavailable
from foundation.group_commit import MOST_UNWAITED, GroupCommit, Statement, Work
from tests.support.postgres import TestDatabase


class Taken(Conflict):
    """The test's own refusal."""

    code = "test_taken"


@pytest_asyncio.fixture
async def database(empty_database: TestDatabase) -> AsyncIterator[Database]:
    """With one table, whose numbers are there once."""
    opened = Database(await open_pool(empty_database.dsn(), max_size=4))
    await opened.execute("CREATE TABLE public.numbers (n integer PRIMARY KEY, xid bigint DEFAULT txid_current())")
    yield opened
    await opened.close()


def adding(number: int, refuse: bool = False) -> "Work[int]":
    """Add a number; then, maybe, refuse."""

    async def work(connection: Connection) -> int:
        await connection.execute("INSERT INTO public.numbers (n) VALUES ($1)", number)
        if refuse:
            raise Taken(str(number))
        return number

    return work


async def numbers(database: Database) -> list[int]:
    """Those that were committed."""
    return [row["n"] for row in await database.fetch("SELECT n FROM public.numbers ORDER BY n")]


async def test_those_who_come_together_share_a_transaction(database: Database) -> None:
    """A hundred callers, a few transactions; each has its own answer, after the commit."""
    commits = GroupCommit(database)
    answers = await asyncio.gather(*(commits.run(adding(n)) for n in range(100)))

    assert answers == list(range(100))
    assert await numbers(database) == list(range(100))
    transactions = await database.fetchval("SELECT count(DISTINCT xid) FROM public.numbers")
    assert transactions <= 5


async def test_one_who_fails_fails_alone(database: Database) -> None:
    """A refusal, and a broken constraint that nobody mapped: the others are committed, and the failures undone."""
    commits = GroupCommit(database)
    works = [adding(n, refuse=n == 3) for n in range(10)] + [adding(5)]
    answers = await asyncio.gather(*map(commits.run, works), return_exceptions=True)

    assert isinstance(answers[3], Taken)
    assert isinstance(answers[10], asyncpg.UniqueViolationError)
    assert [answer for answer in answers if not isinstance(answer, BaseException)] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert await numbers(database) == [0, 1, 2, 4, 5, 6, 7, 8, 9]


async def test_one_who_passes_over_a_failure_breaks_no_promise(database: Database) -> None:
    """Its transaction is spoilt, and the server would say yes to its COMMIT all the same: whoever came with it is
    committed without it, and what was promised to each stands in the database."""

    async def careless(connection: Connection) -> str:
        with suppress(asyncpg.UniqueViolationError):
            for _ in range(2):
                await connection.execute("INSERT INTO public.numbers (n) VALUES (99)")
        return "done"

    commits = GroupCommit(database)
    works: list[Work[object]] = [*(adding(n) for n in range(5)), careless]
    answers = await asyncio.gather(*map(commits.run, works), return_exceptions=True)

    assert answers[:5] == [0, 1, 2, 3, 4]
    assert isinstance(answers[5], Internal)
    assert await numbers(database) == [0, 1, 2, 3, 4]


async def test_hooks_run_once_for_what_was_committed(database: Database) -> None:
    """Not for the group that was rolled back and begun again."""
    commits = GroupCommit(database)
    heard: list[int] = []

    def noting(number: int, refuse: bool) -> "Work[None]":
        async def work(connection: Connection) -> None:
            async def hear() -> None:
                heard.append(number)

            connection.after_commit(hear)
            if refuse:
                raise Taken

        return work

    works = [noting(n, refuse=n == 4) for n in range(8)]
    await asyncio.gather(*map(commits.run, works), return_exceptions=True)

    assert sorted(heard) == [0, 1, 2, 3, 5, 6, 7]


async def test_who_needs_only_the_commit_hears_before_what_follows_it(database: Database) -> None:
    """Committed it is, and seen by others; the rest of the group hears when all that follows is done."""
    commits = GroupCommit(database)
    done, follows = asyncio.Event(), asyncio.Event()

    async def following(connection: Connection) -> int:
        async def follow() -> None:
            follows.set()
            await done.wait()

        connection.after_commit(follow)
        return await adding(1)(connection)

    late = asyncio.create_task(commits.run(following))
    assert await commits.run(adding(2), early=True) == 2
    assert await numbers(database) == [1, 2]
    await follows.wait()
    assert not late.done()
    done.set()
    assert await late == 1


async def test_who_would_hear_early_hears_of_no_commit_that_failed(database: Database) -> None:
    """Its group is undone by another's refusal: its answer is that of its own transaction, begun again."""
    commits = GroupCommit(database)
    works = [commits.run(adding(1), early=True), commits.run(adding(2, refuse=True), early=True)]
    first, second = await asyncio.gather(*works, return_exceptions=True)
    assert first == 1
    assert isinstance(second, Taken)
    assert await numbers(database) == [1]


async def test_a_caller_who_gives_up_disturbs_nobody(database: Database) -> None:
    """Its work may still be committed: so it is with any call whose answer nobody waits for."""
    commits = GroupCommit(database)
    calls = [asyncio.create_task(commits.run(adding(n))) for n in range(20)]
    await asyncio.sleep(0)
    calls[7].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert isinstance(answers[7], asyncio.CancelledError)
    assert [answer for answer in answers if not isinstance(answer, BaseException)] == [n for n in range(20) if n != 7]


async def test_a_database_that_is_gone_is_told_to_everybody_once(database: Database) -> None:
    """Not tried once for each: that would take as many time-outs as there are callers."""
    commits = GroupCommit(database)
    begun: list[int] = []

    async def work(connection: Connection) -> None:
        begun.append(1)
        await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    answers = await asyncio.gather(*(commits.run(work) for _ in range(10)), return_exceptions=True)

    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert len(begun) <= 2
    assert await commits.run(adding(1)) == 1


INSERT = "INSERT INTO public.numbers (n) VALUES ($1) RETURNING n, xid"
LOCK = "SELECT pg_advisory_xact_lock($1)"


def statement(number: int, refuse: bool = False, heard: list[int] | None = None) -> Statement[int]:
    """The same as ``adding``, as one statement; with a lock first, which has a row too."""

    def then(_connection: Connection, row: Record) -> int:
        if heard is not None:
            heard.append(row["n"])
        if refuse:
            raise Taken(str(number))
        return int(row["n"])

    return Statement(INSERT, lambda: (number,), then, first=(LOCK, (number,)))


async def test_statements_that_are_alike_go_together(database: Database) -> None:
    """Each gets its own row, whatever stands between them; one that refuses and one that breaks a constraint fail
    alone, and of neither anything stays."""
    commits = GroupCommit(database)
    works = [statement(n, refuse=n == 3) if n % 4 else adding(n) for n in range(30)] + [statement(5)]
    answers = await asyncio.gather(*map(commits.run, works), return_exceptions=True)

    assert isinstance(answers[3], Taken)
    assert isinstance(answers[30], asyncpg.UniqueViolationError)
    rest = [n for n in range(30) if n != 3]
    assert [answer for answer in answers if not isinstance(answer, BaseException)] == rest
    assert await numbers(database) == rest
    heard: list[int] = []
    assert await asyncio.gather(*(commits.run(statement(n, heard=heard)) for n in range(50, 60))) == [*range(50, 60)]
    assert heard == [*range(50, 60)]  # once each, in order
    transactions = await database.fetchval("SELECT count(DISTINCT xid) FROM public.numbers WHERE n >= 50")
    assert transactions <= 2


async def test_a_statement_has_one_row(database: Database) -> None:
    """One that may have none, or two, would give a caller another's row: it fails, alone and in company."""
    commits = GroupCommit(database)
    await commits.run(adding(1))
    for query in ("SELECT n FROM public.numbers WHERE n = $1", "SELECT generate_series(1, $1::int)"):
        wrong = [Statement(query, lambda: (2,), lambda _, row: row) for _ in range(2)]
        answers = await asyncio.gather(*map(commits.run, wrong), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Internal, Internal]


async def test_what_nobody_waits_for_is_committed_before_the_end(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """What fails of it fails alone and is told of; and where too much waits, whoever brings more waits with it."""
    commits = GroupCommit(database)
    for number in (1, 2, 1, 3):
        await commits.soon(adding(number))
    await commits.ended()
    assert await numbers(database) == [1, 2, 3]
    assert caplog.text.count("unwaited_work_failed") == 1

    await commits.soon(adding(4))
    await commits.so_far()
    assert await numbers(database) == [1, 2, 3, 4]

    for number in range(10, 10 + MOST_UNWAITED):
        await commits.soon(adding(number))
    await commits.soon(adding(9))
    assert len(await numbers(database)) == 4 + MOST_UNWAITED + 1
