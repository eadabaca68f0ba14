"""What an operator's commands need, assembled from the settings."""

from __future__ import annotations

import argparse
import asyncio

from issuance.operator import OperatorContext, perform
from linkid.settings import Settings


def context(settings: Settings) -> OperatorContext:
    """Where things are. In earnest the key file lies on the operator's own machine."""
    places = settings.places
    return OperatorContext(
        key_file=places.operator / "operator.key",
        operators_file=places.operators,
        trust_file=places.trust,
        ac=settings.ac_address,
        sams=settings.sam_targets(),
        emission_page=f"{settings.url('app')}/emissao/",
        tls=settings.private_tls.files if settings.private_tls else None,
    )


def act(settings: Settings, given: argparse.Namespace) -> int:
    """Do what was asked; the exit code."""
    return asyncio.run(perform(given, context(settings)))
