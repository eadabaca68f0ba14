"""The reference of HTTP rows: `python -m bench.echo`, a bare aiohttp application, on uvloop as ours, that echoes.

Nothing of ours is in it: what it costs is what aiohttp and JSON cost, on as many processes as Link ID has gateways.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import uvloop
from aiohttp import web

from linkid.platform import ROOT


class EchoServers:
    """A context of processes; ``ports`` once they listen."""

    def __init__(self, processes: int) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.echo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
            for _ in range(processes)
        ]
        self.ports = [int(process.stdout.readline()) for process in self._processes if process.stdout is not None]

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [process.pid for process in self._processes]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=10)


async def _echo(request: web.Request) -> web.Response:
    return web.json_response(await request.json())


async def _sized(request: web.Request) -> web.Response:
    """The same with an answer of another length: ``answer`` bytes, of which the body's ``hash`` is a part."""
    body = await request.json()
    answer = {"hash": body["hash"], "fill": ""}
    answer["fill"] = "x" * max(0, int(request.query["answer"]) - len(json.dumps(answer)))
    return web.json_response(answer)


def application() -> web.Application:
    """Both handlers."""
    made = web.Application()
    made.router.add_post("/echo", _echo)
    made.router.add_post("/sized", _sized)
    return made


async def _serve() -> None:
    runner = web.AppRunner(application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve())
