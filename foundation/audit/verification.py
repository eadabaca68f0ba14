"""Walking a chain from its beginning, to name the first line that does not hold."""

import hashlib
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from foundation.audit.lines import GENESIS, MAX_BODY, AuditLine, Head, instant_text
from foundation.database import Connection, Database
from foundation.encoding import canonical_json, strict_json
from foundation.errors import LinkIdError
from foundation.queries import Queries

queries = Queries.load("foundation")


@dataclass(frozen=True)
class BadLine:
    """The first line that does not hold, and why."""

    seq: int
    reason: str


@dataclass(frozen=True)
class AuditReport:
    """What ``verify`` found. ``good`` when every line holds and the head is the last line."""

    chain: str
    lines: int
    head: Head
    bad: BadLine | None

    @property
    def good(self) -> bool:
        """Nothing wrong was found."""
        return self.bad is None


Progress = Callable[[int, int], None]
"""(lines walked, lines there are), now and then."""
_TOLD_EVERY = 10_000


async def verify(
    database: Database, chain: str, *, kept: Head | None = None, progress: Progress | None = None
) -> AuditReport:
    """Walk a chain from its beginning and name the first line that does not hold.

    ``kept``: a head from outside the database that must be part of it.
    """
    checker = _Checker(chain, kept)
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        row = await connection.fetchrow(queries.head, chain)
        end = Head(row["seq"], row["hash"]) if row else Head(0, GENESIS)
        async with aclosing(connection.cursor(queries.lines, chain)) as records:
            async for record in records:
                if not checker.take(AuditLine(chain, record["seq"], record["at"], record["body"], record["hash"])):
                    break
                if progress is not None and record["seq"] % _TOLD_EVERY == 0:
                    progress(record["seq"], end.seq)
    return checker.finish(end)


async def heads(database: Database) -> dict[str, Head]:
    """Where every chain ends, by name: what is merged and signed, and what ``verify`` is asked about one by one."""
    async with database.transaction(readonly=True) as connection:
        return await heads_within(connection)


async def heads_within(connection: Connection) -> dict[str, Head]:
    """The same as this transaction sees it."""
    return {row["chain"]: Head(row["seq"], row["hash"]) for row in await connection.fetch(queries.heads)}


async def line_hash(connection: Connection, chain: str, seq: int) -> bytes | None:
    """The hash of one line; None when there is no such line."""
    found: bytes | None = await connection.fetchval(queries.line_hash, chain, seq)
    return found


async def links_up(connection: Connection, chain: str, after: Head, end: Head) -> bool:
    """Whether ``end`` follows from ``after`` by the lines between them: hashes only, so that it is cheap now and then.

    False as well when ``after`` is not in the chain any more.
    """
    if after.seq:
        if await line_hash(connection, chain, after.seq) != after.hash:
            return False
    elif after.hash != GENESIS:
        return False
    seq, reached = after.seq, after.hash
    async with aclosing(connection.cursor(queries.lines_between, chain, after.seq, end.seq)) as records:
        async for record in records:
            seq, reached = seq + 1, hashlib.sha256(reached + record["body"]).digest()
            if (record["seq"], record["hash"]) != (seq, reached):
                return False
    return Head(seq, reached) == end


class _Checker:
    """The walk without the database: lines in, the first fault out."""

    def __init__(self, chain: str, kept: Head | None) -> None:
        self.chain = chain
        self.bad: BadLine | None = None
        self._head = Head(0, GENESIS)
        self._kept = kept

    def take(self, line: AuditLine) -> bool:
        """Whether the line holds."""
        reason = self._fault(line)
        if reason:
            self.bad = BadLine(line.seq, reason)
            return False
        self._head = Head(line.seq, line.hash)
        return True

    def _fault(self, line: AuditLine) -> str | None:
        if line.seq != self._head.seq + 1:
            return f"line {self._head.seq + 1} is missing"
        if line.hash != hashlib.sha256(self._head.hash + line.body).digest():
            return "the hash does not hold"
        try:
            said = strict_json(line.body, max_bytes=MAX_BODY)
            canonical = canonical_json(said)
        except LinkIdError as error:
            return f"the body is not strict JSON: {error.detail}"
        if not isinstance(said, dict) or canonical != line.body:
            return "the body is not canonical"
        if (said.get("chain"), said.get("seq"), said.get("prev")) != (self.chain, line.seq, self._head.hash.hex()):
            return "the body names another place in the chain"
        if said.get("at") != instant_text(line.at):
            return "the body names another time"
        if self._kept and self._kept.seq == line.seq and self._kept.hash != line.hash:
            return "the line is another one than the one kept outside the database"
        return None

    def finish(self, end: Head) -> AuditReport:
        if self.bad is None and end != self._head:
            self.bad = BadLine(self._head.seq + 1, "the head is not the last line")
        if self.bad is None and self._kept and self._kept.seq > self._head.seq:
            self.bad = BadLine(self._head.seq + 1, "lines known outside the database are missing")
        return AuditReport(self.chain, self._head.seq, self._head, self.bad)
