"""`linkid desk`: the operator's page, in a browser on this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import SystemClock
from foundation.database import Database, open_pool
from foundation.errors import LinkIdError
from linkid.desk.pages import Pages
from linkid.desk.server import IDLE_SECONDS, Desk
from linkid.operator_view import OperatorView
from linkid.operators import context, pinned_operator
from linkid.settings import Settings
from pairing.service.pauses import PauseService

_CHAIN: Final = "gateway-operator"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose."""
    parser.description = (
        "Find a holder; see phones, computers, locks and what left; block, unblock, admit a phone, let messages go on. "
        "The page answers this machine only, opens once by the address that is printed, and ends with this command. "
        "Each look is an audit line and each act an order signed with the operator's key."
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="a free one when left out")
    parser.add_argument("--key", dest="key_file", type=Path, metavar="FILE", help="this operator's key file")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when it was ended in order."""
    try:
        return asyncio.run(_run(settings, given))
    except (LinkIdError, OSError) as error:
        print(f"linkid desk: {getattr(error, 'detail', None) or error}", file=sys.stderr)
        return 1


async def _run(settings: Settings, given: argparse.Namespace) -> int:
    clock, found = SystemClock(), context(settings, given.key_file)
    operator = pinned_operator(found)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(await open_pool(settings.dsn("gateway"), max_size=4, application_name="linkid-desk"))
    try:
        audit = AuditChain(database, _CHAIN, clock)
        view = OperatorView(database, clock, audit, operator, settings.pairing.countries)
        pages = Pages(view, PauseService(database, audit), found, operator)
        async with Desk(pages, clock, given.port) as desk:
            print(f"open once, in a browser on this machine: {desk.url}", flush=True)
            print(f"it ends after {IDLE_SECONDS / 60:g} minutes of silence, or with Ctrl-C", flush=True)
            await stop.wait()
    finally:
        await database.close()
    return 0
