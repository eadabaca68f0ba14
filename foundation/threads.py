"""Blocking calls beside the event loop, by a few threads of their own; the hand-over itself costs little.

``asyncio.to_thread`` and ``run_in_executor`` put two futures, their locks and callbacks and a wake-up of the loop
around every call: more than many a call costs. Here a call is one object in a queue, and results that are there at the
same moment wake the loop once (docs/decisions/0053).

A thread that hangs inside a call cannot be ended. It is the caller's to notice (``Call.withdraw`` says whether the call
had begun), and the process's to end all the same: nobody waits for it for long when the interpreter ends.
"""

import asyncio
import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_PATIENCE: Final = 2.0
"""Seconds that a process which ends waits for calls under way: longer than any that does not hang."""


class Call(Generic[T]):
    """One call. ``future`` has its result; giving up on the future ends nothing."""

    __slots__ = ("_turn", "deliveries", "ended", "future", "work")

    def __init__(
        self,
        work: Callable[[], T],
        future: "asyncio.Future[T]",
        deliveries: "_Deliveries",
        ended: "Callable[[Call[T], BaseException | None], None] | None",
    ) -> None:
        """Made by ``Threads.submit``."""
        self.work, self.future, self.deliveries, self.ended = work, future, deliveries, ended
        self._turn = threading.Lock()

    def withdraw(self) -> bool:
        """Whether it will not run: no thread had begun it, and none will."""
        return self._turn.acquire(blocking=False)

    def begin(self) -> bool:
        """For the thread: whether it is still wanted. Of the two the first has the turn."""
        return self._turn.acquire(blocking=False)


class _Deliveries:
    """What was done and its loop has not heard of yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[tuple[Call[Any], Any, BaseException | None]] = deque()
        self._waking = False

    def bring(self, call: Call[Any], value: Any, error: BaseException | None) -> None:
        """From any thread. Whoever finds the loop being woken already need not wake it: ``_deliver`` says so before it
        looks."""
        self._done.append((call, value, error))
        if not self._waking:
            self._waking = True
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._done.clear()

    def _deliver(self) -> None:
        self._waking = False
        while self._done:
            call, value, error = self._done.popleft()
            if call.ended is not None:
                call.ended(call, error)
            future = call.future
            if future.done():  # its caller gave up, or was told that it takes too long
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


class Threads:
    """``submit(work)``, from a running loop; at most ``count`` calls at the same time."""

    def __init__(self, count: int, name: str) -> None:
        """Threads begin when they are needed."""
        self._count, self._name = count, name
        self._queue: SimpleQueue[Call[Any] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._deliveries: _Deliveries | None = None
        self._closed = False

    def submit(
        self, work: Callable[[], T], ended: "Callable[[Call[T], BaseException | None], None] | None" = None
    ) -> "Call[T]":
        """Begin a call, or queue it. ``ended``: told in the loop when the call is over, also one that was given up.

        Raises RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError(f"the threads {self._name} take no more calls")
        loop = asyncio.get_running_loop()
        if self._deliveries is None or self._deliveries.loop is not loop:
            self._deliveries = _Deliveries(loop)
        call = Call(work, loop.create_future(), self._deliveries, ended)
        self._queue.put(call)
        if len(self._threads) < self._count:
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=_serve, args=(self._queue,), name=name, daemon=True)
            self._threads.append(thread)
            _serving[thread] = self._queue
            thread.start()
        return call

    def close(self) -> None:
        """Take no more calls; those that wait are cancelled, those under way end by themselves."""
        if self._closed:
            return
        self._closed = True
        try:
            while True:
                waiting = self._queue.get_nowait()
                if waiting is not None and waiting.withdraw():
                    waiting.future.cancel()
        except Empty:
            pass
        for _ in self._threads:
            self._queue.put(None)


def _serve(queue: "SimpleQueue[Call[Any] | None]") -> None:
    while True:
        call = queue.get()
        if call is None:
            del _serving[threading.current_thread()]
            return
        if not call.begin():
            continue
        try:
            value, error = call.work(), None
        except BaseException as raised:
            value, error = None, raised
        call.deliveries.bring(call, value, error)
        del call, value, error  # nothing of a call stays with a thread that waits for the next


_serving: "dict[threading.Thread, SimpleQueue[Call[Any] | None]]" = {}


@atexit.register
def _end() -> None:
    """A library that a thread is inside of must not be taken down around it."""
    until = time.monotonic() + _PATIENCE
    serving = list(_serving.items())
    for _, queue in serving:
        queue.put(None)
    for thread, _ in serving:
        thread.join(max(0.0, until - time.monotonic()))
