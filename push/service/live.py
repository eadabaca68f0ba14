"""The streams of this gateway, and what rings on them.

Truth is ``push.doorbells``; everything that arrives here (a notification, seconds passing, a stream opening) is only
a reason to look there. So nothing is lost when a notification is, when the connection that listens breaks, or when the
phone was between two streams: it hears on connecting what rang meanwhile. A stream remembers what it rang and does not
ring it twice.

A stream was let in with a token, and lasts no longer than that token is good: it ends when the database tells that the
token is void, and, should nobody have heard that, at the next look at all tokens (``CHECK_SECONDS``).
"""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.ids import Random
from foundation.logs import get_logger
from foundation.together import Together
from push.domain.streams import StreamTimes, Wheel, full_wait, life
from push.errors import StreamsBusy, TooManyStreams
from push.ports import Devices, Line, Listener
from push.service.numbers import PushNumbers
from push.store import DoorbellStore

STREAMS_PER_DEVICE: Final = 3
"""An app on two tabs and one on its way out. A fourth closes the eldest, which is most likely dead already."""
STREAMS_PER_GATEWAY: Final = 12_000
"""Below the descriptors that a process usually may have when told so; memory is not the limit (docs/benchmarks.md)."""
LOOK_SECONDS: Final = 3.0
"""How often to look without having been told: what a phone waits longer at most when a gateway or the connection that
listens died at the wrong moment."""
OVERLAP: Final = timedelta(seconds=60)
"""How far such a look goes back beyond the last one: a row is older than the commit that shows it, by another clock."""
CHECK_SECONDS: Final = 30.0
"""How often the token of every stream is looked at: what a removed phone listens longer at most when the notification
of it was lost. It hears heartbeats then: nothing rings for it any more."""
CHECK_TOGETHER: Final = 500
"""Tokens of one statement: none takes long, in PostgreSQL or here."""
DRAIN_SECONDS: Final = 2.0
"""Over which a gateway that stops ends its streams: its phones do not all come to the next one at one moment."""
DRAIN_TOGETHER: Final = 50
"""At least; a gateway with few streams does not wait."""

_log = get_logger(__name__)


class Stream:
    """One open stream of a phone. What rings before its line stands waits for that."""

    __slots__ = ("_ended", "_line", "_rung", "ends_at", "listener", "seat")

    def __init__(self, listener: Listener, ends_at: float, seat: int = -1) -> None:
        """Made by ``LiveHub.open``. ``ends_at``: by the loop's clock. ``seat``: on the wheel."""
        self.listener = listener
        self.ends_at = ends_at
        self.seat = seat
        self._line: Line | None = None
        self._rung: dict[str, None] | None = None
        self._ended = False

    def begin(self, line: Line) -> None:
        """From now on it is written to this line, beginning with what rang meanwhile."""
        self._line = line
        for doorbell in self._rung or ():
            line.ring(doorbell)
        if self._ended:
            line.end()

    def ring(self, doorbell: str) -> None:
        """Write it, unless this stream did."""
        if self._rung is None:
            self._rung = {}
        if doorbell not in self._rung:
            self._rung[doorbell] = None
            if self._line is not None:
                self._line.ring(doorbell)

    def beat(self) -> None:
        """Say that it is still there."""
        if self._line is not None:
            self._line.beat()

    def end(self) -> None:
        """Let the phone know that this was all."""
        self._ended = True
        if self._line is not None:
            self._line.end()


