"""`linkid accept-restore`: an operator's word that the database was put back on purpose."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from contextlib import nullcontext, suppress

from foundation.channel import PrivateClient
from foundation.errors import LinkIdError
from foundation.logs import configure
from issuance.operator.context import OperatorMistake
from linkid.activation import sam_settings
from linkid.authority import ac_settings
from linkid.operators import context
from linkid.platform import ProgramMissing
from linkid.postgres import PostgresFailed
from linkid.settings import Settings
from protocol.keys import P256Key

_ABOUT = """\
A SAM or an AC whose database is older than the audit head it keeps beside itself refuses to work: somebody turned the
database back, and what was used up could be used again. When it was you, restoring a backup: run this once for each SAM
(`linkid accept-restore sam 0`, `sam 1` …) and for the AC, while they are stopped or refuse; start them again. Whatever
waited or was approved and not yet signed is voided; people ask again. Your operator key's name goes to the audit chain.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose chain."""
    parser.description = _ABOUT
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("process", choices=["sam", "ac"])
    parser.add_argument("number", type=int, nargs="?", default=0, help="which SAM (default: 0)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when the chain goes on from the restored database."""
    configure("console", process="accept-restore")
    try:
        operator = P256Key.from_public(context(settings).key().public_key()).jkt
        if asyncio.run(_works(settings, given)):
            print(f"linkid accept-restore: {_name(given)} works: there is nothing to accept", file=sys.stderr)
            return 1
        with settings.places.postgres().available() if settings.database.embedded else nullcontext():
            print(asyncio.run(_accept(settings, given, operator)))
    except (LinkIdError, OperatorMistake, ProgramMissing, PostgresFailed, OSError) as error:
        print(f"linkid accept-restore: {error}", file=sys.stderr)
        return 1
    return 0


def _name(given: argparse.Namespace) -> str:
    return "the AC" if given.process == "ac" else f"sam-{given.number}"


async def _works(settings: Settings, given: argparse.Namespace) -> bool:
    """Whether the process runs and does its work. Two of one name would write one audit chain."""
    address = settings.listen or f"unix:{settings.places.sam_socket(given.number)}"
    tls = settings.private_tls.files if settings.private_tls else None
    async with PrivateClient(settings.ac_address if given.process == "ac" else address, tls=tls) as client:
        with suppress(LinkIdError, OSError):
            return (await client.call("status", {})).get("ready") is True
    return False


async def _accept(settings: Settings, given: argparse.Namespace, operator: str) -> str:
    if given.process == "ac":
        from issuance.ac.process import accept_restored_database

        return f"ac: {await accept_restored_database(ac_settings(settings), operator=operator)} visits voided"
    from hsm_service.sam.commands import run_accept_restore

    # SoftHSM finds its configuration by the environment, before the module is loaded
    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "sam" / "softhsm2.conf"))
    voided = await run_accept_restore(sam_settings(settings, given.number), operator=operator)
    return f"sam-{given.number}: " + ", ".join(f"{count} {what}" for what, count in voided.items()) + " voided"
