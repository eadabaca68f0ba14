"""`linkid status`: whether SAMs and AC work, and why not."""

from __future__ import annotations

import argparse
import asyncio
from typing import Final

from foundation.channel import PrivateClient
from foundation.errors import JsonObject, LinkIdError
from linkid.settings import Settings

_ANSWER_SECONDS: Final = 3.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""
    parser.description = (
        "Asks every SAM and the AC, as the gateway does. A word of what is wrong is explained in docs/faults.md."
    )


def run(settings: Settings, given: argparse.Namespace) -> int:
    """0 when all of them work."""
    return asyncio.run(_ask_all(settings))


async def _ask_all(settings: Settings) -> int:
    tls = settings.private_tls.files if settings.private_tls else None
    targets = [*settings.sam_targets(), settings.ac_address]
    names = [*(f"sam-{number}" for number in range(len(targets) - 1)), "ac"]
    good = True
    for name, target in zip(names, targets, strict=True):
        async with PrivateClient(target, tls=tls) as client:
            try:
                said = await client.call("status", {}, deadline=_ANSWER_SECONDS)
            except LinkIdError as error:
                said = {"ready": False, "why": error.code}
        good = good and said.get("ready") is True
        print(f"{name:<8} {told(said)}")
    return 0 if good else 1


def told(said: JsonObject) -> str:
    """One line: ready or the word of what is wrong, then the numbers that are not 0."""
    word = "ready" if said.get("ready") is True else str(said.get("why") or "not_ready")
    numbers = said.get("hsm")
    listed = [f"{name} {number}" for name, number in numbers.items() if number] if isinstance(numbers, dict) else []
    return f"{word:<22} {', '.join(listed)}".rstrip()
