"""``linkid application``: letting in what owners registered on the page, and turning the page on."""

import argparse
import hashlib
import sys
from dataclasses import dataclass
from typing import TextIO

from foundation.dpop import thumbprint
from hsm_service.registration.domain.application import Application
from hsm_service.registration.service.admission import AdmissionService

_PAGE = """\
example:
  linkid application page

Owners sign in on the page with their phone, so the page is itself an application that the SAM must know. This signs its
name with the key of `linkid operator init` and turns it on for every gateway of this database. To turn it off:
linkid integrator disable CLIENT, with the id that this prints.
"""


@dataclass(frozen=True)
class Operator:
    """Where an operator's words go."""

    admission: AdmissionService
    base_url: str
    out: TextIO = sys.stdout

    def say(self, text: str) -> None:
        """One line."""
        self.out.write(text + "\n")


def arguments(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """What is added to ``linkid application``."""
    actions.add_parser(
        "page",
        help="turn on the page where applications are registered",
        description="Turn on the page where applications are registered.",
        epilog=_PAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


async def perform(given: argparse.Namespace, operator: Operator) -> int:
    """Do what was asked; the exit code. Raises LinkIdError saying why not."""
    if given.action == "page":
        client = await operator.admission.turn_on()
        operator.say(f"{operator.base_url}/integradores is on; the SAM knows it as {client}.")
    elif given.action == "admit" and given.client.startswith("chg_"):
        client = await operator.admission.admit_change(given.client, given.name, given.seen)
        operator.say(f"{client} has these return addresses now.")
    elif given.action == "admit":
        admitted = await operator.admission.admit(given.client, given.name, given.seen)
        operator.say(f"{given.client} may ask as {given.name!r}.")
        for line in _facts(admitted):
            operator.say(f"    {line}")
    else:
        await _list(operator)
    return 0


async def _list(operator: Operator) -> None:
    waiting = await operator.admission.waiting()
    for one in waiting.applications:
        operator.say(f"{one.client}  {one.asked:%Y-%m-%d %H:%M}Z  {one.draft.name}")
        for line in (*_facts(one), f"seen {one.seen}"):
            operator.say(f"    {line}")
    for each in waiting.changes:
        operator.say(f"{each.change.id}  {each.change.asked:%Y-%m-%d %H:%M}Z  {each.name}: other return addresses")
        for line in (
            f"registered by {each.owner_name}",
            f"of {each.change.client}",
            *each.change.redirects,
            f"seen {each.change.seen}",
        ):
            operator.say(f"    {line}")


def _facts(one: Application) -> list[str]:
    draft = one.draft
    told = [f"registered by {one.owner_name}", draft.about, f"{draft.method}: {', '.join(sorted(draft.grants))}"]
    told += ["its keys sign what it asks"] if draft.signs_asks else []
    # What an operator signs, or lets in, is what they compare with its owner's: a row can be another one by then.
    told += [f"key {thumbprint(key)}" for key in draft.keys]
    told += [f"certificate {hashlib.sha256(der).hexdigest()}" for der in draft.certificates]
    return [line for line in (*told, draft.tls_subject or "", *draft.redirects) if line]
