"""What an operator's commands need, assembled from the settings."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from issuance.operator import OperatorContext, OperatorMistake, order_client, perform
from linkid.settings import Settings
from protocol import pins
from protocol.keys import P256Key
from protocol.orders import CASE, CASE_DIGITS

_CASE: Final = re.compile(CASE)


def context(settings: Settings, key: Path | None = None) -> OperatorContext:
    """Where things are. In earnest the key file lies on the operator's own machine."""
    places = settings.places
    return OperatorContext(
        key_file=key or places.operator / "operator.key",
        operators_file=places.operators,
        trust_file=places.trust,
        ac=settings.ac_address,
        sams=settings.sam_targets(),
        emission_page=f"{settings.url('app')}/emissao/",
        tls=settings.private_tls.files if settings.private_tls else None,
    )


def pinned_operator(found: OperatorContext) -> str:
    """The jkt of the key in use, if it is pinned as an operator's. Raises OperatorMistake."""
    jkt = P256Key.from_public(found.key().public_key()).jkt
    if jkt not in pins.operators(found.operators_file.read_bytes() if found.operators_file.exists() else None):
        raise OperatorMistake("this key is not pinned as an operator's; run: linkid operator init")
    return jkt


def demand_case(case: str) -> None:
    """The number of a case, as orders have it, and not of a person. Raises OperatorMistake."""
    if not _CASE.fullmatch(case) or sum(char.isdigit() for char in case) > CASE_DIGITS:
        raise OperatorMistake("case: letters, digits, . and -, with nine digits at most: the number of a case")


class VouchingByOrder:
    """`oauth.ports.Vouching` by the operator's key and any SAM."""

    def __init__(self, context: OperatorContext) -> None:
        self._context = context

    async def registered(self, client: str, name: str, keys: Sequence[Mapping[str, str]]) -> None:
        """Known there from now on, by this name."""
        await order_client(self._context, client=client, name=name, keys=keys)

    async def disabled(self, client: str, name: str) -> None:
        """And no longer."""
        await order_client(self._context, client=client, name=name, state="disabled")


def act(settings: Settings, given: argparse.Namespace) -> int:
    """Do what was asked; the exit code."""
    return asyncio.run(perform(given, context(settings, getattr(given, "key_file", None))))
