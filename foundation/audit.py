"""The audit: one append-only chain of lines per writer, which nobody can shorten or rewrite unnoticed.

Two rules for whoever edits this file:

1. A line says *which* and *when*, never *who* in the sense of a person: ids and digests only. ``_check_field`` refuses
   what looks like a CPF, a telephone number, an e-mail or prose, because a line can never be removed afterwards.
2. The head goes to its file only after COMMIT. A head on disk that the database never had would stop the process.

How it works. A line's body is RFC 8785 JSON {v, chain, seq, at, event, …fields, prev}; its hash is
SHA-256(previous hash || body). The database checks the link (``audit.check_line``) and lets each role write only
its own chains. Appending takes the chain's head row until the transaction ends, so all writers of a chain queue there:
``note`` collects lines and appends them as the very last thing before COMMIT, which keeps that queue short; ``append``
takes the lock now and is for whoever needs the line itself. After COMMIT {seq, hash} is written to ``head_file``,
outside PostgreSQL, and synced: when the database is restored from a backup, or rewritten from some line on,
``check_not_behind`` (at the start) and every append (later) see it, and the process must refuse to work until an
operator calls ``accept_restore``.

What we dislike: the file is written after COMMIT, so a crash between the two leaves the file one transaction
behind, and a restore to exactly that point is not noticed. Writing it before would need a two-phase commit.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import canonical_json, strict_json
from foundation.errors import Internal, LinkIdError, Unavailable
from foundation.queries import Queries

queries = Queries.load("foundation")

Field: TypeAlias = str | int | bool | None

GENESIS: Final = bytes(32)
"""The hash before the first line."""
_VERSION: Final = 1
_MAX_BODY: Final = 8192
_RESERVED: Final = frozenset({"v", "chain", "seq", "at", "event", "prev"})
_CHAIN = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
_EVENT = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_VALUE = re.compile(r"[A-Za-z0-9_.:-]{1,128}\Z")
_SEPARATORS = re.compile(r"[_.:-]")
_DIGEST = re.compile(r"(?:[A-Za-z0-9_-]{43}|[0-9a-f]{64})\Z")
"""SHA-256 in b64u or hex: whatever digits chance puts there, it is no person's."""
_PERSONAL: Final = range(10, 16)
"""Digits of a telephone number (10 to 15), CPF (11), IPv4 address (up to 12), CNPJ (14)."""
_MAX_INTEGER: Final = 10**9
"""Counts and sizes fit below; a CPF or a telephone number written as an integer does not. Instants are text."""


class DatabaseRolledBack(Unavailable):
    """The database lacks a line that this process knows to be committed. No work until an operator acts."""

    code = "database_rolled_back"
    summary = "The service is stopped until an operator has looked at the database."


class HeadNotKept(Unavailable):
    """The chain's head could not be written to its file; nothing more is appended until it can."""

    code = "audit_head_not_kept"


