"""`linkid gateway`: everything that the internet reaches, except the static files."""

from __future__ import annotations

import argparse

from linkid.gateway import run_gateway
from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which of several."""
    parser.add_argument("--number", type=int, help="which one; names its audit chain (default: the setting, 0)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop."""
    if given.number is not None:
        settings = settings.model_copy(update={"gateway": settings.gateway.model_copy(update={"number": given.number})})
    return run_process(settings, f"gateway-{settings.gateway.number}", lambda: run_gateway(settings))
