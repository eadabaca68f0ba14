"""What an auditor asks of the chains: do they hold, what do they say about a credential, and a copy that proves itself.

Everything here reads, by the role linkid_auditor, which may see nothing but the audit. Lines name ids and digests,
never persons.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Final, TextIO

from foundation.audit import AuditReport, Head, heads, line_hash, verify
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonValue, strict_json
from foundation.queries import Queries
from protocol.errors import SignatureInvalid
from protocol.heads import SignedHeads, digest, open_heads
from protocol.keys import P256Key
from protocol.statements import trusted

queries = Queries.load("linkid")

_MAX_LINE: Final = 8192
_FOLLOWED: Final = ("request", "document", "activation", "binding", "emission")
"""Members whose id belongs to one credential's story alone; a phone or a computer may serve several."""
_SLICES: Final = 50
_FEW: Final = 30
"""Up to so many ids are looked for in the bytes of each line; for more, parsing it once is faster."""
_HOPS: Final = 4
"""A credential's request, its document, its activation, and what was signed under it."""

Tell = Callable[[str, int, int], None]
"""(chain, lines walked, lines there are)."""


@dataclass(frozen=True)
class SignedReport:
    """What became of the signed heads. ``bad``: the first that does not hold, in words."""

    count: int
    newest: int | None
    """Seconds since 1970."""
    bad: str | None


async def check_chains(
    database: Database, kept: Mapping[str, Head], tell: Tell, only: str | None = None
) -> AsyncIterator[AuditReport]:
    """Each chain from its first line. ``kept``: heads from outside the database; its chain must be there."""
    names = [only] if only else sorted({*await heads(database), *kept})
    for name in names:
        yield await verify(database, name, kept=kept.get(name), progress=partial(tell, name))


async def check_signed(database: Database, roots: Sequence[P256Key], clock: Clock) -> SignedReport:
    """The SAMs' signatures over heads: each by a pinned root, numbered without a gap, and true of the lines."""
    count, newest = 0, None
    last: dict[str, tuple[int, str]] = {}
    async with (
        database.transaction(isolation="repeatable_read", readonly=True) as connection,
        aclosing(connection.cursor(queries.signed_heads)) as rows,
    ):
        async for row in rows:
            where = f"signed heads {row['signer']} {row['number']}"
            try:
                opened = open_heads(row["jws"], trusted(roots), now=clock.now())
            except SignatureInvalid as error:
                return SignedReport(count, newest, f"{where}: {error.detail}")
            number, prev = last.get(row["signer"], (0, None))
            if (opened.signer, opened.number, opened.prev) != (row["signer"], number + 1, prev):
                return SignedReport(count, newest, f"{where}: not the one that follows number {number}")
            wrong = await _untrue(connection, opened)
            if wrong is not None:
                return SignedReport(count, newest, f"{where}: line {wrong} is not the one that was signed")
            last[row["signer"]] = (opened.number, digest(row["jws"]))
            count, newest = count + 1, max(newest or 0, opened.created)
    return SignedReport(count, newest, None)


async def _untrue(connection: Connection, signed: SignedHeads) -> str | None:
    for chain, (seq, hash_) in signed.heads.items():
        if await line_hash(connection, chain, seq) != hash_:
            return f"{chain} {seq}"
    return None


@dataclass(frozen=True)
class Told:
    """One line, as people read it."""

    at: datetime
    chain: str
    seq: int
    event: str
    members: Mapping[str, JsonValue]


async def about(database: Database, id_: str, since: datetime | None = None, tell: Tell | None = None) -> list[Told]:
    """Everything that names an id, and what follows from it: a credential's requests, decisions and signatures.

    Reads every line since then, a few times: there is no index, which each append would pay for.
    """
    wanted, found = {id_}, dict[tuple[str, int], Told]()
    fresh = wanted
    slices = await _slices(database, since)
    for hop in range(_HOPS):
        lines: list[Told] = []
        for number, (start, end) in enumerate(slices):
            if tell is not None:
                tell(f"reading, round {hop + 1}", number + 1, len(slices))
            lines += await _naming(database, fresh, start, end)
        found |= {(line.chain, line.seq): line for line in lines}
        named = {str(line.members[name]) for line in lines for name in _FOLLOWED if name in line.members}
        fresh = named - wanted
        if not fresh:
            break
        wanted |= fresh
    return sorted(found.values(), key=lambda line: (line.at, line.chain, line.seq))


async def _slices(database: Database, since: datetime | None) -> list[tuple[datetime, datetime]]:
    """The time of all lines in equal parts, so that one can say how far one is. They touch: a line may be in two."""
    row = await database.fetchrow(queries.span, since or datetime.min.replace(tzinfo=UTC))
    if row is None or row["first"] is None:
        return []
    first, step = row["first"], (row["last"] - row["first"]) / _SLICES
    bounds = [*(first + step * number for number in range(_SLICES)), row["last"]]
    return list(pairwise(bounds))


async def _naming(database: Database, ids: set[str], start: datetime, end: datetime) -> list[Told]:
    """The lines of a span that have one of these ids as a member."""
    if len(ids) <= _FEW:
        rows = await database.fetch(queries.lines_with, [one.encode() for one in sorted(ids)], start, end)
    else:
        rows = await database.fetch(queries.lines_about, sorted(ids), start, end)
    lines = [_told(row["chain"], row["seq"], row["at"], row["body"]) for row in rows]
    return [line for line in lines if not ids.isdisjoint(str(value) for value in line.members.values())]


def _told(chain: str, seq: int, at: datetime, body: bytes) -> Told:
    said = strict_json(body, max_bytes=_MAX_LINE)
    members = dict(said) if isinstance(said, Mapping) else {}
    event = str(members.get("event", "?"))
    for name in ("v", "chain", "seq", "at", "event", "prev"):
        members.pop(name, None)
    return Told(at, chain, seq, event, members)


async def export(database: Database, out: TextIO, roots: Sequence[P256Key], clock: Clock) -> dict[str, int]:
    """Write everything that a verifier needs but the roots it should trust, one JSON object a line.

    ``{"type":"export", …}``, then every ``line`` {chain, seq, hash, body: the hashed text}, then every ``heads`` {jws}.
    Answers how many of each. One snapshot: what is appended meanwhile is not in it.
    """
    counts = {"line": 0, "heads": 0}
    _write(out, {"type": "export", "v": 1, "created": int(clock.now().timestamp()), "sam": [key.jwk for key in roots]})
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        async with aclosing(connection.cursor(queries.every_line)) as rows:
            async for row in rows:
                counts["line"] += 1
                place = {"chain": row["chain"], "seq": row["seq"], "hash": row["hash"].hex()}
                _write(out, {"type": "line", **place, "body": bytes(row["body"]).decode("utf-8")})
        async with aclosing(connection.cursor(queries.signed_heads)) as rows:
            async for row in rows:
                counts["heads"] += 1
                _write(out, {"type": "heads", "jws": row["jws"]})
    return counts


def _write(out: TextIO, value: Mapping[str, object]) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def table(reports: Sequence[AuditReport]) -> Iterator[str]:
    """A line for each chain."""
    width = max((len(report.chain) for report in reports), default=0)
    for report in reports:
        word = "holds" if report.bad is None else f"BROKEN at line {report.bad.seq}: {report.bad.reason}"
        yield f"{report.chain:{width}}  {report.lines:>10,} lines  {word}"
