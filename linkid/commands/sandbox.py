"""`linkid sandbox`: a development server with test holders in it, and all that a newcomer needs, printed."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from contextlib import suppress

import aiohttp

from foundation.errors import LinkIdError
from linkid.sandbox.children import PATIENCE, children, identify, type_number
from linkid.sandbox.kit import Kit, card
from linkid.sandbox.making import make
from linkid.sandbox.operator import run_operator
from linkid.sandbox.people import NoSms
from linkid.settings import Settings
from linkid.supervisor import AlreadyRunning, GaveUp, Supervisor, runs_in
from sandbox_phone.errors import PhoneError


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--make`, `--operator`, `--identify`, `--number`."""
    parser.add_argument("--make", action="store_true", help="only make test holders and application; a server must run")
    parser.add_argument("--operator", action="store_true", help="only let in whatever is registered, until Ctrl-C")
    parser.add_argument("--identify", metavar="CODE", help="be Ana for an authorize page: the code below its QR code")
    parser.add_argument("--number", metavar="NUMBER", help="be Ana for an application that shows a number and rings")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 after Ctrl-C, or when a sandbox runs here already; 1 when it could not be brought up; 2 in production."""
    if settings.environment != "development":
        print("linkid sandbox: for development only: its people approve what nobody read", file=sys.stderr)
        return 2
    settings.places.make_folders()
    if given.make:
        return _make(settings)
    if given.operator:
        with suppress(KeyboardInterrupt):
            asyncio.run(run_operator(settings))
        return 0
    kit = Kit.load(settings)
    for said, act in ((given.identify, identify), (given.number, type_number)):
        if said is not None:
            command, environment = act(settings, kit, said)
            return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
    words = ("--settings", str(given.settings)) if given.settings else ()
    table = children(settings, words, kit, attached=runs_in(settings.places.run))
    supervisor = Supervisor(table, kit.folder / "run", PATIENCE)
    try:
        asyncio.run(supervisor.run(lambda: print(card(Kit.load(settings), settings), flush=True)))
    except AlreadyRunning as other:
        print(card(Kit.load(settings), settings))
        print(f"  (this sandbox runs already, as process {other.pid})\n")
    except GaveUp as reason:
        print(f"linkid sandbox: {reason}", file=sys.stderr)
        return 1
    return 0


def _make(settings: Settings) -> int:
    try:
        asyncio.run(make(settings))
    except (LinkIdError, PhoneError, NoSms, TimeoutError, aiohttp.ClientError) as error:
        print(f"linkid sandbox: {error}; is the server running (linkid serve)?", file=sys.stderr)
        return 1
    return 0
