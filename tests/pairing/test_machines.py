"""The tables of states: what they allow, what they never allow, and that rows and pictures agree with them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.machine import Impossible, Machine
from pairing.domain.ceremony import DEVICE, NUMBER_PROOF, Device, DeviceEvent
from pairing.domain.link import LINK, OPEN, Link, LinkEvent
from tools.draw_states import MACHINES, drawn

ALL = [pytest.param(machine, id=machine.name) for machine in MACHINES]


@pytest.mark.parametrize("machine", ALL)
def test_every_state_is_reached_and_every_road_ends(machine: Machine[Any, Any]) -> None:
    """No state is dead wood, and from each one a final state can be reached."""
    states: list[Any] = list(_states(machine))
    events = {event for state in states for event in _events(machine, state)}
    reached = _closure(machine, {machine.start}, events)

    assert reached == set(states)
    for state in states:
        assert any(machine.is_final(one) for one in _closure(machine, {state}, events))


@pytest.mark.parametrize("machine", ALL)
def test_the_columns_for_the_database_are_the_table(machine: Machine[Any, Any]) -> None:
    """What a guarded UPDATE is handed says exactly what `after` does."""
    for state in _states(machine):
        for event in _events(machine, state):
            sources, targets = machine.steps(event)

            assert dict(zip(sources, targets, strict=True))[str(state)] == str(machine.after(state, event))


@pytest.mark.parametrize("machine", ALL)
def test_the_picture_is_current(machine: Machine[Any, Any]) -> None:
    """`python -m tools.draw_states` was run after the table changed."""
    file = Path(__file__).parents[2] / "docs" / "diagrams" / f"{machine.name}.md"

    assert file.read_text(encoding="utf-8") == drawn(machine)


def test_an_impossible_event_raises() -> None:
    """A final state stays what it is."""
    for event in LinkEvent:
        with pytest.raises(Impossible):
            LINK.after(Link.DEAD, event)


def test_a_table_without_a_row_for_a_state_is_refused() -> None:
    """A state that was added to the enumeration and forgotten in the table is found at import."""
    with pytest.raises(ValueError, match="one row for each"):
        Machine("half", Link.WAITING, {Link.WAITING: {LinkEvent.SCAN: Link.CLAIMED}})


@given(st.lists(st.sampled_from(DeviceEvent), max_size=12))
def test_a_device_is_active_only_after_name_password_and_test(events: list[DeviceEvent]) -> None:
    """Whatever happens in whatever order: without all three, in this order, nothing becomes active."""
    state, seen = DEVICE.start, []
    for event in events:
        if DEVICE.allows(state, event):
            state = DEVICE.after(state, event)
            seen.append(event)

    if state is Device.ACTIVE:
        kept = [seen.index(event) for event in (DeviceEvent.NAME, DeviceEvent.BOUND, DeviceEvent.TEST_APPROVED)]
        assert kept == sorted(kept)


@given(st.lists(st.sampled_from(LinkEvent), max_size=12))
def test_a_link_is_associated_only_by_scan_approval_and_check(events: list[LinkEvent]) -> None:
    """No other road leads there, and none leads on from there."""
    state, seen = LINK.start, []
    for event in events:
        if LINK.allows(state, event):
            state = LINK.after(state, event)
            seen.append(event)

    if state is Link.ASSOCIATED:
        assert seen == [LinkEvent.SCAN, LinkEvent.APPROVE, LinkEvent.CHECK_RIGHT]


def test_a_claimed_code_is_never_offered_again() -> None:
    """Nothing leads back to waiting."""
    assert all(str(Link.WAITING) not in LINK.steps(event)[1] for event in LinkEvent)
    assert OPEN == (Link.WAITING, Link.CLAIMED, Link.APPROVED)


def test_a_number_is_proved_once() -> None:
    """A verified or dead proof takes no event."""
    assert [state for state in type(NUMBER_PROOF.start) if NUMBER_PROOF.is_final(state)] == ["verified", "dead"]


def _states(machine: Machine[Any, Any]) -> Any:
    return type(machine.start)


def _events(machine: Machine[Any, Any], state: Any) -> list[Any]:
    return [event for event in _event_type(machine) if machine.allows(state, event)]


def _event_type(machine: Machine[Any, Any]) -> Any:
    return type(next(event for row in machine._table.values() for event in row))


def _closure(machine: Machine[Any, Any], reached: set[Any], events: set[Any]) -> set[Any]:
    while True:
        more = {machine.after(state, event) for state in reached for event in events if machine.allows(state, event)}
        if more <= reached:
            return reached
        reached = reached | more
