"""People who do not answer yet: a process of its own whose callers ask and then wait in authorizeCheck.

`python -m bench.waiters CROWD` reads a word a line and answers a JSON object each. ``ask``: every asker asks for every
credential; once all of them wait {"waiting", "seconds"}. ``look``: {"waiting", "cpu"}, how many still do, and what this
process has used. ``answer``: every phone says yes; {"approved", "lapsed", "seconds"}. ``Waiters`` is the other end.
"""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from bench.client_side import Integrator, Phone
from bench.flows import HttpCaller, Refused
from bench.people import Crowd, Lane
from bench.wire import Connection
from linkid.platform import ROOT

AT_ONCE: Final = 16
_WAIT: Final = "Prefer: wait=25\r\n"


class Waiter(HttpCaller):
    """One caller with one credential. Tokens are its integrator's, phones' connections its credential's."""

    def __init__(self, crowd: Crowd, lane: Lane, line: Connection) -> None:
        super().__init__(crowd, lane, 0)
        self.phone_line = line
        self.document = ""
        self.polling: asyncio.Task[str] | None = None

    async def begin(self, tokens: dict[str, str]) -> None:
        """A connection, and its integrator's token."""
        parts = urlsplit(self.crowd.gateway)
        self.host = parts.netloc
        self.integrator = Integrator(self.lane, self.crowd.gateway)
        self.phone = Phone(self.lane, self.crowd.gateway)
        self.caller_line = await Connection.open(port=parts.port or 80)
        name = self.lane.integrator
        if name not in tokens:
            tokens[name] = await self.token()
        self._authorization = f"Authorization: Bearer {tokens[name]}\r\n"

    async def ask(self) -> None:
        """Ask; from then on a call of it waits, again and again."""
        await self.caller_line.renew()  # the gateway may be about to close what was idle
        handle, self.document = await self.authorize([secrets.token_bytes(32)])
        self.polling = asyncio.create_task(self._poll(handle))

    @property
    def waits(self) -> bool:
        """Whether nobody answered yet."""
        return self.polling is not None and not self.polling.done()

    async def _poll(self, handle: str) -> str:
        """approved, or lapsed."""
        while True:
            body = {"handle": handle}
            try:
                await self.csc("credentials/authorizeCheck", body, 202, _WAIT)
            except Refused as said:
                if "authorizeCheck: 200 " in str(said):
                    return "approved"
                if "expired_token" in str(said):
                    return "lapsed"
                raise


class _Office:
    """All of them."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiters: list[Waiter] = []

    async def ask(self) -> dict[str, Any]:
        began = time.perf_counter()
        if not self._waiters:
            await self._begin()
        await asyncio.gather(*(self._gated(waiter.ask()) for waiter in self._waiters))
        return {"waiting": self._waiting(), "seconds": time.perf_counter() - began}

    async def look(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {"waiting": self._waiting(), "cpu": used.ru_utime + used.ru_stime}

    async def answer(self) -> dict[str, Any]:
        """Passwords of one credential are tried one after the other: its phone has one connection here."""
        began = time.perf_counter()
        of: dict[str, list[Waiter]] = {}
        for waiter in self._waiters:
            of.setdefault(waiter.lane.credential, []).append(waiter)
        await asyncio.gather(*(self._gated(_approve(waiters)) for waiters in of.values()))
        ends = await asyncio.gather(*(waiter.polling for waiter in self._waiters if waiter.polling is not None))
        counted = {end: ends.count(end) for end in ("approved", "lapsed")}
        return {**counted, "seconds": time.perf_counter() - began}

    def _waiting(self) -> int:
        return sum(waiter.waits for waiter in self._waiters)

    async def _begin(self) -> None:
        port, tokens = urlsplit(self._crowd.gateway).port or 80, dict[str, str]()
        lines: dict[str, Connection] = {}
        for lane in self._crowd.askers:
            if lane.credential not in lines:
                lines[lane.credential] = await Connection.open(port=port)
            self._waiters.append(Waiter(self._crowd, lane, lines[lane.credential]))
        for waiter in self._waiters:
            await waiter.begin(tokens)

    async def _gated(self, work: Any) -> None:
        async with self._gate:
            await work


async def _approve(waiters: list[Waiter]) -> None:
    """In the order in which they were asked. One that lapsed meanwhile is left, and counted by its caller's call."""
    await waiters[0].phone_line.renew()  # all of one credential's: the gateway may be about to close what was idle
    for waiter in waiters:
        try:
            if waiter.waits:
                await waiter.approve(waiter.document)
        except Refused as said:
            if "document_expired" not in str(said):
                raise


class Waiters:
    """Starts the process; ``do`` a word; ``close``."""

    def __init__(self, crowd_file: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.waiters", str(crowd_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def do(self, word: str) -> Mapping[str, Any]:
        """``ask``, ``look`` or ``answer``. Raises RuntimeError when it ended; its words went to our standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the waiters ended with code {self._process.wait()} in {word}")
        said: dict[str, Any] = json.loads(line)
        return said

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=20)


async def _serve(crowd: Crowd) -> None:
    office = _Office(crowd)
    deeds = {"ask": office.ask, "look": office.look, "answer": office.answer}
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await deeds[line.strip()]()), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(Crowd.load(Path(sys.argv[1]))))
