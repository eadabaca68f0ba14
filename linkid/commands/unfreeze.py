"""`linkid unfreeze`: a caller whom a holder had called "not me" may ask again."""

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
    """Whose credential, and whom."""
    parser.description = (
        'A holder who answers "não fui eu" freezes the computer or application that asked. When they say that it '
        "was a mistake, lift it here; SAMs may be running. Nothing is signed by it: the holder is only asked again."
    )
    parser.add_argument("credential", metavar="cred_…")
    parser.add_argument("caller", metavar="cmp_…|cli_…", help="the computer or the application")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when something was lifted, 1 when there was nothing to lift."""
    from hsm_service.sam.commands import run_unfreeze

    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "sam" / "softhsm2.conf"))
    kind = "computer" if given.caller.startswith("cmp_") else "integrator"
    try:
        lifted = asyncio.run(run_unfreeze(sam_settings(settings, _OWN_CHAIN), given.credential, kind, given.caller))
    except (LinkIdError, ProgramMissing, OSError) as error:
        print(f"linkid unfreeze: {error}", file=sys.stderr)
        return 1
    print(f"{lifted} lifted" if lifted else "there is no such freeze")
    return 0 if lifted else 1
