"""A table of states: what may follow what, and nothing else.

The same table is used four times: by ``after`` in pure code, by ``steps`` inside the guarded UPDATE that changes a row
(so that the database applies exactly this table, atomically), by ``diagram`` for the pictures in ``docs/diagrams``, and
by the tests that walk it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class Impossible(Exception):
    """This event cannot happen in this state. A service turns it into the error that fits the person's situation."""


class Machine(Generic[State, Event]):
    """An immutable table ``state → event → state``. A state without a row of events is final."""

    def __init__(self, name: str, start: State, table: Mapping[State, Mapping[Event, State]]) -> None:
        """``name`` is the file name of its picture. Every state must have a row, be it empty."""
        self.name = name
        self.start = start
        self._table = {state: dict(row) for state, row in table.items()}
        if set(self._table) != set(type(start)):
            raise ValueError(f"{name}: the table must have one row for each of {list(type(start))}")

    def after(self, state: State, event: Event) -> State:
        """The state that follows. Raises Impossible, and then nothing has changed."""
        try:
            return self._table[state][event]
        except KeyError:
            raise Impossible(f"{self.name}: {event} in state {state}") from None

    def allows(self, state: State, event: Event) -> bool:
        """Whether the event can happen now."""
        return event in self._table[state]

    def is_final(self, state: State) -> bool:
        """Whether nothing can happen any more."""
        return not self._table[state]

    def steps(self, event: Event) -> tuple[list[str], list[str]]:
        """The rows of this event as two columns (sources, targets), for a guarded UPDATE … FROM unnest(…)."""
        rows = [(state, row[event]) for state, row in self._table.items() if event in row]
        return [str(source) for source, _ in rows], [str(target) for _, target in rows]

    def diagram(self) -> str:
        """The table as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start}"]
        for state, row in self._table.items():
            for event, target in row.items():
                lines.append(f"    {state} --> {target}: {event.replace('_', ' ')}")
        lines += [f"    {state} --> [*]" for state in self._table if self.is_final(state)]
        return "\n".join(lines) + "\n"
