"""Rows: medians, verdicts, the page; and what /proc says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.generator import EVERY_FLOW
from bench.measures import MEASURES, MILLION_FLOWS, ROWS
from bench.page import write_page
from bench.report import Row, kept, median_of, save, table
from bench.usage import cpu_seconds, resident_bytes


def row(value: float, name: str = "a_row", **more: object) -> Row:
    return Row(name, "what it is", value, "ratio", 0.5, 0.8, [value], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "verdict"), [(0.49, "below"), (0.5, "floor"), (0.79, "floor"), (0.8, "goal")])
def test_a_row_is_held_against_floor_and_goal(value: float, verdict: str) -> None:
    """Where more is better."""
    assert row(value).verdict == verdict


@pytest.mark.parametrize(("value", "verdict"), [(16, "below"), (15, "floor"), (5, "goal")])
def test_a_time_is_held_against_them_the_other_way_round(value: float, verdict: str) -> None:
    """Where less is better."""
    assert Row("ms", "", value, "ms", 15, 5, [value], more_is_better=False).verdict == verdict


def test_costs_are_medians_by_process() -> None:
    """A process that was not there cost nothing."""
    assert median_of([{"a": 1.0, "b": 9.0}, {"a": 3.0}, {"a": 8.0}]) == {"a": 3.0, "b": 0.0}


def test_a_later_run_replaces_only_the_rows_it_measured(tmp_path: Path) -> None:
    """Others stay, with the machine and date that they were measured on."""
    for date, rows in (
        ("2026-01-01 10:00 UTC", [row(0.1, "a"), row(0.2, "b")]),
        ("2026-02-02 11:00 UTC", [row(0.9, "b")]),
    ):
        latest = save(rows, {"date": date, "load before": "0.1 0 0"}, tmp_path)
    text = latest.read_text()
    assert (text.count('"name": "a"'), text.count('"name": "b"'), "0.2" in text) == (1, 1, False)
    assert len(list(tmp_path.glob("run-*.json"))) == 2


def test_the_page_has_what_was_measured_in_full_and_names_the_rest(tmp_path: Path) -> None:
    """Nothing is left out in silence, and two short rounds are no measurement."""
    page, machine = tmp_path / "page.md", {"date": "2026-01-01 10:00 UTC", "load before": "0.10 0 0", "Python": "3.11"}
    full, short = ROWS[0], ROWS[3]
    rows = [Row(full, "", 0.7, "ratio", 0.5, 0.8, [0.7] * 5, cpu={"sam-0": 12.0}), row(0.9, short)]
    save(rows, machine, tmp_path)
    write_page(kept(tmp_path), page)
    table_part, missing = page.read_text().split("Not measured yet:")
    assert "| Python | 3.11 |" in table_part
    assert f"| `{full}` |" in table_part
    assert f"| `{short}` |" not in table_part
    assert all(f"* `{name}`" in missing for name in ROWS if name != full)
    assert full in table(rows)


def test_every_row_has_a_flow() -> None:
    """The tables agree."""
    assert {measure.flow for measure in MEASURES} | {flow for _, flow in MILLION_FLOWS.values()} <= set(EVERY_FLOW)


def test_processor_time_is_that_of_a_process_with_its_children() -> None:
    """Ended children too: PostgreSQL works in them."""
    busy = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    parent = (
        f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {busy!r}]); "
        "print(flush=True); time.sleep(30)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert 0.25 < cpu_seconds({"it": process.pid})["it"] < 5
        assert resident_bytes(process.pid) > 1_000_000
        process.kill()


def test_a_process_that_is_gone_costs_nothing() -> None:
    """It may end while it is looked at."""
    assert cpu_seconds({"gone": 2**22 + 1}) == {"gone": 0.0}
