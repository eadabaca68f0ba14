"""Signatures a second: the bare token, the SAM, and the HTTP API, in turns within each round.

Two uses are measured. *One hash a request*: every signature has an approval of its own, opened beforehand; what is
timed is the caller's `signHash` (steps 8 to 10), the part that a program waits for. *A hundred hashes a request*: one
approval, one unwrapping, a hundred signatures. Approvals are made by a phone that is a program and are not timed: there
Argon2 on the phone is what takes time, by design.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from bench.raw_pkcs11 import RawToken
from bench.report import Row, row
from demo.stack import Stack
from demo.world import World, settled
from foundation.channel import PrivateClient
from foundation.encoding import b64u
from linkid.platform import program
from softhsm_config.tokens import LABELS

ROUNDS: Final = 5
SINGLES: Final = 40
"""Approvals of one hash, a round and a path."""
BATCHES: Final = 3
BATCH: Final = 100
AT_ONCE: Final = 8
"""Callers at the same time."""

TOKEN: Final = "raw token key"
Job = tuple[str, Sequence[bytes]]


async def run(folder: Path, say: Callable[[str], None]) -> list[Row]:
    """The rows; ``folder`` gets a Link ID of its own, with a SAM for each of two cores."""
    say("starting a Link ID of its own …")
    async with Stack(folder, {"LINKID__SAMS": "2"}) as stack, settled(stack) as world:
        raw = await asyncio.to_thread(_raw, stack)
        figures: dict[str, list[float]] = {}
        try:
            for number in range(1, ROUNDS + 1):
                say(f"round {number} of {ROUNDS}")
                for name, rate in (await _round(world, raw)).items():
                    figures.setdefault(name, []).append(rate)
        finally:
            raw.close()
    return [row(name, "signatures/s", rates, TOKEN, figures[TOKEN]) for name, rates in figures.items()]


def _raw(stack: Stack) -> RawToken:
    """Workers on the SAM's own token: the same files, the same library."""
    places = stack.settings.places
    pin = (places.secrets / "hsm-sam.pin").read_text(encoding="ascii")
    configuration = {"SOFTHSM2_CONF": str(places.tokens / "sam" / "softhsm2.conf")}
    return RawToken(program("softhsm-module"), configuration, LABELS["sam"], pin, processes=2)


async def _round(world: World, raw: RawToken) -> dict[str, float]:
    rates = {
        TOKEN: await asyncio.to_thread(raw.rate, "token"),
        "raw wrapped key": await asyncio.to_thread(raw.rate, "wrapped"),
    }
    async with PrivateClient(world.stack.settings.sam_targets()) as sam:

        async def by_sam(job: Job) -> None:
            sad, hashes = job
            await sam.call(
                "signatures/sign",
                {
                    "activation": activations[sad],
                    "secret": b64u(bytes.fromhex(sad.rpartition("_")[2])),
                    "hashes": [b64u(each) for each in hashes],
                    "hash_algorithm": "SHA-256",
                    "sign_algorithm": "RSA-PKCS1-SHA256",
                    "caller": {"kind": "computer", "id": world.computer.id},
                },
            )

        async def by_http(job: Job) -> None:
            sad, hashes = job
            await world.computer.sign(world.credential, sad, hashes)

        for name, size, count in (("one hash a request", 1, SINGLES), (f"{BATCH} hashes a request", BATCH, BATCHES)):
            for path, sign in (("SAM", by_sam), ("HTTP API", by_http)):
                activations: dict[str, str] = {}
                jobs = [await _approved(world, sam, size, activations) for _ in range(count)]
                rates[f"{path}, {name}"] = await _rate(jobs, sign)
    return rates


async def _approved(world: World, sam: PrivateClient, size: int, activations: dict[str, str]) -> Job:
    ask = await world.computer.ask(world.credential, count=size)
    sad = await world.approved(ask)
    state = await sam.call("documents/state", {"document": ask.request})
    activations[sad] = str(state["activation"])
    return sad, ask.hashes


async def _rate(jobs: Sequence[Job], sign: Callable[[Job], Awaitable[None]]) -> float:
    """All jobs by AT_ONCE callers; signatures a second."""
    queue = list(jobs)

    async def caller() -> None:
        while queue:
            await sign(queue.pop())

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return sum(len(hashes) for _, hashes in jobs) / (time.perf_counter() - began)
