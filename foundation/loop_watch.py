"""How late the event loop is: whatever holds it up (a long computation, a blocking call, a core that somebody else has)
makes everybody wait who is served by it.

A task that sleeps a hundredth of a second and looks how much more it was. A stall of so many milliseconds is seen as
that many, or up to ten less: part of it may lie in the sleep. It costs about a thousandth of a core.
"""

import asyncio
import time
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

EVERY_SECONDS: Final = 0.01
BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.25, 1.0, 5.0)
"""Seconds."""


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

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self._late.observe(max(0.0, time.monotonic() - due))
