"""Phones whose app is open and who do nothing: each a stream at a gateway, opened again when it ends.

`python -m bench.idle_phones` reads one JSON object ({"seed", "first", "count", "gateway", "ports", "source"}), then a
word a line, and answers a JSON object each: ``make`` (their keys), ``open`` (all at once, as when a network is back; it
answers when they have begun), and ``look``. Each answer has {"open", "opened", "refused", "failed", "silence", "why",
"cpu"}: streams that are open; ever opened; told to come back later; failed otherwise, with the last reason; the longest
silence on any of them, in seconds; what this process has used. Keys and tokens follow from the seed, so that whoever
wrote the rows (``rows_of``) need not hand them over. ``IdlePhones`` is the other end, for several such processes.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import shake_256
from typing import Any, Final, cast
from urllib.parse import urlsplit

import uvloop
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.client_side import Key, Phone
from bench.live_line import HELLO, LAST_CHUNK, PATH
from bench.people import Lane
from bench.wire import request
from foundation.ids import new_id, new_token, secret_digest
from linkid.platform import ROOT

AT_ONCE: Final = 250
"""Connections being opened at the same time, of one process: phones do not wait for each other, a process has to."""
PATIENCE: Final = 20.0
"""Seconds in which an answer must begin."""
_RETRY: Final = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
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


class IdleLine(asyncio.Protocol):
    """One phone's stream, as cheap as it can be: twenty thousand of them share the cores with what is measured."""

    __slots__ = ("_answer", "_heard_at", "_loop", "_street", "_transport", "opened", "phone", "port")

    def __init__(self, street: Street, phone: Phone, port: int) -> None:
        self._street, self.phone, self.port = street, phone, port
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._heard_at = 0.0
        self.opened: asyncio.Future[float | None] | None = None
        """None: it is. Else the seconds after which to come back."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        self._transport, self._answer = cast(asyncio.Transport, transport), b""  # uvloop's has another ancestor
        self._transport.write(request("GET", PATH, self.phone.headers("GET", PATH), host=self._street.host))

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if self.opened is not None:
            self._answer += data
            self._begin(self.opened)
            return
        now = self._loop.time()
        self._street.silence = max(self._street.silence, now - self._heard_at)
        self._heard_at = now
        if data.endswith(LAST_CHUNK):
            self.close()

    def _begin(self, opened: asyncio.Future[float | None]) -> None:
        if HELLO in self._answer:
            over = self._answer.endswith(LAST_CHUNK)
            self.opened, self._answer, self._heard_at = None, b"", self._loop.time()
            self._street.open += 1
            opened.set_result(None)
            if over:
                self.close()
        elif b"\r\n\r\n" in self._answer and not self._answer.startswith(b"HTTP/1.1 200 "):
            self.opened = None
            if found := _RETRY.search(self._answer):
                opened.set_result(float(found[1]))
            else:
                opened.set_exception(ConnectionError(f"no stream: {self._answer[:200]!r}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._transport = None
        if self.opened is not None:
            self.opened.set_exception(ConnectionError(f"no stream: {self._answer[:200]!r}"))
            self.opened = None
        elif self._heard_at:
            self._heard_at = 0.0
            self._street.open -= 1
            self._street.again(self)

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()


@dataclass
class Street:
    """The phones of one process."""

    order: Mapping[str, Any]
    disorder: float = 1.0
    """Up to so many seconds later than due, each another."""
    open: int = 0
    opened: int = 0
    refused: int = 0
    failed: int = 0
    silence: float = 0.0
    why: str = ""
    due: asyncio.Queue[IdleLine] = field(default_factory=asyncio.Queue)
    """Those that are to open a stream now."""
    lines: list[IdleLine] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The gateway's name, as proofs have it."""
        return urlsplit(str(self.order["gateway"])).netloc

    def do(self, word: str) -> dict[str, Any]:
        """``make``, ``open`` or ``look``."""
        if word == "make":
            first, ports = self.order["first"], self.order["ports"]
            for at in range(first, first + self.order["count"]):
                phone = Phone(lane_of(self.order["seed"], at), self.order["gateway"])
                self.lines.append(IdleLine(self, phone, ports[at % len(ports)]))
        elif word == "open":
            for line in self.lines:
                self.due.put_nowait(line)
            self.tasks = [asyncio.create_task(self._open_some()) for _ in range(AT_ONCE)]
        used = resource.getrusage(resource.RUSAGE_SELF)
        about = {name: getattr(self, name) for name in ("open", "opened", "refused", "failed", "silence", "why")}
        return {**about, "cpu": used.ru_utime + used.ru_stime}

    def again(self, line: IdleLine, seconds: float = 0.0) -> None:
        """As apps do: another stream when one ends, later when that was asked for, and after a failure."""
        wait = seconds + random.random() * self.disorder
        asyncio.get_running_loop().call_later(wait, self.due.put_nowait, line)

    async def _open_some(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            line = await self.due.get()
            line.opened = answer = loop.create_future()
            try:
                async with asyncio.timeout(PATIENCE):
                    await loop.create_connection(
                        partial(_itself, line), "127.0.0.1", line.port, local_addr=(self.order["source"], 0)
                    )
                    wait = await answer
            except (OSError, TimeoutError) as cause:
                self.failed += 1
                self.why = str(cause)[:200] or type(cause).__name__
                line.opened = None
                line.close()
                self.again(line, self.disorder)
                continue
            if wait is None:
                self.opened += 1
            else:
                self.refused += 1
                self.again(line, wait)


def _itself(line: IdleLine) -> IdleLine:
    """asyncio wants to be told how to make a protocol; these are kept."""
    return line


async def _serve() -> None:
    street = Street(json.loads(await asyncio.to_thread(sys.stdin.readline)))
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(street.do(word)), flush=True)


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
        """``make``, ``open`` or ``look``: the sums of all. Raises RuntimeError when one ended."""
        for process in self._processes:
            self._tell(process, word)
        said = [self._said(process) for process in self._processes]
        sums = {name: sum(one[name] for one in said) for name in ("open", "opened", "refused", "failed", "cpu")}
        silence = max(one["silence"] for one in said)
        return {**sums, "silence": silence, "why": next((one["why"] for one in said if one["why"]), "")}

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
