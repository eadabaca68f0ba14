"""`linkid messages`: where codes by SMS are paused, and letting them go on."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from linkid.operators import context, demand_case, pinned_operator
from linkid.settings import Settings
from pairing.service.pauses import PauseService

_CHAIN: Final = "gateway-operator"
_EXAMPLE: Final = """\
examples:
  linkid messages paused
  linkid messages resume +553198765 --case 2026-0117

Where messages are sent and hardly any code is typed, somebody pumps, or a carrier is down. Look at both before you let
it go on (`linkid holder deliveries` counts): what was sent before is not counted against it again.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What may be asked."""
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("paused", help="the blocks of numbers and countries to which nothing is sent")
    resume = actions.add_parser("resume", help="let messages go on")
    resume.add_argument("prefix", metavar="+55…", help="as `paused` shows it")
    resume.add_argument("--case", required=True, metavar="NUMBER", help="of your own records about it")
    resume.add_argument("--key", dest="key_file", type=Path, metavar="FILE", help="this operator's key file")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when there is nothing paused, or something goes on; 1 otherwise."""
    try:
        return asyncio.run(_run(settings, given))
    except LinkIdError as error:
        print(f"linkid messages: {error.detail or error.summary}", file=sys.stderr)
        return 1


async def _run(settings: Settings, given: argparse.Namespace) -> int:
    clock = SystemClock()
    operator = pinned_operator(context(settings, given.key_file)) if given.action == "resume" else ""
    database = Database(await open_pool(settings.dsn("gateway"), application_name="linkid-messages"))
    try:
        pauses = PauseService(database, AuditChain(database, _CHAIN, clock))
        if given.action == "resume":
            demand_case(given.case)
            ended = await pauses.resume(given.prefix, clock.now(), operator=operator, case=given.case)
            print("goes on" if ended else "it is not paused")
            return 0 if ended else 1
        standing = await pauses.standing()
        for one in standing:
            print(f"{one.subject.name}  {one.subject.scope}  since {one.since:%Y-%m-%d %H:%M}Z  "
                  f"{one.entered} of {one.messages} codes typed")  # fmt: skip
        if not standing:
            print("nothing is paused")
        return 1 if standing else 0
    finally:
        await database.close()
