"""Flows with an open app: a phone that hears on the live channel, at the gateway of ``ports`` whose turn it is."""

from __future__ import annotations

import secrets
import time
from asyncio import sleep
from collections.abc import Callable, Mapping
from typing import Final

from bench.flows import Flow, HttpCaller
from bench.live_line import LiveLine
from bench.people import Crowd, Lane

PER_MINUTE: Final = 1000
"""Approvals, of all clients together."""


class LiveEvent(HttpCaller):
    """From the moment the caller's request was accepted to the doorbell in the app; the approval comes after that.

    The caller's gateway is the first; the phones' streams lie at all of them in turn, so that half of the doorbells are
    heard at another one.
    """

    algorithm = "P-256"
    ports: tuple[int, ...] = ()

    def __init__(self, crowd: Crowd, lane: Lane, at: int) -> None:
        super().__init__(crowd, lane, at)
        self.times: list[float] = []

    async def prepare(self) -> None:
        """The caller's token; the phone's stream is opened by the first story."""
        await super().prepare()
        self.live = LiveLine(self.phone, self.host, self.ports[self.at % len(self.ports)])

    async def once(self) -> int:
        """Ask, hear, approve."""
        await self._hear([secrets.token_bytes(32)])
        return 1

    async def _hear(self, digests: list[bytes]) -> str:
        """The handle of an approved request."""
        if self.live.ended.is_set():
            await self.live.open()
        self.live.forget()
        handle, document = await self.authorize(digests)
        accepted = time.perf_counter()
        self.times.append(await self.live.rung() - accepted)
        await self.approve(document)
        return handle


class LiveApproval(LiveEvent):
    """A whole signature, begun evenly: all clients together ``PER_MINUTE``. One that is late begins at once."""

    clients: Final = 8

    def __init__(self, crowd: Crowd, lane: Lane, at: int) -> None:
        super().__init__(crowd, lane, at)
        self._period = self.clients * 60 / PER_MINUTE
        self._next = 0.0

    async def once(self) -> int:
        """Wait for its turn, ask, hear, approve, sign."""
        now = time.perf_counter()
        if now - self._next > self._period * 4:  # a new window: clients take turns
            self._next = now + self._period * self.at / self.clients
        await sleep(max(0.0, self._next - now))
        self._next += self._period
        digests = [secrets.token_bytes(32)]
        handle = await self._hear(digests)
        return await self.sign(await self.check(handle), digests)


LIVE_FLOWS: Final[Mapping[str, Callable[[Crowd, Lane, int], Flow]]] = {
    "live_event": LiveEvent,
    "live_approval": LiveApproval,
}