class LiveHub:
    """Which phones have streams here."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        times: StreamTimes | None = None,
        capacity: int = STREAMS_PER_GATEWAY,
        numbers: PushNumbers | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``capacity``: streams of this gateway."""
        self._numbers = numbers or PushNumbers()
        self._numbers.streams.set_function(lambda: self._open)
        self._store = DoorbellStore(database)
        self._ringing = Together(self._ringing_on)
        self._clock = clock
        self._times = times or StreamTimes()
        self._capacity = capacity
        self._random = random
        self._streams: dict[str, tuple[Stream, ...]] = {}
        self._wheel: Wheel[Stream] = Wheel()
        self._open = 0
        self._seen = clock.now()
        self._told: set[str] | None = set()
        self._woken = asyncio.Event()
        self._doubted = asyncio.Event()
        self._draining = False

    def __len__(self) -> int:
        """How many streams are open."""
        return self._open

    async def open(self, listener: Listener) -> Stream:
        """A stream with everything in it that rings now. Raises StreamsBusy, TooManyStreams."""
        if self._draining:
            raise StreamsBusy("this gateway stops", retry_after=1)
        if self._open >= self._capacity:
            raise TooManyStreams(retry_after=full_wait(self._random))
        device = listener.device
        if len(streams := self._streams.get(device, ())) >= STREAMS_PER_DEVICE:
            self._dismiss(streams[0], "replaced")
        # First listed, then looked: what rings in between is heard by one or the other.
        stream = Stream(listener, asyncio.get_running_loop().time() + life(self._times, self._random))
        stream.seat = self._wheel.sit(stream)
        self._streams[device] = (*self._streams.get(device, ()), stream)
        self._open += 1
        try:
            for doorbell in await self._ringing.get(device) or ():
                stream.ring(doorbell)
        except BaseException:
            self.leave(stream)
            raise
        return stream

    def leave(self, stream: Stream) -> None:
        """The phone is gone. Doing it twice is harmless."""
        streams = self._streams.get(stream.listener.device, ())
        if stream not in streams:
            return
        self._open -= 1
        self._wheel.leave(stream, stream.seat)
        if left := tuple(one for one in streams if one is not stream):
            self._streams[stream.listener.device] = left
        else:
            del self._streams[stream.listener.device]

    def tell(self, devices: Iterable[str] | None) -> None:
        """These phones may have something new; None: anybody may (we may have missed a notification, of any kind)."""
        if devices is None:
            self._told = None
            self._doubted.set()
        elif self._told is not None:
            self._told.update(device for device in devices if device in self._streams)
        if self._told is None or self._told:
            self._woken.set()

    def hang_up(self, device: str) -> None:
        """The phone's token is void: its streams end. Whoever has a better one opens another."""
        for stream in self._streams.get(device, ()):
            self._dismiss(stream, "void")

    async def run(self) -> None:
        """Look whenever told, and every few seconds however often told, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LOOK_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
            self._woken.clear()
            told, self._told = self._told, set()
            try:
                if told is None or loop.time() >= due:
                    due = loop.time() + LOOK_SECONDS
                    await self._look_back()
                if told:
                    self._ring(await self._ringing_on([one for one in told if one in self._streams]))
            except Unavailable as error:
                _log.warning("live_waits", error_code=error.code)

    async def beat(self) -> None:
        """Every stream's heartbeat and its end, a few streams at a time, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # After a pause of the whole machine: one round at once, not one for each that was missed.
            due = max(due + self._times.heartbeat / self._wheel.seats, loop.time() - self._times.heartbeat)
            await asyncio.sleep(max(0.0, due - loop.time()))
            now = loop.time()
            for stream in self._wheel.turn():
                if now >= stream.ends_at:
                    self._dismiss(stream, "life")
                else:
                    stream.beat()

    async def check(self, devices: Devices) -> None:
        """Look at the tokens of all streams now and then, and when a notification may be lost, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._doubted.wait()
            self._doubted.clear()
            try:
                await self._check(devices)
            except Unavailable as error:
                _log.warning("live_tokens_wait", error_code=error.code)

    async def drain(self) -> None:
        """End every stream, take no more: the process stops."""
        self._draining = True
        streams = self._all()
        together = max(DRAIN_TOGETHER, len(streams) // 40)
        pause = DRAIN_SECONDS * together / max(together, len(streams))
        for at in range(0, len(streams), together):
            if at:
                await asyncio.sleep(pause)
            for stream in streams[at : at + together]:
                self._dismiss(stream, "drained")

    def _all(self) -> list[Stream]:
        return [stream for streams in self._streams.values() for stream in streams]

    def _dismiss(self, stream: Stream, why: str) -> None:
        self._numbers.ended.labels(why).inc()
        self.leave(stream)
        stream.end()

    async def _check(self, devices: Devices) -> None:
        streams = self._all()
        for at in range(0, len(streams), CHECK_TOGETHER):
            some = streams[at : at + CHECK_TOGETHER]
            good = await devices.standing([stream.listener for stream in some])
            for stream in some:
                if stream.listener.token not in good:
                    self._dismiss(stream, "void")

    async def _look_back(self) -> None:
        """At whatever began to ring since the last such look, for whichever phone."""
        now = self._clock.now()
        self._ring(await self._store.ringing_since(self._seen - OVERLAP, now))
        self._seen = now

    async def _ringing_on(self, devices: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return await self._store.ringing(devices, self._clock.now()) if devices else {}

    def _ring(self, ringing: Mapping[str, Sequence[str]]) -> None:
        for device, doorbells in ringing.items():
            for stream in self._streams.get(device, ()):
                for doorbell in doorbells:
                    stream.ring(doorbell)
