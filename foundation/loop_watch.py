"""How late the event loop is: whatever holds it up (a long computation, a blocking call, a core that somebody else has)
makes everybody wait who is served by it.

A task that sleeps a hundredth of a second and looks how much more it was. A stall of so many milliseconds is seen as
that many, or up to ten less: part of it may lie in the sleep. It costs about a thousandth of a core.

Two numbers: how late it was, which is what callers feel; and how much of that the process itself did, which is what can
be mended here. The rest it stood ready, and other programs had the cores: the kernel counts that for each thread.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

EVERY_SECONDS: Final = 0.01
BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.25, 1.0, 5.0)
"""Seconds."""
_SCHEDSTAT: Final = Path("/proc/thread-self/schedstat")
"""Linux: nanoseconds on a core, nanoseconds ready and without one, turns."""


def held(late: float, waited: float, used: float) -> float:
    """Of a look that was ``late``: for how long, at least, the loop's own work held it up. All in seconds, since the
    look before: ``waited``: ready, without a core; ``used``: at work on one.
    """
    # What waited before it was due made nothing late, so `waited` may take too much away; `used` gives it back.
    return max(0.0, late - waited, min(late, used - EVERY_SECONDS))


@contextmanager
def core_waits() -> Iterator[Callable[[], float]]:
    """Gives the seconds that this thread stood ready without a core so far; 0 where nobody counts them."""
    try:
        counter = os.open(_SCHEDSTAT, os.O_RDONLY)
    except OSError:
        yield lambda: 0.0
        return
    try:
        yield lambda: int(os.pread(counter, 128, 0).split()[1]) / 1e9
    finally:
        os.close(counter)


class LoopWatch:
    """``run`` it in the loop that is meant, as long as the process serves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """The process's."""
        self._late = Histogram(
            "linkid_loop_late_seconds",
            "How much later than due the event loop went on.",
            buckets=BUCKETS,
            registry=registry,
        )
        self._held = Histogram(
            "linkid_loop_held_seconds",
            "How much of that its own work took; the rest it waited for a core.",
            buckets=BUCKETS,
            registry=registry,
        )

    async def run(self) -> None:
        """Until cancelled."""
        with core_waits() as waited:
            before, used_before = waited(), time.thread_time()
            while True:
                due = time.monotonic() + EVERY_SECONDS
                await asyncio.sleep(EVERY_SECONDS)
                late = max(0.0, time.monotonic() - due)
                now, used = waited(), time.thread_time()
                self._late.observe(late)
                self._held.observe(held(late, now - before, used - used_before))
                before, used_before = now, used
