"""`linkid hsm`: tokens and the keys in them."""

from __future__ import annotations

import argparse
import sys

from linkid.platform import ProgramMissing, program
from linkid.settings import Settings
from softhsm_config.tokens import TokenFailed, ensure_token


def arguments(parser: argparse.ArgumentParser) -> None:
    """`init sam` or `init ac`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    init = actions.add_parser(
        "init", help="make the token and the first keys of a process, where they are not there yet"
    )
    init.add_argument("process", choices=["sam", "ac"])


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when the token of the process is there and complete; safe to run again."""
    outside = settings.sam_hsm if given.process == "sam" else settings.ac_hsm
    try:
        if outside is None:
            places = settings.places
            places.make_folders()
            ensure_token(
                given.process, places.tokens, places.secrets, program("softhsm2-util"), program("softhsm-module")
            )
    except (TokenFailed, ProgramMissing, OSError) as error:
        print(f"linkid hsm init: {error}", file=sys.stderr)
        return 1
    return 0
