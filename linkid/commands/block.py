"""`linkid block` and `linkid unblock`: an operator shuts a holder's certificate, or opens it, by a signed order."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Literal, get_args

from foundation.errors import LinkIdError
from issuance.operator import order_block
from linkid.operators import context
from linkid.settings import Settings
from protocol.orders import Identified, ShutReason

_EXAMPLE = """\
examples:
  linkid block cred_... --reason holder-asked --case 2026-0117
  linkid unblock cred_... --identified by-video --case 2026-0117

The order is signed with the operator's key, and the SAM takes it from operators whom it pins, once, within ten minutes.
Operator, reason and case stand in the audit. The case is where your own records say more: a number, no name.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose, and why."""
    parser.description = (
        "A holder shuts all certificates of a phone by its button 'Bloquear tudo', and opens them again on that phone. "
        "When the phone is gone, an operator orders either here; to open, after making sure who is asking. Nothing is "
        "signed by it: the holder approves each signature as before."
    )
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("credential", metavar="cred_…")
    if parser.prog.split()[-1] == "block":
        parser.add_argument("--reason", choices=get_args(ShutReason), default="holder-asked")
    else:
        add_identified(parser)
    parser.add_argument("--case", required=True, metavar="NUMBER", help="of your own records about it")
    parser.add_argument("--key", dest="key_file", type=Path, metavar="FILE", help="this operator's key file")


def add_identified(parser: argparse.ArgumentParser) -> None:
    """For every act that gives something back: how the operator made sure that it is the holder who asks."""
    parser.add_argument(
        "--identified",
        dest="reason",
        choices=get_args(Identified),
        required=True,
        help="how you made sure that it is the holder who asks",
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when something changed, 1 when it was so already."""
    act: Literal["block", "unblock"] = "block" if given.command == "block" else "unblock"
    try:
        changed = asyncio.run(
            order_block(
                context(settings, given.key_file),
                credential=given.credential,
                act=act,
                reason=given.reason,
                case=given.case,
            )
        )
    except LinkIdError as error:
        print(f"linkid {given.command}: {error.detail or error.summary}", file=sys.stderr)
        return 1
    if not changed:
        print("nothing to change: it stands so already")
        return 1
    print(f"{act}ed")
    return 0
