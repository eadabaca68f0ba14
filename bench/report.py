"""Rows of a benchmark run: what they hold, how people see them, how later runs read them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final

_LATEST: Final = "latest.json"


@dataclass(frozen=True)
class Row:
    """One measured thing. ``value`` is the median of ``rounds``."""

    name: str
    what: str
    value: float
    unit: str
    """``ratio`` to the reference of the same round; ``ms``, ``kB``, ``MB``."""
    floor: float
    goal: float
    rounds: Sequence[float]
    more_is_better: bool = True
    rate: float | None = None
    """Things (signatures, calls) a second, median."""
    reference: str = ""
    reference_rate: float | None = None
    generator_share: float | None = None
    """Of all cores' time in the window, what the load generator used itself; median."""
    cpu: Mapping[str, float] = field(default_factory=dict)
    """Microseconds of processor time for one thing, by process; medians."""
    remarks: str = ""
    once: bool = False
    """Whether one round is all there is: memory is not measured again and again."""

    @property
    def verdict(self) -> str:
        """Against floor and goal."""
        sign = 1 if self.more_is_better else -1
        if sign * self.value >= sign * self.goal:
            return "goal"
        return "floor" if sign * self.value >= sign * self.floor else "below"


def median_of(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Name by name."""
    names = sorted({name for part in parts for name in part})
    return {name: round(statistics.median(part.get(name, 0.0) for part in parts), 1) for name in names}


def table(rows: Sequence[Row]) -> str:
    """For a terminal: what was measured, then what it cost each process."""
    lines = [
        ("row", "median", "unit", "floor", "goal", "is", "rounds (min - max)", "rate/s", "reference/s", "generator")
    ]
    for row in rows:
        lines.append(
            (
                row.name,
                _figure(row.value, row.unit),
                row.unit,
                f"{row.floor:g}",
                f"{row.goal:g}",
                row.verdict,
                f"{len(row.rounds)} ({_figure(min(row.rounds), row.unit)} - {_figure(max(row.rounds), row.unit)})",
                _rate(row.rate),
                _rate(row.reference_rate),
                _share(row.generator_share),
            )
        )
    costs = [("µs of CPU for one", *_processes(rows))]
    costs += [(row.name, *(_cost(row.cpu.get(name)) for name in _processes(rows))) for row in rows if row.cpu]
    return _aligned(lines, left={0, 2, 5, 6}) + ("\n\n" + _aligned(costs, left={0}) if len(costs) > 1 else "")


def markdown(measured: Sequence[Kept]) -> str:
    """The same for a page, each row with its date and how busy the machine was with others' work before the run."""
    rows = [each.row for each in measured]
    lines = [
        "| row | what | median | floor | goal | rounds (min to max) | rate/s | reference | reference/s | generator "
        "| measured, load before |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row, machine in ((each.row, each.machine) for each in measured):
        unit = "" if row.unit == "ratio" else f" {row.unit}"
        spread = f"{len(row.rounds)} ({_figure(min(row.rounds), row.unit)} to {_figure(max(row.rounds), row.unit)})"
        cells = (
            f"`{row.name}`",
            row.what + (f". {row.remarks}" if row.remarks else ""),
            f"**{_figure(row.value, row.unit)}{unit}**",
            f"{row.floor:g}{unit}",
            f"{row.goal:g}{unit}",
            spread,
            _rate(row.rate),
            row.reference or "-",
            _rate(row.reference_rate),
            _share(row.generator_share),
            f"{machine['date']}, {machine['load before'].split()[0]}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    names = _processes(rows)
    lines += ["", "Microseconds of processor time for one signature (or call), by process:", ""]
    lines += ["| row | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        if row.cpu:
            lines.append(f"| `{row.name}` | " + " | ".join(_cost(row.cpu.get(name)) for name in names) + " |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Kept:
    """A row as an earlier run left it, with the machine and the date that it belongs to."""

    row: Row
    machine: Mapping[str, str]


def kept(folder: Path) -> list[Kept]:
    """The newest of each row."""
    latest = folder / _LATEST
    entries = json.loads(latest.read_text(encoding="utf-8")) if latest.exists() else []
    names = [each.name for each in fields(Row)]
    return [Kept(Row(**{name: entry[name] for name in names if name in entry}), entry["machine"]) for entry in entries]


def save(rows: Sequence[Row], machine: Mapping[str, str], folder: Path) -> Path:
    """This run in a file of its own, and as ``latest.json``, where rows of earlier runs that were not measured now stay
    with their machine and date. The latter's path."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [{**asdict(row), "verdict": row.verdict, "machine": dict(machine)} for row in rows]
    stamp = machine["date"].replace(" ", "T").replace(":", "").replace("TUTC", "Z")
    (folder / f"run-{stamp}.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    latest = folder / _LATEST
    known: dict[str, object] = {}
    if latest.exists():
        known = {each["name"]: each for each in json.loads(latest.read_text(encoding="utf-8"))}
    known.update({str(each["name"]): each for each in entries})
    latest.write_text(json.dumps(list(known.values()), indent=2, ensure_ascii=False) + "\n")
    return latest


def _processes(rows: Sequence[Row]) -> list[str]:
    return sorted({name for row in rows for name in row.cpu}, key=lambda name: (name == "generator", name))


def _figure(value: float, unit: str) -> str:
    return f"{value:.1f}" if unit != "ratio" else f"{value:.3f}"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _cost(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _aligned(lines: Sequence[Sequence[str]], left: set[int]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(widths[at]) if at in left else text.rjust(widths[at]) for at, text in enumerate(line)
        ).rstrip()
        for line in lines
    )
