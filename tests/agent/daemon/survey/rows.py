"""The rows of the table: a program, what it does with the certificate, and what is known of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.agent.daemon.survey.columns import BAD, GOOD, SILENT, Cell, Column
from tests.agent.daemon.survey.world import World

Use: TypeAlias = Callable[[World], Awaitable[bool]]
"""Whether the program got what it wanted, and a stranger finds it good. Raises Lacking."""


@dataclass(frozen=True)
class Row:
    """``unusual``: columns, by name, that end otherwise than they usually do, and rightly so: docs/desktop.md says why.

    ``lives_on``: it stays open between its two goes where the daemon is killed. ``silent``: no phone rings for it.
    """

    name: str
    use: Use
    note: str = ""
    unusual: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lives_on: bool = False
    silent: bool = False

    def expected(self, column: Column) -> tuple[str, ...]:
        """How it ends, as docs/desktop.md says."""
        if self.silent and column.name != "yes":
            return (SILENT,)
        return self.unusual.get(column.name, column.usual)

    def right(self, column: Column, cell: Cell) -> bool:
        """Nobody can be blamed for a program that is not here."""
        return cell.lacking or cell.ends == self.expected(column)


REGISTERED: dict[str, Row] = {}
"""By name; `table.py` puts them in order."""
LOST: Mapping[str, tuple[str, ...]] = {"killed": (BAD, BAD, GOOD)}
"""A program that has lost its daemon, and finds the token again only when it is opened anew."""


def row(
    name: str,
    note: str = "",
    *,
    unusual: Mapping[str, tuple[str, ...]] | None = None,
    lives_on: bool = False,
    silent: bool = False,
) -> Callable[[Use], Use]:
    """The function below is this row's use of the program."""

    def keep(use: Use) -> Use:
        REGISTERED[name] = Row(name, use, note, unusual or {}, lives_on, silent)
        return use

    return keep