@dataclass(frozen=True)
class Head:
    """Where a chain ends."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class AuditLine:
    """A line as stored."""

    chain: str
    seq: int
    at: datetime
    body: bytes
    hash: bytes


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


def next_line(chain: str, head: Head, at: datetime, event: str, fields: Mapping[str, Field]) -> AuditLine:
    """The line that follows ``head``. Pure. Raises Internal for fields that an audit must not hold."""
    _check_event(event, fields)
    instant = at.astimezone(UTC)
    body = canonical_json(
        {
            **{name: value for name, value in fields.items() if value is not None},
            "v": _VERSION,
            "chain": chain,
            "seq": head.seq + 1,
            "at": instant.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "event": event,
            "prev": head.hash.hex(),
        }
    )
    if len(body) > _MAX_BODY:
        raise Internal(f"audit line of {len(body)} bytes")
    return AuditLine(chain, head.seq + 1, instant, body, hashlib.sha256(head.hash + body).digest())


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
        """Append a batch: one lock, one statement. The head is kept in the file once the transaction committed.

        Raises DatabaseRolledBack when the chain ends before the last line that we know, HeadNotKept when the file
        could not be written last time and cannot be now.
        """
        await self._catch_up()
        row = await connection.fetchrow(queries.lock_head, self.chain)
        assert row is not None
        head = Head(row["seq"], row["hash"])
        self._refuse_older(head)
        now = self._clock.now()
        lines: list[AuditLine] = []
        for event, fields in events:
            line = next_line(self.chain, head, now, event, fields)
            head = Head(line.seq, line.hash)
            lines.append(line)
        await connection.execute(
            queries.append_lines,
            self.chain,
            [line.seq for line in lines],
            [line.at for line in lines],
            [line.body for line in lines],
            [line.hash for line in lines],
        )
        if lines:
            last = lines[-1]
            connection.after_commit(lambda: self.committed(last))
        return lines

    def note(self, connection: Connection, event: str, **fields: Field) -> None:
        """Append as the last thing before COMMIT, together with whatever else this transaction notes.

        The fields are checked now, so that a wrong one fails where it was written. A note belongs to the transaction:
        one made inside a savepoint stays when that is undone, and all are gone when the transaction is. So a refusal
        that raises is noted in a transaction of its own.
        """
        _check_event(event, fields)
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
        """Raise DatabaseRolledBack unless the database still holds the head in the file, at its place in the chain."""
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
        return await asyncio.to_thread(_read_head, self._file, self.chain)

    def _noted(self, connection: Connection) -> list[tuple[str, Mapping[str, Field]]]:
        collected: dict[str, list[tuple[str, Mapping[str, Field]]]] = connection.scratch.setdefault("audit", {})
        return collected.setdefault(self.chain, [])

    async def _append_noted(self, connection: Connection, noted: list[tuple[str, Mapping[str, Field]]]) -> None:
        batch = noted.copy()
        noted.clear()
        await self.append_many(connection, batch)

    def _refuse_older(self, head: Head) -> None:
        """A database restored under a running process is seen at the next line, not at the next start."""
        known = self._newest
        if known is not None and (head.seq < known.seq or (head.seq == known.seq and head.hash != known.hash)):
            raise DatabaseRolledBack(
                f"audit chain {self.chain}: it ends at line {head.seq}, line {known.seq} was committed"
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
                await asyncio.to_thread(_write_head, self._file, self.chain, newest)
            except OSError as cause:
                raise HeadNotKept(f"{self._file}: {cause.strerror}") from cause
            self._written = newest

    def _unwritten(self) -> Head | None:
        return self._newest if self._newest != self._written else None


async def verify(database: Database, chain: str, *, kept: Head | None = None) -> AuditReport:
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
    return checker.finish(end)


async def heads(database: Database) -> dict[str, Head]:
    """Where every chain ends, by name: what is merged and signed, and what ``verify`` is asked about one by one."""
    return {row["chain"]: Head(row["seq"], row["hash"]) for row in await database.fetch(queries.heads)}


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
            said = strict_json(line.body, max_bytes=_MAX_BODY)
            canonical = canonical_json(said)
        except LinkIdError as error:
            return f"the body is not strict JSON: {error.detail}"
        if not isinstance(said, dict) or canonical != line.body:
            return "the body is not canonical"
        if (said.get("chain"), said.get("seq"), said.get("prev")) != (self.chain, line.seq, self._head.hash.hex()):
            return "the body names another place in the chain"
        if said.get("at") != line.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"):
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


def _check_event(event: str, fields: Mapping[str, Field]) -> None:
    if not _EVENT.match(event):
        raise Internal(f"not an audit event name: {event!r}")
    for name, value in fields.items():
        if name in _RESERVED or not _NAME.match(name):
            raise Internal(f"not an audit field name: {name!r}")
        _check_field(event, name, value)


def _check_field(event: str, name: str, value: object) -> None:
    """Ids, digests, small numbers, flags. The refused value is not repeated in the error."""
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) >= _MAX_INTEGER:
            raise Internal(f"audit field {event} {name}: number too large to be a count")
        return
    if not isinstance(value, str) or not _VALUE.match(value):
        raise Internal(f"audit field {event} {name}: not an id, a digest, a number or a flag")
    if not _DIGEST.match(value) and any(len(run) in _PERSONAL for run in _digit_runs(value)):
        raise Internal(f"audit field {event} {name}: looks like a personal number")


def _digit_runs(value: str) -> Iterator[str]:
    """Digits that only separators part, joined: ``a.123-456.x`` gives ``123456``."""
    run = ""
    for part in _SEPARATORS.split(value):
        if part.isdigit():
            run += part
            continue
        yield run
        run = ""
    yield run


def _read_head(file: Path, chain: str) -> Head | None:
    try:
        text = file.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    try:
        said = json.loads(text)
        if said["chain"] != chain:
            raise ValueError("another chain")
        return Head(int(said["seq"]), bytes.fromhex(said["hash"]))
    except (ValueError, KeyError, TypeError) as cause:
        raise DatabaseRolledBack(f"{file}: not the head of the audit chain {chain}") from cause


def _write_head(file: Path, chain: str, head: Head) -> None:
    """Atomic and durable: a new file, synced, renamed over the old one, the folder synced."""
    temporary = file.with_name(f".{file.name}.new")
    content = json.dumps({"chain": chain, "seq": head.seq, "hash": head.hash.hex()})
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
