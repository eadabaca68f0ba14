"""`make soak` for a minute: load on a whole Link ID while something breaks every ten seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.report import text
from soak.run import Options, soak

pytestmark = pytest.mark.slow


async def test_a_minute_of_load_while_things_break(tmp_path: Path) -> None:
    """Nothing unapproved, nothing twice, nothing lost, the audit whole; and work was done, before and after faults."""
    told: list[str] = []
    outcome = await soak(tmp_path / "linkid", Options(minutes=1, every=10, seed=1), told.append)
    page = text(outcome)
    assert outcome.violations == [], page + "\n".join(told)
    assert sum(outcome.faults.values()) >= 4
    assert outcome.acknowledged >= 20, page
    assert outcome.log.counts["signatures received"] >= outcome.acknowledged, page
    assert outcome.occurrences >= outcome.acknowledged
