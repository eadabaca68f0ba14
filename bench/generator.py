"""The load generator: a process of its own that repeats a flow in a closed loop and says what itself cost.

`python -m bench.generator CROWD` reads a JSON object a line: {"flow", "clients", "seconds", "ports", "sizes", "timed"}
and answers one: {"count", "seconds", "cpu", "times", "sizes"}. Clients, connections and tokens are kept over the
rounds. ``Generator`` is the other end, in the process that runs the benchmark.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.flows import FLOWS, Echo, Flow
from bench.flows_api import API_FLOWS, SizedEcho
from bench.flows_live import LIVE_FLOWS, LiveEvent
from bench.people import Crowd
from linkid.platform import ROOT

EVERY_FLOW: Final = {**FLOWS, **API_FLOWS, **LIVE_FLOWS}


@dataclass(frozen=True)
class Load:
    """What one window did. ``cpu``: seconds of the generator's own, in that window."""

    count: int
    seconds: float
    cpu: float
    times: Sequence[float] = field(default_factory=list)
    """Seconds of each flow, where the flow takes times, or was to be timed."""
    sizes: tuple[int, int] = (0, 0)
    """Bytes of the last call's body, and of its answer's."""

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.count / self.seconds


class GeneratorFailed(Exception):
    """It ended, or a flow was refused; its words went to our standard error."""


class Generator:
    """Starts the process; ``run`` one window after the other; ``close``."""

    def __init__(self, crowd_file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.generator", str(crowd_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def run(
        self,
        flow: str,
        *,
        clients: int,
        seconds: float,
        ports: Sequence[int] = (),
        sizes: tuple[int, int] = (0, 0),
        timed: bool = False,
    ) -> Load:
        """One window: flows begin during ``seconds``, and all that began end. Raises GeneratorFailed.

        With 0 seconds only clients and fresh connections are made: to be called before a window that is measured.
        """
        order = {"flow": flow, "clients": clients, "seconds": seconds, "ports": list(ports), "sizes": sizes}
        order["timed"] = timed
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as cause:
            raise GeneratorFailed("the generator ended") from cause
        line = self._process.stdout.readline()
        if not line:
            raise GeneratorFailed(f"the generator ended with code {self._process.wait()} in {flow}")
        return Load(**json.loads(line))

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=20)


async def _serve(crowd: Crowd) -> None:
    ready: dict[str, list[Flow]] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        Echo.ports = SizedEcho.ports = LiveEvent.ports = tuple(order["ports"])
        SizedEcho.sizes = tuple(order["sizes"])
        name, clients = order["flow"], order["clients"]
        if len(ready.get(name, [])) != clients:
            ready[name] = await _made(crowd, name, clients)
        if not order["seconds"]:  # preparing: between two rounds servers closed what was idle
            await asyncio.gather(*(line.renew() for flow in ready[name] for line in flow.lines))
        answer = await _window(ready[name], order["seconds"], timed=order["timed"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


async def _made(crowd: Crowd, name: str, clients: int) -> list[Flow]:
    """That many clients, each of which did its flow once: passwords stretched, caches of all sides filled."""
    kind = EVERY_FLOW[name]
    algorithm = getattr(kind, "algorithm", None)
    lanes = [lane for lane in crowd.lanes if algorithm in (None, lane.algorithm)]
    if len(lanes) < clients:
        raise SystemExit(f"{name}: {clients} clients, but only {len(lanes)} lanes")
    flows = [kind(crowd, lane, at) for at, lane in enumerate(lanes[:clients])]
    for flow in flows:
        await flow.prepare()
    await asyncio.gather(*(flow.once() for flow in flows))
    return flows


async def _window(flows: Sequence[Flow], seconds: float, *, timed: bool) -> dict[str, Any]:
    """``timed``: each flow from its begin to its end; flows that take times themselves know better which."""
    for flow in flows:
        if flow.times is not None:
            flow.times.clear()
    whole: list[float] = []
    before, began = _cpu(), time.perf_counter()
    counts = await asyncio.gather(*(_client(flow, began + seconds, whole) for flow in flows))
    spent = time.perf_counter() - began
    times = [each for flow in flows for each in flow.times or ()]
    if timed:
        times = times or whole
    sizes = next((line.sizes for flow in flows for line in flow.lines), (0, 0))
    return {"count": sum(counts), "seconds": spent, "cpu": _cpu() - before, "times": times, "sizes": sizes}


async def _client(flow: Flow, until: float, times: list[float]) -> int:
    """Closed loop: the next flow begins when the last one ended."""
    done, now = 0, time.perf_counter()
    while now < until:
        began = now
        done += await flow.once()
        now = time.perf_counter()
        times.append(now - began)
    return done


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    uvloop.run(_serve(Crowd.load(Path(sys.argv[1]))))
