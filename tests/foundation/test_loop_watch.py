"""What holds the event loop up is seen in the numbers."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from foundation.loop_watch import EVERY_SECONDS, LoopWatch, held


async def test_a_stall_is_seen_as_long_as_it_was() -> None:
    """Or shorter by one look at most; however slow the machine, never shorter. Whose doing it was is counted too."""
    registry = CollectorRegistry()
    watching = asyncio.create_task(LoopWatch(registry).run())

    def looks(bucket: str, name: str = "late") -> float:
        return registry.get_sample_value(f"linkid_loop_{name}_seconds_bucket", {"le": bucket}) or 0.0

    while not looks("+Inf"):
        await asyncio.sleep(EVERY_SECONDS)
    longer_before = looks("+Inf") - looks("0.1")
    over, seen = time.monotonic() + 0.1 + EVERY_SECONDS + 0.001, looks("+Inf")
    while time.monotonic() < over:
        pass  # somebody computes, and nobody is served
    while looks("+Inf") == seen:
        await asyncio.sleep(0)
    assert looks("+Inf") - looks("0.1") > longer_before
    assert looks("+Inf", "held") == looks("+Inf")
    watching.cancel()


@pytest.mark.parametrize(
    ("late", "waited", "used", "own"),
    [
        (0.1, 0.0, 0.105, 0.1),  # it computed
        (0.1, 0.0, 0.001, 0.1),  # it stood in a call: nobody else had its core
        (0.1, 0.1, 0.002, 0.0),  # others had the cores
        (0.1, 0.04, 0.06, 0.06),  # both
        (0.1, 0.06, 0.1, 0.09),  # some of the waiting was before it was due
        (0.0, 0.01, 0.01, 0.0),
    ],
)
def test_a_missing_core_is_not_held_against_the_loop(late: float, waited: float, used: float, own: float) -> None:
    """Late by its own work, whether computing or standing in a call, is told from late for want of a core."""
    assert held(late, waited, used) == pytest.approx(own)
