"""The token's files taken away from a whole running Link ID: what integrators hear over HTTP, and how it heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from demo.computer import CallRefused
from demo.stack import Stack
from demo.world import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest_asyncio.fixture(loop_scope="module")
async def token(world: World) -> AsyncIterator[Path]:
    """The slot's folder of the SAM; back in its place afterwards."""
    slot = world.stack.settings.places.tokens / "sam" / "slot"
    yield slot
    if away(slot).exists():
        away(slot).rename(slot)
    await world.stack.ready()


def away(slot: Path) -> Path:
    return slot.with_name("away")


async def looked_at(stack: Stack, path: str) -> tuple[int, str]:
    """Status and text of the gateway's private listener."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{health_port(stack)}{path}") as got:
        return got.status, await got.text()


def health_port(stack: Stack) -> int:
    return stack.settings.health.port


async def until(done: Callable[[], Any], seconds: float = 30.0) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await done()):
            await asyncio.sleep(0.1)
        return found


async def test_an_outage_of_the_hsm_over_http(world: World, token: Path) -> None:
    """Every call answers at once: 503 with Retry-After, in CSC's words. Health and metrics say why. When the token is
    back the same SAM process goes on, and the approval that waited is signed: nothing was lost."""
    stack, computer = world.stack, world.computer
    ask = await computer.ask(world.credential)
    sad = await world.approved(ask)
    pid = stack.pid("sam-0")
    token.rename(away(token))
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(CallRefused) as refused:
            await computer.sign(world.credential, sad, ask.hashes)
        seconds.append(time.monotonic() - began)
        reply = refused.value.reply
        assert reply.status == 503
        assert reply.retry_after is not None
        assert 1 <= reply.retry_after <= 5
        assert reply.content["error"] == "temporarily_unavailable"  # the standard has no word of its own
    assert max(seconds) < 3.0

    async def told() -> bool:
        status, text = await looked_at(stack, "/health/ready")
        return status == 503 and '"sam": "hsm_unavailable"' in text

    await until(told)
    _, metrics = await looked_at(stack, "/metrics")
    assert 'linkid_sam_not_ready{sam="unix:' in metrics
    assert 'why="hsm_unavailable"} 1.0' in metrics
    assert number(metrics, "linkid_sam_ready") == 0.0
    assert number(metrics, "linkid_sam_hsm", "suspect") >= 1.0
    assert number(metrics, "linkid_sam_hsm", "renewals_failed") >= 1.0

    away(token).rename(token)
    await stack.ready()
    (signature,) = await computer.sign(world.credential, sad, ask.hashes)
    world.verify(ask.hashes[0], signature)
    assert stack.pid("sam-0") == pid
    _, metrics = await looked_at(stack, "/metrics")
    assert number(metrics, "linkid_sam_ready") == 1.0
    assert number(metrics, "linkid_sam_hsm", "renewals") >= 1.0
    assert "linkid_sam_not_ready{" not in metrics


def number(metrics: str, name: str, what: str = "") -> float:
    """The first sample of that name, with that label if one is named."""
    return next(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith(name + "{") and (not what or f'what="{what}"' in line)
    )
