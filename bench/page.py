"""docs/benchmarks.md: the newest of each row that was measured in full, with what must be known to read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.measures import CLIENTS, ROWS, Pace
from bench.report import Kept, Row, markdown
from linkid.platform import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"
_OF_A_ROW: Final = ("date", "load before")
_TEXT: Final = Path(__file__).with_name("page.md")


def write_page(measured: Sequence[Kept], page: Path = PAGE) -> None:
    """Write it anew from what is kept; rows of fewer rounds than ``Pace`` asks for count as not measured."""
    whole = [each for each in measured if each.row.name in ROWS and _in_full(each.row)]
    whole.sort(key=lambda each: ROWS.index(each.row.name))
    machine = whole[-1].machine if whole else {}
    text = _TEXT.read_text(encoding="utf-8").format(
        machine="\n".join(f"| {name} | {value} |" for name, value in machine.items() if name not in _OF_A_ROW),
        table=markdown(whole),
        waiting=_missing({each.row.name for each in whole}),
        clients=CLIENTS,
        least="[the least that one signature costs](benchmarks-least.md)",
        why="[decision 0053](decisions/0053-what-a-signature-need-not-pay.md)",
        dearer="[decision 0064](decisions/0064-chains-stay-in-the-looks.md)",
        each="[decision 0067](decisions/0067-what-each-hash-costs.md)",
        heard="[decision 0068](decisions/0068-what-was-heard-holds-at-once.md)",
    )
    page.write_text(text, encoding="utf-8")


def _in_full(row: Row) -> bool:
    return row.once or len(row.rounds) >= Pace().rounds


def _missing(there: set[str]) -> str:
    lines = [f"* `{name}`." for name in ROWS if name not in there]
    return "\n".join(["", "Not measured yet:", "", *lines]) if lines else ""
