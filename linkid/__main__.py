"""`linkid`: the one command of the service. `linkid --help` lists what it can do."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from foundation.settings import SettingsError
from linkid.settings import load_settings


class Command(NamedTuple):
    """A command: the module that does it, and one line for the list."""

    module: str
    help: str


COMMANDS: Final = {
    "serve": Command("linkid.commands.serve", "start everything on this machine and keep it up"),
    "sandbox": Command(
        "linkid.commands.sandbox", "start it with test holders in it, for whoever writes an application"
    ),
    "migrate": Command("linkid.commands.migrate", "make the database's roles, and bring its tables up to date"),
    "hsm": Command("linkid.commands.hsm", "make tokens and the keys in them, look after them, check their backup"),
    "gateway": Command("linkid.commands.gateway", "serve everything that the internet reaches, except static files"),
    "sam": Command("linkid.commands.sam", "run a signature activation module"),
    "ac": Command("linkid.commands.ac", "run the certificate authority"),
    "app-host": Command("linkid.commands.app_host", "serve the phone app and the emission page"),
    "status": Command("linkid.commands.status", "whether SAMs and AC work, and why not"),
    "operator": Command("linkid.commands.operator", "make operators' keys; sign orders about the keys in a token"),
    "request": Command("linkid.commands.request", "order a certificate for a person"),
    "certificate": Command("linkid.commands.certificate", "list, show and revoke certificates"),
    "integrator": Command("linkid.commands.integrator", "register applications that use the signing API"),
    "application": Command("linkid.commands.application", "let in applications that registered themselves"),
    "holder": Command("linkid.commands.holder", "find a holder; see phones, computers, locks and what left"),
    "unfreeze": Command("linkid.commands.unfreeze", "let a caller ask again whom a holder had called 'not me'"),
    "block": Command("linkid.commands.block", "shut a certificate, as its holder's 'Bloquear tudo' does"),
    "unblock": Command("linkid.commands.block", "open a certificate again that was shut"),
    "admit": Command("linkid.commands.admit", "let a phone decide that would have to wait"),
    "desk": Command("linkid.commands.desk", "the operator's page, in a browser on this machine"),
    "messages": Command("linkid.commands.messages", "where codes by SMS are paused; let them go on"),
    "audit": Command("linkid.commands.audit", "verify, read and export the audit chains"),
    "accept-restore": Command("linkid.commands.accept_restore", "go on after the database was restored on purpose"),
}
"""Modules are imported only for the command asked for: the app host never loads what the SAM needs."""


def parser(asked: str | None) -> argparse.ArgumentParser:
    """The command line, with the arguments of *asked* spelt out."""
    top = argparse.ArgumentParser(prog="linkid", description="Certificates in the cloud, approved on the phone.")
    top.add_argument("--settings", type=Path, metavar="FILE", help="settings file (else linkid.toml, if there is one)")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.help, description=command.help)
        if name == asked:
            importlib.import_module(command.module).arguments(one)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. Mistakes of the operator are told in lines, without a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    arguments = parser(next((word for word in words if word in COMMANDS), None)).parse_args(words)
    try:
        settings = load_settings(arguments.settings, os.environ)
        settings.demand(arguments.command)
    except SettingsError as mistakes:
        for problem in mistakes.problems:
            print(f"linkid: {problem}", file=sys.stderr)
        return 2
    outcome: int = importlib.import_module(COMMANDS[arguments.command].module).run(settings, arguments)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
