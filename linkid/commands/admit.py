"""`linkid admit`: an operator lets a holder's new phone decide before its wait is over, by a signed order."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from foundation.errors import LinkIdError
from issuance.operator import order_admission
from linkid.commands.block import add_identified
from linkid.operators import context
from linkid.settings import Settings

_EXAMPLE = """\
example:
  linkid admit cred_... --identified in-person --case 2026-0117

Whoever asks says that the old phone is gone. So might somebody who stole the number and the password: make sure who it
is by another way than that number. Without this, the phone decides when its wait is over. With several phones waiting,
name one: --phone dev_...
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whose, which phone, and how you made sure."""
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("credential", metavar="cred_…")
    parser.add_argument("--phone", metavar="dev_…", help="which, when several wait")
    add_identified(parser)
    parser.add_argument("--case", required=True, metavar="NUMBER", help="of your own records about it")
    parser.add_argument("--key", dest="key_file", type=Path, metavar="FILE", help="this operator's key file")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when the phone decides from now on."""
    try:
        nickname = asyncio.run(
            order_admission(
                context(settings, given.key_file),
                credential=given.credential,
                phone=given.phone,
                reason=given.reason,
                case=given.case,
            )
        )
    except LinkIdError as error:
        print(f"linkid admit: {error.detail or error.summary}", file=sys.stderr)
        return 1
    print(f"admitted: {nickname}")
    return 0
