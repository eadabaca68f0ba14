"""docs/benchmarks.md: the table of one whole run, with what must be known to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.measures import CLIENTS, MEASURES
from bench.report import Row, markdown
from linkid.platform import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"
_TEXT: Final = Path(__file__).with_name("page.md")


def write_page(rows: Sequence[Row], machine: Mapping[str, str], page: Path = PAGE) -> None:
    """Write it anew from one run."""
    waiting = [f"* `{each.name}`: waits for {each.waits_for}." for each in MEASURES if each.waits_for]
    text = _TEXT.read_text(encoding="utf-8").format(
        machine="\n".join(f"| {name} | {value} |" for name, value in machine.items()),
        table=markdown(rows),
        waiting="\n".join(["", "Not measured yet:", "", *waiting]) if waiting else "",
        clients=CLIENTS,
    )
    page.write_text(text, encoding="utf-8")
