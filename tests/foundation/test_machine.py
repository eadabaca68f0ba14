"""A table of states: what may follow what, and nothing else."""

from enum import StrEnum

import pytest

from foundation.machine import Impossible, Machine


class Lamp(StrEnum):
    """States."""

    OFF = "off"
    ON = "on"
    BROKEN = "broken"


class Act(StrEnum):
    """Events."""

    PRESS = "press"
    DROP_IT = "drop_it"


LAMP = Machine(
    "lamp",
    Lamp.OFF,
    {
        Lamp.OFF: {Act.PRESS: Lamp.ON, Act.DROP_IT: Lamp.BROKEN},
        Lamp.ON: {Act.PRESS: Lamp.OFF, Act.DROP_IT: Lamp.BROKEN},
        Lamp.BROKEN: {},
    },
)


def test_what_the_table_says_happens() -> None:
    """Each event leads where its row says."""
    assert LAMP.after(Lamp.OFF, Act.PRESS) is Lamp.ON
    assert LAMP.after(Lamp.ON, Act.PRESS) is Lamp.OFF
    assert LAMP.allows(Lamp.ON, Act.DROP_IT)


def test_what_it_does_not_say_is_impossible() -> None:
    """A final state allows nothing."""
    assert LAMP.is_final(Lamp.BROKEN)
    assert not LAMP.is_final(Lamp.ON)
    assert not LAMP.allows(Lamp.BROKEN, Act.PRESS)
    with pytest.raises(Impossible, match="lamp: press in state broken"):
        LAMP.after(Lamp.BROKEN, Act.PRESS)


def test_a_table_must_be_complete() -> None:
    """A forgotten state is found at import."""
    with pytest.raises(ValueError, match="one row for each"):
        Machine("lamp", Lamp.OFF, {Lamp.OFF: {Act.PRESS: Lamp.ON}})


def test_a_table_cannot_be_changed_from_outside() -> None:
    """It is copied."""
    table: dict[Lamp, dict[Act, Lamp]] = {state: {} for state in Lamp}
    machine = Machine("lamp", Lamp.OFF, table)
    table[Lamp.OFF][Act.PRESS] = Lamp.ON

    assert machine.is_final(Lamp.OFF)


def test_steps_are_columns_for_the_database() -> None:
    """Source and target of each row that knows the event."""
    assert LAMP.steps(Act.PRESS) == (["off", "on"], ["on", "off"])


def test_diagram_is_drawn_from_the_table() -> None:
    """Every transition, the start and the ends."""
    lines = LAMP.diagram().splitlines()

    assert lines[:2] == ["stateDiagram-v2", "    [*] --> off"]
    assert "    on --> broken: drop it" in lines
    assert lines[-1] == "    broken --> [*]"
