"""``linkid application``: those that registered themselves in the Brazilian API, and an operator's yes. What owners
registered on the page stands beside them (``hsm_service.registration.commands``).
"""

import argparse
import sys
from dataclasses import dataclass
from typing import TextIO

from hsm_service.oauth.service.clients import ClientService
from hsm_service.psc.service.applications import ApplicationService

_ADMIT = """\
example:
  linkid application admit cli_… --name "Contratos SA" --seen 1f3ab-07c55-9d2e1-40b6a

The name is what phones show, `--seen` the code under what you read in the list: what is let in is exactly that. The
name is signed with the key of `linkid operator init` and handed to the SAM, which must be
running; only then may the application ask anybody. Look first at who is behind it: `linkid application list`.
"""


@dataclass(frozen=True)
class Operator:
    """Where an operator's words go."""

    applications: ApplicationService
    clients: ClientService
    out: TextIO = sys.stdout


def arguments(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """What may be written after ``linkid application``; where others add to it."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="applications that wait to be let in")
    admit = actions.add_parser(
        "admit",
        help="let one in",
        description="Let an application in that registered itself.",
        epilog=_ADMIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    admit.add_argument("client", metavar="ID", help="cli_…, or chg_… for return addresses, as `list` shows it")
    admit.add_argument("--name", required=True, help="its name, as phones shall show it")
    admit.add_argument("--seen", required=True, metavar="CODE", help="the code under what you read in `list`")
    return actions


async def perform(given: argparse.Namespace, operator: Operator) -> int:
    """Do what was asked; the exit code. Raises LinkIdError saying why not."""
    if given.action == "admit":
        admitted = await operator.applications.admit(given.client, given.name, given.seen, operator.clients)
        operator.out.write(f"{admitted.id} may ask as {admitted.name!r}.\n")
        return 0
    for one in await operator.applications.waiting():
        operator.out.write(f"{one.id}  {one.asked:%Y-%m-%d %H:%M}Z  {one.name}\n")
        for line in (one.email, one.comments, *one.redirects, f"seen {one.seen}"):
            if line:
                operator.out.write(f"    {line}\n")
    return 0
