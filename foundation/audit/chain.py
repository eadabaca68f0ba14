"""Appending to a chain, and noticing that the database forgot."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from foundation.audit.head_file import DatabaseRolledBack, HeadNotKept, read_head, write_head
from foundation.audit.lines import GENESIS, AuditLine, Field, Head, check_event, line_after
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import Internal
from foundation.queries import Queries
from foundation.threads import Threads

queries = Queries.load("foundation")

_CHAIN = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_WRITERS: Final = Threads(2, "audit-head")
"""Of all chains of this process: usually there is one."""


class AuditChain:
    """One writer's chain. Several tasks and several processes may append to it; they queue in the database."""

    def __init__(self, database: Database, chain: str, clock: Clock, head_file: Path | None = None) -> None:
        """``head_file``: where the last committed head is kept outside PostgreSQL; None keeps none (no detection)."""
        if not _CHAIN.match(chain):
            raise ValueError(f"not a chain name: {chain!r}")
        self.chain = chain
        self._database = database
        self._clock = clock
        self._file = head_file
        self._newest: Head | None = None
        self._written: Head | None = None
        self._writing = asyncio.Lock()

    async def append(self, connection: Connection, event: str, **fields: Field) -> AuditLine:
        """Append one line inside the caller's transaction, taking the chain's lock until it ends."""
        return (await self.append_many(connection, [(event, fields)]))[0]

    async def append_many(
        self, connection: Connection, events: Sequence[tuple[str, Mapping[str, Field]]]
    ) -> list[AuditLine]:
        """Append a batch under the chain's lock. The head is kept in the file once the transaction committed.

        Mostly nobody else appended since we did: then lock and lines are one statement. If somebody did, it tells us
        the head, locked, and the lines are written anew after that.

        Raises DatabaseRolledBack when the chain ends before the last line that we know, HeadNotKept when the file
        could not be written last time and cannot be now.
        """
        for event, fields in events:
            check_event(event, fields)
        return await self._append(connection, events)

    async def _append(
        self, connection: Connection, events: Sequence[tuple[str, Mapping[str, Field]]]
    ) -> list[AuditLine]:
        """Events that were checked before."""
        await self._catch_up()
        if not events:
            return []
        lines = await self._appended(connection, self._newest or await self._end(connection), events)
        last = lines[-1]
        connection.after_commit(lambda: self.committed(last))
        return lines

    async def _appended(
        self, connection: Connection, after: Head, events: Sequence[tuple[str, Mapping[str, Field]]]
    ) -> list[AuditLine]:
        for _ in range(2):  # the second time we hold the head's lock
            lines = self._lines_after(after, events)
            row = await connection.fetchrow(
                queries.append, self.chain, after.seq, after.hash, [line.body for line in lines]
            )
            assert row is not None, "audit.append has one answer"
            if row["added"]:
                return lines
            after = Head(row["seq"], row["hash"])
            await self._demand_ours(connection, after)
        raise Internal(f"audit chain {self.chain}: the head moved while it was locked")

    async def _end(self, connection: Connection) -> Head:
        row = await connection.fetchrow(queries.lock_head, self.chain)
        assert row is not None, "lock_head makes the head that is missing"
        end = Head(row["seq"], row["hash"])
        await self._demand_ours(connection, end)  # a line of ours may have been committed while we waited for the lock
        return end

    def note(self, connection: Connection, event: str, **fields: Field) -> None:
        """Append as the last thing before COMMIT, together with whatever else this transaction notes.

        The fields are checked now, so that a wrong one fails where it was written. A note belongs to the transaction:
        one made inside a savepoint stays when that is undone, and all are gone when the transaction is. So a refusal
        that raises is noted in a transaction of its own.
        """
        check_event(event, fields)
        noted = self._noted(connection)
        if not noted:
            connection.before_commit(lambda: self._append_noted(connection, noted), last=True)
        noted.append((event, fields))

    async def committed(self, line: AuditLine) -> None:
        """Keep the head of a committed line in the file. Called by itself after COMMIT; calling it again is harmless.

        Raises HeadNotKept when it cannot be written; then every later append raises too, until it can.
        """
        if self._newest is None or line.seq > self._newest.seq:
            self._newest = Head(line.seq, line.hash)
        await self._catch_up()

    async def check_not_behind(self) -> None:
        """Raise DatabaseRolledBack unless the database still holds the head in the file, at its place in the chain.

        From then on that head is known here: an append to a chain whose head was turned back behind it raises too.
        """
        kept = await self.kept_head()
        if kept is None or kept.seq == 0:
            return
        stored = await self._database.fetchval(queries.line_hash, self.chain, kept.seq)
        if stored is None:
            raise DatabaseRolledBack(
                f"audit chain {self.chain}: line {kept.seq} is kept outside, the database lacks it"
            )
        if stored != kept.hash:
            raise DatabaseRolledBack(
                f"audit chain {self.chain}: line {kept.seq} is another one than the one kept outside"
            )
        if self._newest is None:
            self._newest = self._written = kept

    async def accept_restore(self, *, operator: str) -> AuditLine:
        """An operator's word that the database was restored on purpose: a line says so, and the file follows it.

        The caller voids everything pending first. The line names the head that was lost.
        """
        kept = await self.kept_head() or Head(0, GENESIS)
        self._newest = self._written = None
        async with self._database.transaction() as connection:
            return await self.append(
                connection, "restore.accepted", operator=operator, lost_seq=kept.seq, lost_hash=kept.hash.hex()
            )

    async def kept_head(self) -> Head | None:
        """The head in the file; None when there is no file. Raises DatabaseRolledBack when the file is damaged."""
        if self._file is None:
            return None
        return await asyncio.to_thread(read_head, self._file, self.chain)

    def _lines_after(self, head: Head, events: Sequence[tuple[str, Mapping[str, Field]]]) -> list[AuditLine]:
        now = self._clock.now()
        lines: list[AuditLine] = []
        for event, fields in events:
            line = line_after(self.chain, head, now, event, fields)
            head = Head(line.seq, line.hash)
            lines.append(line)
        return lines

    def _noted(self, connection: Connection) -> list[tuple[str, Mapping[str, Field]]]:
        collected: dict[str, list[tuple[str, Mapping[str, Field]]]] = connection.scratch.setdefault("audit", {})
        return collected.setdefault(self.chain, [])

    async def _append_noted(self, connection: Connection, noted: list[tuple[str, Mapping[str, Field]]]) -> None:
        batch = noted.copy()
        noted.clear()
        await self._append(connection, batch)

    async def _demand_ours(self, connection: Connection, end: Head) -> None:
        """A database restored under a running process is seen at the next line, not at the next start; also one that
        went on since then, past the last line that we know: that line must stand where it stood."""
        known = self._newest
        if known is None or known == end:
            return
        stored = await connection.fetchval(queries.line_hash, self.chain, known.seq) if known.seq < end.seq else None
        if stored != known.hash:
            raise DatabaseRolledBack(
                f"audit chain {self.chain}: it ends at line {end.seq}, line {known.seq} of ours was committed"
            )

    async def _catch_up(self) -> None:
        """Write the newest head unless it stands there. Many commits at once cost one write."""
        if self._file is None or self._unwritten() is None:
            return
        async with self._writing:
            newest = self._unwritten()  # another task may have written it while we waited
            if newest is None:
                return
            try:
                await _WRITERS.submit(partial(write_head, self._file, self.chain, newest)).future
            except OSError as cause:
                raise HeadNotKept(f"{self._file}: {cause.strerror}") from cause
            self._written = newest

    def _unwritten(self) -> Head | None:
        return self._newest if self._newest != self._written else None
