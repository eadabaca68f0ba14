"""`linkid serve`: everything on one machine."""

from __future__ import annotations

import argparse
import asyncio
import sys

from linkid.serve import children
from linkid.settings import Settings
from linkid.supervisor import AlreadyRunning, GaveUp, Supervisor


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--lan`."""
    parser.add_argument("--lan", action="store_true", help="serve HTTPS to phones on the same network")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 after Ctrl-C or SIGTERM; 1 when something could not be brought up, or another one runs already."""
    settings.places.make_folders()
    words = ("--settings", str(given.settings)) if given.settings else ()
    supervisor = Supervisor(children(settings, words), settings.places.run)
    try:
        asyncio.run(supervisor.run(lambda: _welcome(settings)))
    except AlreadyRunning as other:
        print(
            f"linkid: Link ID already runs from this folder, as process {other.pid}: {settings.url('app')}/\n"
            f"        Stop it with Ctrl-C where it was started, or: kill {other.pid}",
            file=sys.stderr,
        )
        return 1
    except GaveUp as reason:
        print(f"linkid: {reason}", file=sys.stderr)
        return 1
    print("linkid: everything is stopped; your data stays in " + str(settings.var))
    return 0


def _welcome(settings: Settings) -> None:
    lines = [
        "",
        "  Link ID is ready.",
        "",
        f"    phone app              {settings.url('app')}/",
        f"    certificate emission   {settings.url('app')}/emissao/",
        f"    signing API            {settings.url('gateway')}/csc/v2/info",
    ]
    if settings.environment == "development":
        lines.append(f"    development inbox      {settings.url('gateway')}/dev/inbox   (SMS and e-mail land here)")
    print("\n".join([*lines, "", "  Ctrl-C stops it.", ""]), flush=True)
