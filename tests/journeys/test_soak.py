"""`make soak` for half a minute: load on a whole Link ID while something breaks every four seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.report import text
from soak.run import Options, soak

pytestmark = pytest.mark.slow


async def test_half_a_minute_of_load_while_things_break(tmp_path: Path) -> None:
    """Nothing unapproved, nothing twice, nothing lost, the audit whole; and work was done, before and after faults."""
    told: list[str] = []
    outcome = await soak(tmp_path / "linkid", Options(minutes=0.6, every=4, seed=1), told.append)
    page = text(outcome)
    assert outcome.violations == [], page + "\n".join(told)
    assert sum(outcome.faults.values()) >= 5
    assert outcome.acknowledged >= 20, page
    assert outcome.log.counts["signatures received"] >= outcome.acknowledged, page
    assert outcome.occurrences >= outcome.acknowledged
