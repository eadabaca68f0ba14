"""`linkid block` and `linkid unblock`: an operator shuts a holder's certificate, or opens it again."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from foundation.errors import LinkIdError
from linkid.activation import sam_settings
from linkid.platform import ProgramMissing
from linkid.settings import Settings

_OWN_CHAIN = 99
"""The number of a SAM that never runs: the command writes an audit chain of its own beside the running ones."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose."""
    parser.description = (
        "A holder shuts all certificates of a phone by its button 'Bloquear tudo', and opens them again on that phone. "
        "When the phone is gone, an operator does either here, after making sure who is asking; SAMs may be running. "
        "Nothing is signed by it: the holder approves each signature as before."
    )
    parser.add_argument("credential", metavar="cred_…")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when something changed, 1 when it was so already."""
    from hsm_service.sam.commands import run_block

    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "sam" / "softhsm2.conf"))
    shut = given.command == "block"
    try:
        changed = asyncio.run(run_block(sam_settings(settings, _OWN_CHAIN), given.credential, shut=shut))
    except (LinkIdError, ProgramMissing, OSError) as error:
        print(f"linkid {given.command}: {error}", file=sys.stderr)
        return 1
    if not changed:
        print("nothing to change: it is not active, or stands so already")
        return 1
    print("blocked" if shut else "unblocked")
    return 0
