"""What holds the event loop up is seen in the numbers."""

import asyncio
import time

from prometheus_client import CollectorRegistry

from foundation.loop_watch import EVERY_SECONDS, LoopWatch


async def test_a_stall_is_seen_as_long_as_it_was() -> None:
    """Or shorter by one look at most; however slow the machine, never shorter."""
    registry = CollectorRegistry()
    watching = asyncio.create_task(LoopWatch(registry).run())

    def looks(bucket: str) -> float:
        return registry.get_sample_value("linkid_loop_late_seconds_bucket", {"le": bucket}) or 0.0

    while not looks("+Inf"):
        await asyncio.sleep(EVERY_SECONDS)
    longer_before = looks("+Inf") - looks("0.1")
    over, seen = time.monotonic() + 0.1 + EVERY_SECONDS + 0.001, looks("+Inf")
    while time.monotonic() < over:
        pass  # somebody computes, and nobody is served
    while looks("+Inf") == seen:
        await asyncio.sleep(0)
    assert looks("+Inf") - looks("0.1") > longer_before
    watching.cancel()
