"""`linkid app-host`: the static files of the phone app and the emission page, on an origin of their own."""

from __future__ import annotations

import argparse

from app_host.host import run_app_host
from app_host.settings import AppHostSettings
from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop."""
    tls = settings.tls
    host = AppHostSettings(
        host=settings.app.host,
        port=settings.app.port,
        dist=settings.app.dist,
        trust_file=settings.places.trust,
        tls_certificate=tls.certificate if tls else None,
        tls_key=tls.key if tls else None,
        behind_https=settings.app.behind_https and tls is None,
    )
    return run_process(settings, "app-host", lambda: run_app_host(host))
