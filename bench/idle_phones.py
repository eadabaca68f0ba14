"""Phones whose app is open and who do nothing: each a stream at a gateway, opened again when it ends.

`python -m bench.idle_phones` reads one JSON object ({"seed", "first", "count", "gateway", "ports", "source"}), then a
word a line, and answers a JSON object each: ``open`` (once every phone had its stream, or after five minutes), and
``look``: {"open", "opened", "failed", "why", "cpu"}. Keys and tokens follow from the seed, so that whoever wrote the
rows (``rows_of``) need not hand them over. ``IdlePhones`` is the other end, for several such processes.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import shake_256
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.client_side import Key, Phone
from bench.live_line import LiveLine
from bench.people import Lane
from bench.wire import WireError
from foundation.ids import new_id, new_token, secret_digest
from linkid.platform import ROOT

AT_ONCE: Final = 24
"""Streams being opened at the same time, of one process."""
PATIENCE: Final = 300.0
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256 (SEC 2, section 2.4.2)."""
COLUMNS: Final = ("id", "jkt", "key", "nickname", "state", "token", "token_digest", "created_at")
"""Of pairing.devices."""


def lane_of(seed: str, at: int) -> Lane:
    """Phone number ``at``: its key, and its token. Nobody asks it for anything."""

    def random(length: int) -> bytes:
        return shake_256(f"{seed}|{at}|{length}".encode()).digest(length)

    number = int.from_bytes(random(40), "big") % (_ORDER - 1) + 1
    key = ec.derive_private_key(number, ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return Lane("", "", "", new_id("dev", random), pem, new_token("dvt", random).text, "", "")


def rows_of(seed: str, count: int) -> Iterator[tuple[Any, ...]]:
    """What the gateway keeps of these phones, in the order of ``COLUMNS``."""
    now = datetime.now(UTC)
    for at in range(count):
        lane = lane_of(seed, at)
        key = Key(lane.device_key)
        public, _, secret = lane.device_token.rpartition("_")
        yield lane.device, key.jkt, json.dumps(key.jwk), "Celular", "active", public, secret_digest(secret), now


@dataclass
class _Street:
    """The phones of one process."""

    order: Mapping[str, Any]
    opened: int = 0
    reached: int = 0
    """Phones that had a stream, once or again and again."""
    everybody: asyncio.Event = field(default_factory=asyncio.Event)
    failed: int = 0
    why: str = ""
    lines: list[LiveLine] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def open(self, seconds: float = PATIENCE) -> dict[str, Any]:
        host, ports = urlsplit(self.order["gateway"]).netloc, self.order["ports"]
        if not self.tasks:
            for at in range(self.order["first"], self.order["first"] + self.order["count"]):
                phone = Phone(lane_of(self.order["seed"], at), self.order["gateway"])
                line = LiveLine(phone, host, ports[at % len(ports)], self.order["source"])
                self.lines.append(line)
                self.tasks.append(asyncio.create_task(self._keep(line)))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.everybody.wait()
        return self.look()

    def look(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        about = {"opened": self.opened, "failed": self.failed, "why": self.why}
        return {"open": self._open(), **about, "cpu": used.ru_utime + used.ru_stime}

    def _open(self) -> int:
        return sum(not line.ended.is_set() for line in self.lines)

    async def _keep(self, line: LiveLine) -> None:
        """As apps do: another stream when one ends; after a failure a little later."""
        first = True
        while True:
            async with self.gate:
                try:
                    await line.open()
                    self.opened += 1
                    self.reached += first
                    first = False
                    if self.reached == self.order["count"]:
                        self.everybody.set()
                except (WireError, OSError) as cause:
                    self.failed += 1
                    self.why = str(cause)[:200]
                    await asyncio.sleep(0.5)
            await line.ended.wait()


async def _serve() -> None:
    street = _Street(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(await street.open() if word == "open" else street.look()), flush=True)


class IdlePhones:
    """So many processes, each from a loopback address of its own. ``ports``: of the gateways."""

    def __init__(self, seed: str, count: int, gateway: str, ports: Sequence[int], processes: int) -> None:
        edges = [count * at // processes for at in range(processes + 1)]
        self._processes = []
        for at in range(processes):
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.idle_phones"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            order = {"seed": seed, "first": edges[at], "count": edges[at + 1] - edges[at], "gateway": gateway}
            self._tell(process, json.dumps({**order, "ports": list(ports), "source": f"127.0.0.{at + 2}"}))
            self._processes.append(process)

    def do(self, word: str) -> dict[str, Any]:
        """``open`` or ``look``: the sums of all. Raises RuntimeError when one ended."""
        for process in self._processes:
            self._tell(process, word)
        said = [self._said(process) for process in self._processes]
        sums = {name: sum(one[name] for one in said) for name in ("open", "opened", "failed", "cpu")}
        return {**sums, "why": next((one["why"] for one in said if one["why"]), "")}

    def close(self) -> None:
        """End them, and all streams."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            process.wait(timeout=30)

    @staticmethod
    def _tell(process: subprocess.Popen[str], word: str) -> None:
        assert process.stdin is not None
        process.stdin.write(word + "\n")
        process.stdin.flush()

    @staticmethod
    def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"phones ended with code {process.wait()}")
        said: dict[str, Any] = json.loads(line)
        return said


if __name__ == "__main__":
    uvloop.run(_serve())
