"""docs/soak/latest.md: what a run was, on which machine, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from soak.run import COMPUTERS, SAMS, Outcome


def text(outcome: Outcome, when: datetime | None = None) -> str:
    """The whole page."""
    options, log = outcome.options, outcome.log
    verdict = "no violation" if not outcome.violations else f"{len(outcome.violations)} VIOLATIONS"
    lines = [
        "# The last soak run",
        "",
        f"Written by `make soak` ({verdict}). How it is judged: `soak/ledger.py`.",
        "",
        *_table(
            ("", ""),
            [
                ("when", f"{when or datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
                ("machine", f"{os.cpu_count()} cores, {_processor()}, {_system()}, Python {platform.python_version()}"),
                (
                    "duration",
                    f"{options.minutes:g} min with faults, {options.calm:g} without; {outcome.seconds:.0f} s in all",
                ),
                ("load", f"{options.holders} holders, {COMPUTERS} computers each, {SAMS} SAMs"),
                ("faults", f"{sum(outcome.faults.values())}, one every {options.every:g} s, seed {options.seed}"),
                ("looked at", f"{outcome.looks} times: all occurrences, all audit chains"),
                ("approvals", f"{outcome.approvals} sent, {outcome.acknowledged} acknowledged"),
                ("occurrences", f"{outcome.occurrences} in the SAM's rows"),
                ("recycled", f"{outcome.recycled} SAMs, worn by what they unwrapped"),
            ],
        ),
        "",
        "## Violations",
        "",
        *([f"* {each}" for each in outcome.violations] or ["None."]),
        "",
        "## What was done",
        "",
        *_table(("operation", "times"), [(name, str(count)) for name, count in sorted(log.counts.items())]),
        "",
        "## Faults and outages",
        "",
        "Outage: the longest time after an injection in which no operation of anybody worked.",
        "",
        *_table(("fault", "times", "longest outage, s", "median, s"), _faults(outcome)),
        "",
        "## Memory",
        "",
        "Resident size. Growth: the line that fits best in the second half of a life of three minutes or more.",
        "",
        *_table(
            ("process", "pid", "watched, s", "first, MB", "last, MB", "most, MB", "growth, kB/min"), _lives(outcome)
        ),
        "",
        "By name, whichever process had it: SAMs make room for new ones by themselves while it runs.",
        "",
        *_table(("name", "processes", "watched, s", "median MB by quarter of the run"), _places(outcome)),
        "",
        "## Answers that a caller did not expect",
        "",
        "Refusals after faults; no approval was lost by them, or it would stand above.",
        "",
        *(
            _table(("answer", "times"), [(a, str(n)) for a, n in sorted(log.strange.items())])
            if log.strange
            else ["None."]
        ),
    ]
    return "\n".join(lines) + "\n"


def save(outcome: Outcome, file: Path) -> None:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text(outcome), encoding="utf-8")


def _faults(outcome: Outcome) -> Iterable[Sequence[str]]:
    for kind, found in sorted(outcome.outages.items()):
        yield kind, str(outcome.faults[kind]), f"{max(found):.1f}", f"{median(found):.1f}"


def _lives(outcome: Outcome) -> Iterable[Sequence[str]]:
    for life in outcome.memory.lives():
        growth = "-" if life.growth is None else f"{life.growth:+.0f}"
        yield (
            life.name,
            str(life.pid),
            f"{life.seconds:.0f}",
            *(f"{size:.1f}" for size in (life.first, life.last, life.most)),
            growth,
        )


def _places(outcome: Outcome) -> Iterable[Sequence[str]]:
    for place in outcome.memory.places():
        quarters = " · ".join(f"{size:.1f}" for size in place.quarters)
        yield place.name, str(place.processes), f"{place.seconds:.0f}", quarters


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]


def _processor() -> str:
    """The model's name, where Linux tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
