"""`linkid hsm`: tokens and the keys in them."""

from __future__ import annotations

import argparse
import os
import sys

from foundation.clock import SystemClock
from foundation.errors import LinkIdError
from linkid.platform import ProgramMissing, program
from linkid.settings import Settings
from linkid.trust import note_root
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
        settings.places.make_folders()
        if outside is None:
            places = settings.places
            token = ensure_token(given.process, places.tokens, places.secrets, program("softhsm-module"))
            os.environ["SOFTHSM2_CONF"] = str(token.conf)  # before the module is loaded, which reads it once
        _make_keys(settings, given.process)
    except (TokenFailed, ProgramMissing, LinkIdError, OSError) as error:
        print(f"linkid hsm init: {error}", file=sys.stderr)
        return 1
    return 0


def _make_keys(settings: Settings, process: str) -> None:
    # Imported here, so that a machine without this slot never loads the PKCS#11 binding for `--help`.
    from hsm_service.hsm.slots import initialise_ac_slot, initialise_sam_slot
    from hsm_service.hsm.token import Token

    now = SystemClock().now()
    if process == "sam":
        token = Token(settings.hsm("sam"))
        token.open()
        root = initialise_sam_slot(token, now)
        complete = note_root(settings, "sam", root)
    else:
        token = Token(settings.hsm("ac"))
        token.open()
        root = initialise_ac_slot(token, now)
        complete = note_root(settings, "ac", root)
    print(f"the keys of {process} are there, its root is {root.jkt}")
    if complete:
        print(f"clients trust what {settings.places.trust.name} names")
