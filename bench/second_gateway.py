"""Another gateway beside the one of `linkid serve`: same database, same address for the outside, a port of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from demo.stack import Stack, StackFailed, free_ports
from linkid.platform import ROOT

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Gateway:
    """One that runs. ``health``: the port of its numbers."""

    pid: int
    port: int
    health: int

    async def numbers(self) -> dict[str, float]:
        """Its metrics, by name with labels as they are written."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{self.health}/metrics") as answer:
                return read_numbers(await answer.text())


def read_numbers(text: str) -> dict[str, float]:
    """Prometheus' text."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def first_gateway(stack: Stack) -> Gateway:
    """That of `linkid serve`."""
    settings = stack.settings
    return Gateway(stack.pid("gateway") or 0, urlsplit(stack.gateway).port or 80, settings.health.port)


@asynccontextmanager
async def second_gateway(stack: Stack, number: int = 1) -> AsyncIterator[Gateway]:
    """As another machine's would be started. ``number``: its own. Raises StackFailed."""
    port, pki, health = free_ports(3)
    own = {"GATEWAY__PORT": port, "GATEWAY__NUMBER": number, "PKI__PORT": pki, "HEALTH__PORT": health}
    environment = {
        **stack.environment,
        **{f"LINKID__{name}": str(value) for name, value in own.items()},
        "LINKID__GATEWAY__URL": stack.gateway,
    }
    with stack.log.open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "linkid", "gateway"),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env=environment,
            cwd=ROOT,
        )
    try:
        await _ready(process, health)
        yield Gateway(process.pid, port, health)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process, health: int) -> None:
    loop = asyncio.get_running_loop()
    over = loop.time() + _START_SECONDS
    async with aiohttp.ClientSession() as session:
        while process.returncode is None and loop.time() < over:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://127.0.0.1:{health}/health/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise StackFailed("the second gateway did not come up")
