"""`linkid audit`: whether the chains hold, what they say, and a copy for somebody outside."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg

from foundation.audit import AuditReport, Head
from foundation.audit.head_file import read_head
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from linkid.auditing import Told, about, check_chains, check_signed, export, table
from linkid.postgres import PostgresFailed
from linkid.processes import NoWayIn
from linkid.settings import Settings
from linkid.trust import roots

_ABOUT = """\
Every intention and every outcome is a line in a chain of the process that acted; each line holds the hash of the one
before. SAMs sign where all chains end, once a minute, by their root key. These commands read, and change nothing.
"""
_EXAMPLES = """\
examples:
  linkid audit verify                       walk every chain; the first bad line is named; exit code 1 if there is one
  linkid audit show --credential cred_…     the story of a credential: requests, decisions, signatures
  linkid audit show req_… --json            of one request, for programs
  linkid audit export audit.jsonl           a copy; examples/verify_audit.py checks it with nothing but Python
"""
_TTY_WIDTH: Final = 60


def arguments(parser: argparse.ArgumentParser) -> None:
    """verify, show, export."""
    parser.description, parser.epilog = _ABOUT, _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("verify", help="walk every chain from its first line")
    check.add_argument("--chain", metavar="NAME", help="only this one, such as sam-0")
    show = actions.add_parser("show", help="what the chains say about an id")
    whom = show.add_mutually_exclusive_group(required=True)
    whom.add_argument("id", metavar="ID", nargs="?", help="cred_…, req_…, doc_…, dev_…, cmp_…, cli_…, act_…")
    whom.add_argument("--credential", metavar="ID", help="the same, of a credential")
    show.add_argument("--since", metavar="DATE", type=_date, help="as 2026-11-23: only lines from that day on (UTC)")
    show.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    copy = actions.add_parser("export", help="a copy that an outsider can verify")
    copy.add_argument("file", type=Path, metavar="FILE", help="is made; refused when it is there")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when everything holds; 1 when a chain does not, or the question could not be answered."""
    try:
        with settings.places.postgres().available() if settings.database.embedded else nullcontext():
            return asyncio.run(_run(settings, given))
    except (LinkIdError, PostgresFailed, NoWayIn, OSError, ValueError, asyncpg.PostgresError) as error:
        print(f"linkid audit: {error}", file=sys.stderr)
        return 1


async def _run(settings: Settings, given: argparse.Namespace) -> int:
    database = Database(await open_pool(settings.dsn("auditor"), max_size=2, application_name="linkid-audit"))
    try:
        match given.action:
            case "verify":
                return await _verify(settings, database, given.chain)
            case "show":
                return await _show(database, given)
            case _:
                return await _export(settings, database, given.file)
    finally:
        await database.close()


async def _verify(settings: Settings, database: Database, chain: str | None) -> int:
    kept = _kept_heads(settings)
    reports: list[AuditReport] = []
    async for report in check_chains(database, kept if chain is None else _only(kept, chain), _tell, chain):
        reports.append(report)
        _wipe()
        print(*table([report]))
    if not reports or (chain is not None and not reports[0].lines):
        why = "there is no such chain" if chain else "nothing was written yet"
        print(f"linkid audit: {why}", file=sys.stderr)
        return 1
    good = all(report.good for report in reports)
    if chain is None:
        signed = await check_signed(database, roots(settings, "sam"), SystemClock())
        print(_signed_words(signed.count, signed.newest, signed.bad))
        good = good and signed.bad is None
    if kept:
        print(f"compared with the heads kept outside the database: {', '.join(sorted(kept))}")
    return 0 if good else 1


async def _show(database: Database, given: argparse.Namespace) -> int:
    id_ = given.id or given.credential
    lines = await about(database, id_, given.since, _tell_part)
    _wipe()
    for line in lines:
        print(_json(line) if given.json else _words(line))
    if not lines:
        print(f"linkid audit: no line names {id_}", file=sys.stderr)
    return 0 if lines else 1


async def _export(settings: Settings, database: Database, file: Path) -> int:
    with file.open("x", encoding="utf-8", newline="\n") as out:
        counts = await export(database, out, roots(settings, "sam"), SystemClock())
    print(f"{file}: {counts['line']:,} lines, {counts['heads']:,} signed heads")
    print("an outsider checks it with: python3 examples/verify_audit.py FILE --trust trust.json")
    return 0


def _kept_heads(settings: Settings) -> dict[str, Head]:
    """The heads that lie on this machine; on another there are none, and the signed ones must do."""
    found: dict[str, Head] = {}
    for file in sorted(settings.places.heads.glob("*.json")):
        head = read_head(file, file.stem)
        if head is not None:
            found[file.stem] = head
    return found


def _only(kept: dict[str, Head], chain: str) -> dict[str, Head]:
    return {name: head for name, head in kept.items() if name == chain}


def _tell(chain: str, seq: int, end: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{chain}: line {seq:,} of {end:,}".ljust(_TTY_WIDTH), end="", file=sys.stderr, flush=True)


def _tell_part(what: str, part: int, parts: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what}: part {part} of {parts}".ljust(_TTY_WIDTH), end="", file=sys.stderr, flush=True)


def _wipe() -> None:
    if sys.stderr.isatty():
        print("\r" + " " * _TTY_WIDTH + "\r", end="", file=sys.stderr, flush=True)


def _signed_words(count: int, newest: int | None, bad: str | None) -> str:
    if bad is not None:
        return f"signed heads: BROKEN: {bad}"
    if newest is None:
        return "signed heads: none yet (a SAM signs within a minute)"
    return f"signed heads: {count:,}, all hold; the newest of {datetime.fromtimestamp(newest, UTC):%Y-%m-%d %H:%M:%SZ}"


def _words(line: Told) -> str:
    members = "  ".join(f"{name}={value}" for name, value in line.members.items())
    return f"{line.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}  {line.chain} {line.seq}  {line.event}  {members}"


def _json(line: Told) -> str:
    said = {"at": line.at.isoformat(), "chain": line.chain, "seq": line.seq, "event": line.event, **line.members}
    return json.dumps(said, ensure_ascii=False)


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
