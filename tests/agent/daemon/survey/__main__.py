"""Every row under every column; see the package's own words."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from linkid.platform import VAR
from tests.agent.daemon.survey.browsers import chosen_certificate
from tests.agent.daemon.survey.columns import COLUMNS, SHOWN, Cell, Column
from tests.agent.daemon.survey.page import PAGE, page
from tests.agent.daemon.survey.rows import Row
from tests.agent.daemon.survey.running import cell
from tests.agent.daemon.survey.table import ROWS
from tests.agent.daemon.survey.world import People

KEPT = VAR / "test-programs.json"
SIDE_BY_SIDE = 8
"""Cells that wait at the same time: each has a daemon, some a browser."""
PATIENT = 5.0
"""Seconds: columns that wait so long, or longer, do it side by side."""


class Results:
    """Cells by row and column; kept in a file, so that a run that was cut off goes on with RESUME=1."""

    def __init__(self, *, resume: bool) -> None:
        self._began = time.monotonic()
        self.started, self._before = datetime.now(UTC), 0.0
        self.cells: dict[str, dict[str, Cell]] = {name: {} for name in ROWS}
        if resume and KEPT.exists():
            kept: dict[str, Any] = json.loads(KEPT.read_text())
            self.started, self._before = datetime.fromisoformat(kept["started"]), kept["seconds"]
            for name in ROWS:
                self.cells[name] = {key: Cell.of(tries) for key, tries in kept["cells"].get(name, {}).items()}

    @property
    def seconds(self) -> float:
        """Of every run that filled them."""
        return self._before + time.monotonic() - self._began

    def put(self, row: Row, column: Column, found: Cell) -> None:
        self.cells[row.name][column.name] = found
        cells = {name: {key: one.data() for key, one in columns.items()} for name, columns in self.cells.items()}
        KEPT.write_text(json.dumps({"started": self.started.isoformat(), "seconds": self.seconds, "cells": cells}))

    def settled(self, row: Row, column: Column) -> bool:
        """Whether there is a result that was as it should be."""
        found = self.cells[row.name].get(column.name)
        return found is not None and not found.lacking and row.right(column, found)

    def not_here(self, row: Row) -> bool:
        return "yes" in self.cells[row.name] and self.cells[row.name]["yes"].lacking

    @property
    def whole(self) -> bool:
        return all(self.not_here(row) or all(key in self.cells[name] for key in SHOWN) for name, row in ROWS.items())


@dataclass
class Survey:
    """A run. ``again``: what is settled is done once more."""

    results: Results
    again: bool
    people: People = field(default_factory=People.new)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(SIDE_BY_SIDE))
    odd: list[str] = field(default_factory=list)

    async def fill(self, row: Row, column: Column) -> None:
        """One cell."""
        if self.results.not_here(row) and column.name != "yes":
            return
        if not self.again and self.results.settled(row, column):
            return
        found = await cell(row, column, self.people)
        self.results.put(row, column, found)
        told = f"{row.name} [{column.title}]: {found.text()}"
        if not row.right(column, found):
            self.odd.append(told)
            told = f"UNEXPECTED {told}"
        print(told, flush=True)

    async def fill_beside_others(self, row: Row, column: Column) -> None:
        async with self.turns:
            await self.fill(row, column)

    async def fill_all(self, rows: Sequence[Row], columns: Sequence[Column]) -> None:
        """The quick columns one by one, on a machine that is quiet; then those that wait."""
        for row in rows:
            for column in columns:
                if column.after < PATIENT:
                    await self.fill(row, column)
        longest_first = sorted((one for one in columns if one.after >= PATIENT), key=lambda one: -one.after)
        await asyncio.gather(*(self.fill_beside_others(row, column) for column in longest_first for row in rows))


async def main(chosen: Sequence[str]) -> int:
    """Answers the exit status: 0 when every cell of a program that is here ended as the documents say."""
    rows = [row for name, row in ROWS.items() if not chosen or any(word in name for word in chosen)]
    under = os.environ.get("UNDER", ",".join(SHOWN)).split(",")
    resume = bool(os.environ.get("RESUME"))
    survey = Survey(Results(resume=resume), again=bool(chosen) or not resume)
    async with chosen_certificate():
        await survey.fill_all(rows, [column for column in COLUMNS if column.name in under])
    if survey.results.whole:
        written = page(survey.results.cells, survey.results.started, survey.results.seconds / 60)
        PAGE.write_text(written, encoding="utf-8")
    print("\n".join(["", *survey.odd]) if survey.odd else "every cell ended as docs/desktop.md says")
    return 1 if survey.odd else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
