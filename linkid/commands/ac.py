"""`linkid ac`: the certificate authority's process."""

from __future__ import annotations

import argparse
import os

from foundation.exits import leave
from linkid.authority import ac_settings
from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop."""
    from issuance.ac.process import run_ac  # the PKCS#11 binding is loaded in this process only

    # SoftHSM finds its configuration by the environment, before the module is loaded
    os.environ.setdefault("SOFTHSM2_CONF", str(settings.places.tokens / "ac" / "softhsm2.conf"))
    leave(run_process(settings, "ac", lambda: run_ac(ac_settings(settings))))
