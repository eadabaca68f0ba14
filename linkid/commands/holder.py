"""`linkid holder`: what an operator tells somebody who calls, and sees of what leaves."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from linkid.operator_view import Deliveries, HolderLine, HolderPage, OperatorView
from linkid.operators import context
from linkid.settings import Settings
from protocol.keys import P256Key

_CHAIN: Final = "gateway-operator"
_MOST_HOURS: Final = 48
_EXAMPLE: Final = """\
examples:
  linkid holder find "(31) 99999-8888"       or an e-mail address, a part of a name, cred_…, hld_…
  linkid holder show hld_…                   certificates, phones, computers, how they were rung, locks, codes tried
  linkid holder deliveries --hours 6         what left, what waits, which blocks of numbers never type their codes

Every look is written into the audit with the operator's key, before anything is shown; what was searched for is not.
Numbers and addresses are masked: whoever calls says theirs, and you compare. Nothing shown opens anything.
To shut a certificate, or open it again: `linkid block`, `linkid unblock`. The same in a browser: `linkid desk`.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked."""
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    find = actions.add_parser("find", help="holders, by one thing that somebody says")
    find.add_argument("text", metavar="NUMBER|E-MAIL|NAME|ID")
    show = actions.add_parser("show", help="everything about one")
    show.add_argument("holder", metavar="hld_…")
    deliveries = actions.add_parser("deliveries", help="what left, what waits, how SMS codes convert")
    deliveries.add_argument("--hours", type=_hours, default=24, metavar="N", help="1 to 48 (default: %(default)s)")
    for action in (find, show, deliveries):
        action.add_argument("--json", action="store_true", help="for programs")
        action.add_argument("--key", dest="key_file", type=Path, metavar="FILE", help="the operator's key file")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when there was something to show, 1 when not."""
    try:
        return asyncio.run(_run(settings, given))
    except LinkIdError as error:
        print(f"linkid holder: {error.detail or error.summary}", file=sys.stderr)
        return 1


async def _run(settings: Settings, given: argparse.Namespace) -> int:
    clock = SystemClock()
    operator = P256Key.from_public(context(settings, given.key_file).key().public_key()).jkt
    database = Database(await open_pool(settings.dsn("gateway"), application_name="linkid-holder"))
    try:
        view = OperatorView(database, clock, AuditChain(database, _CHAIN, clock), operator, settings.pairing.countries)
        return await perform(view, given)
    finally:
        await database.close()


async def perform(view: OperatorView, given: argparse.Namespace) -> int:
    """Ask, and print."""
    if given.action == "find":
        lines = await view.find(given.text)
        _print(given, [asdict(line) for line in lines], "\n".join(map(_line, lines)) or "nobody")
        return 0 if lines else 1
    if given.action == "show":
        page = await view.show(given.holder)
        _print(given, asdict(page), _page(page))
        return 0
    told = await view.deliveries(timedelta(hours=given.hours))
    _print(given, asdict(told), _deliveries(told))
    return 0


def _hours(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= _MOST_HOURS:
        raise argparse.ArgumentTypeError(f"1 to {_MOST_HOURS}")
    return int(text)


def _print(given: argparse.Namespace, value: object, text: str) -> None:
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=1) if given.json else text)


def _plain(value: object) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)


def _line(line: HolderLine) -> str:
    return f"{line.holder}  {line.name}  {line.number}  {line.email}  {len(line.credentials)} certificate(s)"


def _page(page: HolderPage) -> str:
    parts = [_line(page.line)]
    for title, facts in (
        ("certificates", page.credentials),
        ("phones", page.phones),
        ("computers", page.computers),
        ("locks and blocks", page.locks),
        ("codes tried at this number", page.proofs),
    ):
        parts.append(f"\n{title}:")
        parts += [_fact(fact) for fact in facts] or ["  none"]
    return "\n".join(parts)


def _fact(fact: Mapping[str, Any]) -> str:
    lines = ["  " + "  ".join(f"{name}={_word(value)}" for name, value in fact.items() if name != "bells")]
    lines += ["      bell " + "  ".join(f"{k}={_word(v)}" for k, v in bell.items()) for bell in fact.get("bells", ())]
    return "\n".join(lines)


def _word(value: object) -> str:
    return "-" if value is None else _plain(value)


def _deliveries(told: Deliveries) -> str:
    parts = ["left:"]
    parts += _lines(told.sent)
    parts += ["", "waiting:", *_lines(told.waiting)]
    parts += ["", "codes by SMS, by block of numbers:", *_lines(told.conversions)]
    return "\n".join(parts)


def _lines(facts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [_fact(fact) for fact in facts] or ["  none"]
