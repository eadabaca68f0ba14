"""`linkid serve`: everything on one machine."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from foundation.clock import SystemClock
from linkid.lan import NoNetwork, lan_environment, own_address, qr_lines
from linkid.ports import PortsTaken, demand_free
from linkid.serve import children
from linkid.settings import Settings, load_settings
from linkid.supervisor import AlreadyRunning, GaveUp, Patience, Supervisor


def arguments(parser: argparse.ArgumentParser) -> None:
    """`--lan`."""
    parser.add_argument("--lan", action="store_true", help="serve HTTPS to phones on the same network")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 after Ctrl-C or SIGTERM; 1 when something could not be brought up, or another one runs already."""
    settings.places.make_folders()
    if given.lan:
        try:
            os.environ.update(lan_environment(settings, own_address(), SystemClock().now()))
        except NoNetwork as reason:
            print(f"linkid: {reason}", file=sys.stderr)
            return 1
        settings = load_settings(given.settings, os.environ)
    words = ("--settings", str(given.settings)) if given.settings else ()
    table = children(settings, words, os.environ)
    supervisor = Supervisor(table, settings.places.run, Patience.up_to(settings.longest_pause))
    try:
        asyncio.run(supervisor.run(lambda: _welcome(settings, given.lan), first=lambda: demand_free(settings)))
    except AlreadyRunning as other:
        print(
            f"linkid: Link ID already runs from this folder, as process {other.pid}: {settings.url('app')}/\n"
            f"        Stop it with Ctrl-C where it was started, or: kill {other.pid}",
            file=sys.stderr,
        )
        return 1
    except PortsTaken as taken:
        for problem in taken.problems:
            print(f"linkid: {problem}", file=sys.stderr)
        return 1
    except GaveUp as reason:
        print(f"linkid: {reason}", file=sys.stderr)
        return 1
    print("linkid: everything is stopped; your data stays in " + str(settings.var))
    return 0


def _welcome(settings: Settings, lan: bool) -> None:
    lines = [
        "",
        "  Link ID is ready.",
        "",
        f"    phone app              {settings.url('app')}/",
        f"    certificate emission   {settings.url('app')}/emissao/",
        f"    signing API            {settings.url('gateway')}/csc/v2   (CSC 2.0)",
    ]
    if settings.environment == "development":
        lines.append(f"    development inbox      {_here(settings)}/dev/inbox   (SMS and e-mail land here)")
    lines.append(f"    health and metrics     http://127.0.0.1:{settings.health.port}/health/ready  /metrics")
    if lan:
        known_by = f"--server {settings.url('app')} --ca {settings.places.tls / 'ca.crt'}"
        lines += [
            "",
            f"  On the phone, once: install {settings.places.tls / 'ca.crt'} as a certificate authority you trust",
            "  (send the file to it). Then scan this with its camera, or open the address of the phone app.",
            "",
            *(f"    {line}" for line in qr_lines(f"{settings.url('app')}/")),
            "",
            "  Associate this computer with:",
            f"    .venv/bin/linkid-desktop associate {known_by}",
        ]
    first = 'first steps: README.md, "Sign a first document"; Ctrl-C stops it'
    print("\n".join([*lines, "", f"  {first}.", ""]), flush=True)


def _here(settings: Settings) -> str:
    """The gateway as this machine's own browser reaches it: the inbox answers nobody else."""
    return f"{'https' if settings.tls else 'http'}://localhost:{settings.gateway.port}"
