"""`linkid sam`: a signature activation module."""

from __future__ import annotations

import argparse
import os

from foundation.exits import leave
from linkid.activation import sam_settings
from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which of several."""
    parser.add_argument("number", type=int, nargs="?", default=0, help="which one; names its audit chain (default: 0)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop, or must be replaced."""
    from hsm_service.sam.process import run_sam  # the PKCS#11 binding is loaded in this process only

    # SoftHSM finds its configuration by the environment, before the module is loaded
    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "sam" / "softhsm2.conf"))
    tls = settings.private_tls.files if settings.private_tls else None
    of_this = sam_settings(settings, given.number)
    leave(run_process(settings, of_this.name, lambda: run_sam(of_this, tls=tls)))
