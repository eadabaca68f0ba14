"""Rows of a benchmark run: what they hold, how people see them, how later runs read them."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measured thing.

    ``value`` is the median of ``rounds`` (in ``unit``); ``ratio`` is the median over rounds of value / reference of the
    same round, so that a machine that slows down for a minute slows both. ``reference`` names the row compared with.
    """

    name: str
    value: float
    unit: str
    reference: str
    ratio: float
    rounds: list[float]


def row(name: str, unit: str, rounds: Sequence[float], reference: str, of_reference: Sequence[float]) -> Row:
    """A row from the figures of each round; both sequences have one figure a round, in the same order."""
    ratios = [value / base for value, base in zip(rounds, of_reference, strict=True)]
    return Row(
        name=name,
        value=round(statistics.median(rounds), 2),
        unit=unit,
        reference=reference,
        ratio=round(statistics.median(ratios), 4),
        rounds=[round(value, 2) for value in rounds],
    )


def table(rows: Sequence[Row]) -> str:
    """For people: aligned columns, ratio to two places."""
    lines = [("what", "median", "unit", "ratio", "to", "rounds (min - max)")]
    for each in rows:
        spread = f"{len(each.rounds)} ({min(each.rounds):,.1f} - {max(each.rounds):,.1f})"
        lines.append((each.name, f"{each.value:,.1f}", each.unit, f"{each.ratio:.3f}", each.reference, spread))
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    right = {1, 3}
    return "\n".join(
        "  ".join(
            text.rjust(widths[at]) if at in right else text.ljust(widths[at]) for at, text in enumerate(line)
        ).rstrip()
        for line in lines
    )


def save(rows: Sequence[Row], path: Path) -> None:
    """Merge into ``latest.json``: rows measured now replace those of the same name, others stay."""
    known: dict[str, object] = {}
    if path.exists():
        known = {each["name"]: each for each in json.loads(path.read_text())}
    known.update({each.name: asdict(each) for each in rows})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(known.values()), indent=2) + "\n")
