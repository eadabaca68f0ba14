"""Faults come in a known order, outages and growth are measured right, and the page says what was."""

from itertools import islice
from pathlib import Path

import pytest

from soak.faults import BREAKERS, Fault, schedule
from soak.ledger import Violation
from soak.people import Log
from soak.report import save, text
from soak.run import Options, Outcome, outages
from soak.watch import Memory, slope


def test_a_seed_fixes_the_faults() -> None:
    """The same seed breaks the same things; every kind comes once before any comes again."""
    first = list(islice(schedule(7, 2), 2 * len(BREAKERS)))
    assert first == list(islice(schedule(7, 2), 2 * len(BREAKERS)))
    assert first != list(islice(schedule(8, 2), 2 * len(BREAKERS)))
    for part in (first[: len(BREAKERS)], first[len(BREAKERS) :]):
        assert {fault.kind for fault in part} == set(BREAKERS)
    assert all(
        fault.target.startswith("sam-") for fault in first if fault.kind in ("kill sam", "stop", "head unwritable")
    )


def test_an_outage_is_the_longest_silence_after_a_fault() -> None:
    """From the injection on, until the next one; what was silent before counts for nothing."""
    injected = [(10.0, Fault("stop", "sam-0", 3)), (20.0, Fault("kill gateway", "", 0))]
    worked = [1.0, 9.9, 10.5, 14.5, 15.0, 20.0, 20.1, 23.1]
    assert outages(worked, injected) == {"stop": [5.0], "kill gateway": [3.0]}


def test_growth_is_a_slope() -> None:
    """Of a line, whatever its height; nothing for nothing."""
    assert slope([(float(at), 500 + 2.0 * at) for at in range(10)]) == 2.0
    assert slope([]) == slope([(1.0, 5.0)]) == 0.0


def test_a_process_that_grows_for_long_is_a_violation() -> None:
    """More than a megabyte a minute in the second half of ten minutes; what fills at first, or lives short, is none."""
    memory = Memory()
    for at in range(0, 701, 5):
        memory.samples.setdefault(("leaks", 1), []).append((float(at), 80_000 + at * 40.0))
        memory.samples.setdefault(("fills", 2), []).append((float(at), 80_000 + min(at, 300) * 90.0 + at))
        if at < 500:
            memory.samples.setdefault(("short", 3), []).append((float(at), 80_000 + at * 40.0))
    assert [violation.document for violation in memory.judge()] == ["leaks"]
    assert {life.name: life.growth for life in memory.lives()} == pytest.approx(
        {"leaks": 2400, "fills": 60, "short": 2400}
    )


def test_a_place_grows_over_short_lives() -> None:
    """Where each process is larger than the one before, no life is long enough to tell; all of them together are."""
    memory = Memory()
    for at in range(0, 1300, 5):
        number, age = divmod(at, 240)
        memory.samples.setdefault(("sam-0", number), []).append((float(at), 70_000 + age * 80.0))
        memory.samples.setdefault(("sam-1", number), []).append((float(at), 70_000 + age * 80.0 + number * 8_000))
    assert [violation.document for violation in memory.judge()] == ["sam-1"]
    assert [(place.name, place.processes) for place in memory.places()] == [("sam-0", 6), ("sam-1", 6)]
    assert [round(size) for size in memory.places()[0].quarters] == pytest.approx([77, 77, 77, 77], abs=3)


def test_the_page_says_what_was(tmp_path: Path) -> None:
    """Violations above all."""
    outcome = Outcome(Options(minutes=1), Log(), Memory())
    outcome.log.did("approved", 3)
    outcome.faults["stop"], outcome.outages["stop"] = 2, [1.0, 4.25]
    save(outcome, tmp_path / "soak" / "latest.md")
    page = (tmp_path / "soak" / "latest.md").read_text()
    assert "| approved | 3 |" in page
    assert "| stop | 2 | 4.2 | 2.6 |" in page
    assert "no violation" in page
    outcome.violations.append(Violation("lost", "req_1", "approved and acknowledged, not signed"))
    assert "* lost: req_1: approved and acknowledged, not signed" in text(outcome)
    assert "no violation" not in text(outcome)
