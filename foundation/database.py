"""PostgreSQL by asyncpg: a pool that heals, transactions with hooks, and driver errors that die here.

What leaves this module is ours: ``Unavailable`` (gone, restarting, too slow), ``OutcomeUnknown`` (lost while
committing), ``Contended`` (serialisation failure or deadlock, after the retries asked for), or the domain error
that ``on_violation`` names. A constraint nobody mapped stays an asyncpg error: it is a defect, and must be loud.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import asyncpg

from foundation.errors import Internal, LinkIdError, Unavailable

_log = logging.getLogger(__name__)

Record: TypeAlias = asyncpg.Record
Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]
Hook: TypeAlias = Callable[[], Awaitable[None]]

T = TypeVar("T")

if TYPE_CHECKING:
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool  # generic only for type checkers

STATEMENT_TIMEOUT = "10s"
"""No statement of ours takes longer than milliseconds; one that does is a lock wait, and its client is long gone."""

IDLE_IN_TRANSACTION_TIMEOUT = "30s"
"""A process that hangs inside a transaction must not hold the audit head for ever."""

COMMAND_SECONDS = 15.0
"""How long we wait for an answer: longer than the server's own limit, so that it matters only when the server or the
network has fallen silent."""

CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
"""How long a caller waits for a free connection before it is told Unavailable; longer only queues the dead."""

USES = 1_000
"""How often a connection is passed on before the pool has a look at it."""
IDLE_SECONDS = 60.0
"""How long a connection is kept at hand that nobody needs; then the pool may close it."""


class OutcomeUnknown(Unavailable):
    """The connection broke while committing: the transaction happened or did not. Ask again by idempotency key."""

    code = "outcome_unknown"
    summary = "It is not known whether this was done. Check before trying again."


class Contended(Unavailable):
    """A serialisation failure or a deadlock: nothing was done, the same transaction may succeed when run again."""

    code = "contended"
    summary = "Too many did this at once. Try again in a moment."


_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DiskFullError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_CONTENDED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


@contextlib.contextmanager
def _translated(connection: "Connection | None" = None) -> Iterator[None]:
    """Foreign errors die here. ``connection``: whose transaction is spoilt by what goes wrong in the server."""
    try:
        yield
    except (Exception, asyncio.CancelledError) as cause:
        if connection is not None and not isinstance(cause, asyncpg.InterfaceError):  # that one never left us
            connection.spoilt = True
        ours = _ours(cause)
        if ours is None:
            raise
        raise ours from cause


def _ours(cause: BaseException) -> LinkIdError | None:
    """What leaves this module in its place; None: itself."""
    if isinstance(cause, _CONTENDED):
        return Contended(type(cause).__name__)
    if isinstance(cause, asyncpg.InterfaceError):
        # InterfaceError is also how asyncpg reports a wrong use of itself (wrong argument count or type): a defect.
        if isinstance(cause, asyncpg.exceptions.DataError) or not _says_closed(cause):
            return None
        return Unavailable("the database connection is closed")
    if isinstance(cause, _GONE):
        return Unavailable(f"the database is not available ({type(cause).__name__})")
    return None


def _says_closed(error: asyncpg.InterfaceError) -> bool:
    """Closed under us; a pool that notices it first takes the connection back from whoever works with it."""
    text = str(error)
    # the last one is how a pooled connection speaks that the server ended between two statements
    return "is closed" in text or "is closing" in text or "released back to the pool" in text


@contextlib.contextmanager
def on_violation(errors: Mapping[str, Callable[[], LinkIdError]]) -> Iterator[None]:
    """Turn the violation of a named constraint into a domain error: ``with on_violation({"one_open": AlreadyOpen}):``.

    Values are error classes or anything callable without arguments. The transaction is spoilt afterwards, as always in
    PostgreSQL; wrap the statement in ``connection.savepoint()`` to go on. Constraints not named pass unchanged.
    """
    try:
        yield
    except asyncpg.PostgresError as cause:
        make = errors.get(getattr(cause, "constraint_name", None) or "")
        if make is None:
            raise
        raise make() from cause


class Connection:
    """A connection inside a transaction. Its four verbs take ``(sql, *arguments)``, as asyncpg's do."""

    def __init__(self, raw: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[Any]") -> None:
        """Made by ``Database.transaction``; by hand only in migrations and tests."""
        self.raw = raw
        self.scratch: dict[str, Any] = {}
        """What belongs to this transaction and to no row, by the name of the module that put it there."""
        self.spoilt = False
        """A statement failed outside a savepoint. PostgreSQL answers the COMMIT of such a transaction without an error,
        and rolls it back: whoever passed over the failure must not be told that it was done."""
        self._before_commit: list[Hook] = []
        self._last_before_commit: list[Hook] = []
        self._after_commit: list[Hook] = []

    async def execute(self, query: str, *args: object) -> str:
        """Run; the answer is PostgreSQL's command tag, such as ``UPDATE 1``."""
        with _translated(self):
            return await self.raw.execute(query, *args)

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        """All rows."""
        with _translated(self):
            return await self.raw.fetch(query, *args)

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        """The first row, or None."""
        with _translated(self):
            return await self.raw.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        with _translated(self):
            return await self.raw.fetchval(query, *args)

    async def fetch_each(self, query: str, rows: Sequence[Sequence[object]]) -> Sequence[Record]:
        """One statement, run with each of these arguments in turn, in one trip. It must be one that has one row."""
        with _translated(self):
            found = await (self.raw.fetch(query, *rows[0]) if len(rows) == 1 else self.raw.fetchmany(query, rows))
        if len(found) != len(rows):
            raise Internal(f"{len(found)} rows of a statement that was run {len(rows)} times")
        return found

    async def executemany(self, query: str, rows: Sequence[Sequence[object]]) -> None:
        """One statement for many rows."""
        with _translated(self):
            await self.raw.executemany(query, rows)

    async def cursor(self, query: str, *args: object, prefetch: int = 500) -> AsyncGenerator[Record, None]:
        """Rows as they come, for results that do not fit in memory. Leave early only inside ``contextlib.aclosing``."""
        with _translated(self):
            async for row in self.raw.cursor(query, *args, prefetch=prefetch):
                yield row

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail alone: an exception inside undoes only what was done inside."""
        scope, before = self.raw.transaction(), self.spoilt
        with _translated(self):
            await scope.start()
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):
                await scope.rollback()
                self.spoilt = before
            raise
        with _translated(self):
            await scope.commit()

    def before_commit(self, hook: Hook, *, last: bool = False) -> None:
        """Run inside the transaction when its block has ended; a hook that raises rolls everything back.

        ``last``: after all others, for what takes a lock that everybody needs.
        """
        (self._last_before_commit if last else self._before_commit).append(hook)

    def after_commit(self, hook: Hook) -> None:
        """Run once the commit is certain. A hook's failure is logged, never raised: the deed is done."""
        self._after_commit.append(hook)

    async def _run_before_commit(self) -> None:
        while self._before_commit or self._last_before_commit:
            hooks = self._before_commit or self._last_before_commit
            await hooks.pop(0)()

    async def _run_after_commit(self) -> None:
        for hook in self._after_commit:
            try:
                await hook()
            except Exception:
                _log.exception("a hook after commit failed")


class Database:
    """What stores and services hold: transactions, and single statements that are their own transaction."""

    def __init__(self, pool: Pool) -> None:
        """Wrap a pool made by ``open_pool``.

        What was borrowed from it and is well stays here for the next: the pool's own lending costs as much as a
        statement.
        """
        self.pool = pool
        self._idle: deque[_Borrowed] = deque()
        self._waiting = 0
        self._closing = False

    async def close(self) -> None:
        """Wait for running transactions (briefly), then close every connection."""
        self._closing = True
        try:
            while self._idle:
                await self._return(self._idle.pop())
            await _within(self.pool.close(), seconds=10.0)
        except TimeoutError:
            self.pool.terminate()

    async def ping(self) -> None:
        """Raise Unavailable unless the database answers: the readiness check."""
        await self.fetchval("SELECT 1")

    @contextlib.asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation = "read_committed", readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises Unavailable when there is no connection, OutcomeUnknown when it broke during COMMIT.
        """
        borrowed = await self._borrow()
        connection, well = Connection(borrowed.raw), False
        try:
            scope = borrowed.raw.transaction(isolation=isolation, readonly=readonly)
            with _translated():
                await scope.start()
            try:
                yield connection
                await connection._run_before_commit()
                if connection.spoilt:
                    raise Internal("a statement failed and was passed over: nothing of this transaction can stay")
            except BaseException:
                # The connection may be the very thing that broke; the first error is the one worth hearing.
                with contextlib.suppress(Exception):
                    await scope.rollback()
                raise
            await _commit(scope)
            well = True
        finally:
            connection.raw = _RETURNED
            await self._give_back(borrowed, well)
        await connection._run_after_commit()

    async def retrying(
        self,
        work: Callable[[Connection], Awaitable[T]],
        *,
        isolation: Isolation = "serializable",
        attempts: int = 4,
    ) -> T:
        """Run ``work`` in a transaction, again from the start while it fails only by contention.

        ``work`` must have no effect outside the database. Raises Contended after the last attempt.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction(isolation=isolation) as connection:
                    return await work(connection)
            except Contended:
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable: attempts is at least 1")

    async def execute(self, query: str, *args: object) -> str:
        """One statement, its own transaction; the command tag."""
        return str(await self._alone("execute", query, args))

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        """One statement, its own transaction; all rows."""
        rows: Sequence[Record] = await self._alone("fetch", query, args)
        return rows

    async def fetchrow(self, query: str, *args: object) -> Record | None:
        """One statement, its own transaction; the first row or None."""
        row: Record | None = await self._alone("fetchrow", query, args)
        return row

    async def fetchval(self, query: str, *args: object) -> Any:
        """One statement, its own transaction; the first column of the first row or None."""
        return await self._alone("fetchval", query, args)

    async def _alone(self, verb: str, query: str, args: Sequence[object]) -> Any:
        borrowed, well = await self._borrow(), False
        try:
            with _translated():
                answer = await getattr(borrowed.raw, verb)(query, *args)
            well = True
        finally:
            await self._give_back(borrowed, well)
        return answer

    async def _borrow(self) -> "_Borrowed":
        """The connection that was used last, or one of the pool's. Raises Unavailable."""
        while self._idle:
            borrowed = self._idle.pop()
            if borrowed.well():  # else its session ended meanwhile, and the pool knows
                return borrowed
        self._waiting += 1
        try:
            with _translated():
                return _Borrowed(await self.pool.acquire(timeout=ACQUIRE_SECONDS))
        finally:
            self._waiting -= 1

    async def _give_back(self, borrowed: "_Borrowed", well: bool) -> None:
        """Keep it for the next. To the pool goes what something went wrong with, what others wait for there, what was
        used often (the pool renews its connections), and what nobody needed for a minute."""
        borrowed.uses += 1
        if self._waiting or self._closing or not well or borrowed.uses >= USES or not borrowed.well():
            await self._return(borrowed)
            return
        borrowed.since = time.monotonic()
        self._idle.append(borrowed)
        if borrowed.since - self._idle[0].since > IDLE_SECONDS:
            await self._return(self._idle.popleft())

    async def _return(self, borrowed: "_Borrowed") -> None:
        with contextlib.suppress(Exception):
            await self.pool.release(borrowed.raw, timeout=ACQUIRE_SECONDS)


class _Borrowed:
    """A connection of the pool's that is ours for now."""

    __slots__ = ("raw", "since", "uses")

    def __init__(self, raw: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        self.raw, self.uses, self.since = raw, 0, 0.0

    def well(self) -> bool:
        """Whether the next may have it: open, and in no transaction."""
        try:
            return not self.raw.is_closed() and not self.raw.is_in_transaction()
        except asyncpg.InterfaceError:  # the pool has it back already
            return False


class _Returned:
    """In the place of a connection whose transaction is over: nobody may use it any more."""

    def __getattr__(self, name: str) -> Any:
        raise asyncpg.InterfaceError(f"cannot call {name}: the connection was released back to the pool")


_RETURNED: Any = _Returned()


async def open_pool(
    dsn: str,
    *,
    role_settings: Mapping[str, str] | None = None,
    min_size: int = 1,
    max_size: int = 10,
    application_name: str = "linkid",
) -> Pool:
    """A pool of connections, each with our timeouts, UTC, and ``role_settings`` (PostgreSQL settings) on top.

    Raises Unavailable when the database cannot be reached now; later losses heal by themselves at the next use.
    """
    settings = {
        "application_name": application_name,
        "timezone": "UTC",
        "statement_timeout": STATEMENT_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
        "search_path": "pg_catalog",  # every name in our SQL says its schema
        **(role_settings or {}),
    }
    with _translated():
        return await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            server_settings=settings,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            reset=_nothing_to_reset,
        )


async def _nothing_to_reset(_connection: "asyncpg.Connection[Any]") -> None:
    """Instead of asyncpg's reset, which asks the server once more after every use.

    Nobody who borrows from the pool sets anything on a session, listens, or takes a lock that outlives its transaction;
    whoever listens has a connection of its own. A transaction left open is rolled back by the pool before this.
    """


async def _commit(scope: "asyncpg.transaction.Transaction") -> None:
    try:
        await scope.commit()
    except _CONTENDED as cause:
        raise Contended(type(cause).__name__) from cause
    except _GONE as cause:
        raise OutcomeUnknown(f"lost while committing ({type(cause).__name__})") from cause


async def _within(work: Awaitable[T], *, seconds: float) -> T:
    return await asyncio.wait_for(work, seconds)
