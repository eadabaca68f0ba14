"""`linkid gateway`: everything that the internet reaches, except the static files."""

from __future__ import annotations

import argparse

from linkid.gateway import run_gateway
from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop."""
    return run_process(settings, f"gateway-{settings.gateway.number}", lambda: run_gateway(settings))
