"""Many callers' work in one transaction: who comes while one commits goes together in the next.

A commit costs several round trips and a write to the disk, however much it commits; and whatever appends to an audit
chain queues at the chain's head anyway. So a process that writes for many callers at once lets them share: alone, a
caller waits for nothing; under load, one commit serves a dozen.

    commits = GroupCommit(database)
    answer = await commits.run(work)        # work(connection) -> answer, as inside database.transaction()

Each caller gets what its own transaction would have given it: its answer after the commit, or its error. When any work
of a group fails, the group is rolled back and each of it runs again alone. So a work must be safe to begin again: it
acts through the connection only (``after_commit`` for the rest), and is ready to find the world changed.

Who needs only the commit (``early``) hears of it before what follows a commit (``after_commit``: writing the audit's
head outside the database, say) is done for the group. What nobody waits for (``soon``) goes into the next one;
``ended`` waits for all of it.

What is done for every signature and is one statement says so (``Statement``): those of a group that are the same go to
the server in one trip, one after the other as ever.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from foundation.database import Connection, Contended, Database, Record
from foundation.errors import Unavailable
from foundation.logs import get_logger

T = TypeVar("T")
Work: TypeAlias = "Callable[[Connection], Awaitable[T]]"

MOST: Final = 32
"""Works of one transaction: enough to make the commit cheap, few enough that the first does not wait long for the
last."""
MOST_UNWAITED: Final = 256
"""Works in the queue from which on ``soon`` waits like ``run``: a database that is slow slows down who asks it."""
_log = get_logger(__name__)


@dataclass(frozen=True)
class Statement(Generic[T]):
    """A work that is one statement with exactly one row, and what is made of that row.

    ``args`` are asked for when it is its turn (times are among them). ``then`` may note, ask for hooks, and raise to
    undo; it asks the database nothing. ``first``: a statement to be run before it, such as one that takes a lock.
    """

    query: str
    args: Callable[[], Sequence[object]]
    then: Callable[[Connection, Record], T]
    first: tuple[str, Sequence[object]] | None = None

    async def run(self, connection: Connection) -> T:
        """By itself, inside somebody's transaction."""
        answer: T = (await _alike(connection, [self]))[0]
        return answer


class _Queued(NamedTuple):
    """One that waits for its group."""

    work: "Work[Any] | Statement[Any]"
    answer: "asyncio.Future[Any]"
    early: bool

    def answered(self, value: object) -> None:
        """Unless it was, or its caller gave up meanwhile."""
        if not self.answer.done():
            self.answer.set_result(value)


class GroupCommit:
    """``run(work)``. One group at a time."""

    def __init__(self, database: Database, most: int = MOST) -> None:
        """``most``: works of one transaction."""
        self._database, self._most = database, most
        self._queue: deque[_Queued] = deque()
        self._running: asyncio.Task[None] | None = None

    async def run(self, work: "Work[T] | Statement[T]", *, early: bool = False) -> T:
        """The answer of ``work``, committed. Raises what it raised, Unavailable, OutcomeUnknown.

        ``early``: for a step after which nothing leaves this process before something else is committed here.
        """
        return await self._queued(work, early=early)

    async def soon(self, work: "Work[T] | Statement[T]") -> None:
        """The same, by and by: for a note that the caller's answer need not wait for. What fails is logged.

        A process that is killed before the commit lacks it: only for what is right without it.
        """
        answer = self._queued(work)
        answer.add_done_callback(_tell)
        if len(self._queue) > MOST_UNWAITED:
            await asyncio.wait([answer])

    async def so_far(self) -> None:
        """Wait for all that was queued until now. Raises Unavailable, OutcomeUnknown."""
        if self._running is not None:
            await self.run(_nothing)

    async def ended(self) -> None:
        """Wait until nothing is left to commit: before the database closes."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def _queued(self, work: "Work[T] | Statement[T]", *, early: bool = False) -> "asyncio.Future[T]":
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Queued(work, answer, early))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return answer

    async def _run(self) -> None:
        try:
            while self._queue:
                group = [self._queue.popleft() for _ in range(min(len(self._queue), self._most))]
                await self._together(group)
        finally:
            self._running = None

    async def _together(self, group: "list[_Queued]") -> None:
        answers: list[Any] = []

        async def tell_early() -> None:
            for one, value in zip(group, answers, strict=True):
                if one.early:
                    one.answered(value)

        try:
            async with self._database.transaction() as connection:
                connection.after_commit(tell_early)  # the first of all that follows
                answers += await _done(connection, [one.work for one in group])
        except Exception as error:
            if len(group) == 1 or (isinstance(error, Unavailable) and not isinstance(error, Contended)):
                # Alone: its own error. Unavailable: everybody's; what may have been committed is not begun again.
                for one in group:
                    _fail(one.answer, error)
                return
            for one in group:
                await self._together([one])
            return
        except BaseException:  # cancelled: the process ends
            for one in group:
                one.answer.cancel()
            raise
        for one, value in zip(group, answers, strict=True):
            one.answered(value)


async def _done(connection: Connection, works: "Sequence[Work[Any] | Statement[Any]]") -> list[Any]:
    """The answers, in order of the works; statements after all others, those of one kind together."""
    answers: list[Any] = [None] * len(works)
    kinds: dict[str, list[tuple[int, Statement[Any]]]] = {}
    for at, work in enumerate(works):
        if isinstance(work, Statement):
            kinds.setdefault(work.query, []).append((at, work))
        else:
            answers[at] = await work(connection)
    for same in kinds.values():
        for (at, _), answer in zip(same, await _alike(connection, [one for _, one in same]), strict=True):
            answers[at] = answer
    return answers


async def _alike(connection: Connection, statements: "Sequence[Statement[T]]") -> "list[T]":
    """Those of one query."""
    before: dict[str, list[Sequence[object]]] = {}
    for one in statements:
        if one.first is not None:
            before.setdefault(one.first[0], []).append(one.first[1])
    for query, args in before.items():
        await connection.fetch_each(query, args)
    rows = await connection.fetch_each(statements[0].query, [one.args() for one in statements])
    return [one.then(connection, row) for one, row in zip(statements, rows, strict=True)]


async def _nothing(_connection: Connection) -> None:
    """A work to stand at the end of the queue."""


def _tell(answer: "asyncio.Future[Any]") -> None:
    """Of what nobody waited for."""
    if not answer.cancelled() and answer.exception() is not None:
        _log.error("unwaited_work_failed", exc_info=answer.exception())


def _fail(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
