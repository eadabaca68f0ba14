"""The streams of this gateway, and what rings on them.

Truth is ``push.doorbells``; everything that arrives here (a notification, seconds passing, a stream opening) is only
a reason to look there. So nothing is lost when a notification is, when the connection that listens breaks, or when the
phone was between two streams: it hears on connecting what rang meanwhile. A stream remembers what it rang and does not
ring it twice.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.logs import get_logger
from push.errors import TooManyStreams
from push.service.numbers import PushNumbers
from push.store import DoorbellStore

STREAMS_PER_DEVICE: Final = 3
"""An app on two tabs and one on its way out. A fourth closes the eldest, which is most likely dead already."""
STREAMS_PER_GATEWAY: Final = 12_000
"""About 250 MB (docs/benchmarks.md); below the descriptors that a process usually may have when told so."""
LOOK_SECONDS: Final = 3.0
"""How often to look without having been told: what a phone waits longer at most when a gateway or the connection that
listens died at the wrong moment."""

_log = get_logger(__name__)


class Stream:
    """One open stream of a phone: doorbells to write, in order."""

    def __init__(self, device: str) -> None:
        """Made by ``LiveHub.open``."""
        self.device = device
        self._rung: set[str] = set()
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def ring(self, doorbell: str) -> None:
        """Write it, unless this stream did."""
        if doorbell not in self._rung:
            self._rung.add(doorbell)
            self._queue.put_nowait(doorbell)

    def close(self) -> None:
        """Let whoever reads it end."""
        self._queue.put_nowait(None)

    async def next(self, seconds: float) -> str | None:
        """The next doorbell. Raises TimeoutError when none came in time; None when the stream was closed."""
        async with asyncio.timeout(seconds):
            return await self._queue.get()


class LiveHub:
    """Which phones have streams here."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        capacity: int = STREAMS_PER_GATEWAY,
        numbers: PushNumbers | None = None,
    ) -> None:
        """``capacity``: streams of this gateway."""
        (numbers or PushNumbers()).streams.set_function(lambda: self._open)
        self._store = DoorbellStore(database)
        self._clock = clock
        self._capacity = capacity
        self._streams: dict[str, list[Stream]] = {}
        self._open = 0
        self._told: set[str] | None = set()
        self._woken = asyncio.Event()

    def __len__(self) -> int:
        """How many streams are open."""
        return self._open

    async def open(self, device: str) -> Stream:
        """A stream with everything in it that rings now. Raises TooManyStreams."""
        if self._open >= self._capacity:
            raise TooManyStreams(retry_after=5)
        stream = Stream(device)
        streams = self._streams.setdefault(device, [])
        if len(streams) >= STREAMS_PER_DEVICE:
            streams[0].close()
            self._remove(streams[0])
            streams = self._streams.setdefault(device, [])
        # First listed, then looked: what rings in between is heard by one or the other.
        streams.append(stream)
        self._open += 1
        try:
            await self._look([device])
        except BaseException:
            self.leave(stream)
            raise
        return stream

    def leave(self, stream: Stream) -> None:
        """The phone is gone. Doing it twice is harmless."""
        self._remove(stream)

    def tell(self, devices: Iterable[str] | None) -> None:
        """These phones may have something new; None: anybody may (we may have missed a notification)."""
        if devices is None or self._told is None:
            self._told = None
        else:
            self._told.update(device for device in devices if device in self._streams)
        self._woken.set()

    async def run(self) -> None:
        """Look whenever told, and from time to time, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                self._told = None
            self._woken.clear()
            told, self._told = self._told, set()
            try:
                await self._look(list(self._streams) if told is None else [one for one in told if one in self._streams])
            except Unavailable as error:
                _log.warning("live_waits", error_code=error.code)
                self._told = None

    def close(self) -> None:
        """End every stream: the process stops."""
        for streams in self._streams.values():
            for stream in streams:
                stream.close()

    async def _look(self, devices: list[str]) -> None:
        if not devices:
            return
        for doorbell, device in await self._store.ringing(devices, self._clock.now()):
            for stream in self._streams.get(device, []):
                stream.ring(doorbell)

    def _remove(self, stream: Stream) -> None:
        streams = self._streams.get(stream.device, [])
        if stream in streams:
            streams.remove(stream)
            self._open -= 1
        if not streams:
            self._streams.pop(stream.device, None)
