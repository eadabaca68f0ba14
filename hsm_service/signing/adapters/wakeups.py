"""Being woken by PostgreSQL's NOTIFY, whichever gateway the phone spoke to.

One connection listens for the whole process, apart from the pool (a pooled connection forgets its listeners when it is
given back). When it breaks it is made again, and everybody who waits here looks for themselves, since rings that fell
in between are lost. A gateway that dies before it rings is why waiters also look from time to time without a ring.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

import asyncpg

from foundation.database import Database
from foundation.errors import Unavailable
from foundation.logs import get_logger
from hsm_service.signing.store import QUERIES

CHANNEL: Final = "signing_settled"
_AGAIN_SECONDS: Final = 2.0
_SEPARATOR: Final = ","
_TOGETHER: Final = 200
"""Documents of one notification: 31 bytes each, of the 8,000 that PostgreSQL takes."""
_log = get_logger(__name__)


class _Bell:
    """An event that one waiter waits for, again and again."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            return False
        self.event.clear()
        return True


class PostgresWakeups:
    """Use as an async context manager for as long as the gateway runs."""

    def __init__(self, database: Database, dsn: str) -> None:
        """``dsn``: for the connection that listens."""
        self._database = database
        self._dsn = dsn
        self._bells: dict[str, set[_Bell]] = {}
        self._task: asyncio.Task[None] | None = None
        self._told: list[str] = []
        self._telling: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def listen(self, document: str) -> Iterator[_Bell]:
        """See ports.Wakeups."""
        bell = _Bell()
        self._bells.setdefault(document, set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[document]
            bells.discard(bell)
            if not bells:
                del self._bells[document]

    def ring(self, document: str) -> None:
        """See ports.Wakeups."""
        for bell in self._bells.get(document, ()):
            bell.event.set()

    async def announce(self, document: str) -> None:
        """See ports.Wakeups. Those here at once; the other gateways by one notification for all that come meanwhile."""
        self.ring(document)
        self._told.append(document)
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell_others(), name="signing-announce")

    async def _tell_others(self) -> None:
        """A database that does not answer is not worth failing for: it is a hint."""
        try:
            while self._told:
                told, self._told = self._told[:_TOGETHER], self._told[_TOGETHER:]
                with contextlib.suppress(Unavailable):
                    await self._database.execute(QUERIES.announce, _SEPARATOR.join(told))
        finally:
            self._telling = None

    async def __aenter__(self) -> "PostgresWakeups":
        """Begin to listen."""
        self._task = asyncio.create_task(self._run(), name="signing-wakeups")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; what was announced is told first."""
        if self._telling is not None:
            await asyncio.wait([self._telling])
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _ring_all(self) -> None:
        """Whatever was told while nobody listened."""
        for document in self._bells:
            self.ring(document)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen_until_broken()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as cause:
                _log.warning("wakeups_interrupted", reason=type(cause).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen_until_broken(self) -> None:
        connection = await asyncpg.connect(self._dsn, server_settings={"application_name": "linkid-wakeups"})
        broken = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _connection: broken.set())
            await connection.add_listener(CHANNEL, self._heard)
            self._ring_all()
            await broken.wait()
        finally:
            await connection.close(timeout=2.0)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        if isinstance(payload, str):
            for document in payload.split(_SEPARATOR):
                self.ring(document)
