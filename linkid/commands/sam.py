"""`linkid sam`: a signature activation module."""

from __future__ import annotations

import argparse

from pydantic import SecretStr

from linkid.running import run_process
from linkid.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which of several."""
    parser.add_argument("number", type=int, nargs="?", default=0, help="which one; names its audit chain (default: 0)")


def run(settings: Settings, given: argparse.Namespace) -> int:
    """Until it is told to stop, or must be replaced."""
    from hsm_service.sam.process import run_sam  # the PKCS#11 binding is loaded in this process only
    from hsm_service.sam.settings import SamSettings

    places, name = settings.places, f"sam-{given.number}"
    tls = settings.private_tls.files if settings.private_tls else None

    async def work() -> int:
        return await run_sam(
            SamSettings(
                name=name,
                environment=settings.environment,
                listen=settings.listen or f"unix:{places.sam_socket(given.number)}",
                database=SecretStr(settings.dsn("sam")),
                hsm=settings.hsm("sam"),
                head_file=places.head(name),
                trust=places.trust,
                root_certificate=places.root_certificate,
                fault_points=settings.sam_fault_points,
            ),
            tls=tls,
        )

    return run_process(settings, name, work)
