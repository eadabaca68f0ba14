"""A caller that waits for the holder: woken in time, and what it hears before it is written down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from foundation.database import Connection
from hsm_service.signing import errors
from hsm_service.signing.adapters import wakeups
from hsm_service.signing.ports import Verdict
from hsm_service.signing.service import Approved, Asked, StillWaiting, requests
from tests.signing.asking import MINE, ask_for, signed
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = [IN_MODULES_LOOP, pytest.mark.usefixtures("known")]

PATIENCE = 20.0
"""Seconds: less than the longest wait, at whose end a poll looks in any case."""
KILL_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'linkid-wakeups' AND datname = current_database()"
)


@pytest.fixture
def nothing_else_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look without a bell before the end of the longest wait."""
    monkeypatch.setattr(requests, "LOOK_AGAIN", 60.0)


async def held(world: World, asked: Asked) -> asyncio.Task[Approved | StillWaiting]:
    """A poll that looked once, and waits."""
    waiting = asyncio.create_task(world.signing.check(MINE, asked.handle, wait=requests.MAX_WAIT))
    async with asyncio.timeout(PATIENCE):
        while world.sam.bodies[-1][0] != "documents/state":
            await asyncio.sleep(0.01)
    return waiting


@pytest.mark.usefixtures("nothing_else_wakes")
async def test_a_poll_that_waits_is_woken(world: World) -> None:
    """A waiting poll answers when a phone decided at whichever gateway, long before it would look again."""
    asked = await world.signing.ask(MINE, ask_for(await world.credential()))
    waiting = await held(world, asked)
    world.sam.approve(asked.document)
    # As another gateway would: by the database alone.
    await world.owner.execute("SELECT pg_notify('signing_settled', $1)", asked.document)
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await waiting, Approved)


@pytest.mark.usefixtures("nothing_else_wakes")
async def test_a_poll_is_woken_when_the_listener_is_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told while nobody listened is not lost: when the gateway listens again, whoever waits looks."""
    monkeypatch.setattr(wakeups, "_AGAIN_SECONDS", 0.05)
    asked = await world.signing.ask(MINE, ask_for(await world.credential()))
    waiting = await held(world, asked)
    async with asyncio.timeout(PATIENCE):
        while not await world.owner.fetch(KILL_LISTENERS):
            await asyncio.sleep(0.01)
    world.sam.approve(asked.document)
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await waiting, Approved)


async def test_a_poll_looks_for_itself_when_whoever_was_to_ring_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway carried the decision and was killed: no bell, no broken listener, and the approval is found."""
    monkeypatch.setattr(requests, "LOOK_AGAIN", 0.05)
    asked = await world.signing.ask(MINE, ask_for(await world.credential()))
    waiting = await held(world, asked)
    world.sam.approve(asked.document)
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await waiting, Approved)


async def test_a_poll_without_a_bell_ends_by_itself(world: World) -> None:
    """A short wait ends with 'still waiting', and a negative or huge one does no harm."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    for wait in (0, -5, 0.05):
        state = await world.signing.check(MINE, asked.handle, wait=wait)
        assert isinstance(state, StillWaiting)
        assert state.expires_in == 180


async def _never_asked(_document: str) -> None:
    raise AssertionError("asked again")


async def _carry(world: World, document: str, verdict: Verdict) -> None:
    async def carried(connection: Connection) -> None:
        await world.signing.decided(connection, document, verdict)

    await world.commits.run(carried)


async def test_a_carried_decision_is_known_without_asking_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits at the gateway that carried it hears it before it is written down, signs, and may ask anew at once: all
    of it comes after the carrier's note, in the order in which it happened."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential, "contrato"))
    waiting = await held(world, asked)
    activation = world.sam.approve(asked.document)
    verdict = await world.signing._sam.verdict(asked.document)
    monkeypatch.setattr(world.signing._sam, "verdict", _never_asked)
    with world.signing.heard(asked.document, verdict):
        state = await waiting
        assert isinstance(state, Approved)
        assert await states(world, asked.document) == [("waiting", None)]
        noted = asyncio.create_task(_carry(world, asked.document, verdict))
        await asyncio.sleep(0)  # its note is queued
        assert len(await signed(world, MINE, state.sad, credential, "contrato")) == 1
        again = await world.signing.ask(MINE, ask_for(credential, "outro"))
        await noted
    await world.commits.so_far()
    assert await states(world, asked.document) == [("signed", activation)]
    assert await states(world, again.document) == [("waiting", None)]
    with world.signing.heard(asked.document, verdict):  # the phone did not hear the answer, and decides again
        await _carry(world, asked.document, verdict)
    assert await states(world, asked.document) == [("signed", activation)]


async def test_what_was_heard_and_not_written_down_is_asked_again(world: World) -> None:
    """A carrier whose note fails keeps nothing: the request waits on, and the next look learns it from the SAM."""
    asked = await world.signing.ask(MINE, ask_for(await world.credential()))
    activation = world.sam.approve(asked.document)
    verdict = await world.signing._sam.verdict(asked.document)
    with suppress(RuntimeError), world.signing.heard(asked.document, verdict):
        assert isinstance(await world.signing.check(MINE, asked.handle), Approved)
        raise RuntimeError("the note fails")
    assert await states(world, asked.document) == [("waiting", None)]
    assert isinstance(await world.signing.check(MINE, asked.handle), Approved)
    assert await states(world, asked.document) == [("approved", activation)]


@asynccontextmanager
async def being_written_down(world: World, document: str) -> AsyncIterator[None]:
    """Within the block this gateway heard what became of a document, and its commits are slow: the note waits behind
    another, until two wait or the block is over."""
    over = asyncio.Event()
    verdict = await world.signing._sam.verdict(document)

    async def slow(_connection: Connection) -> None:
        while len(world.commits._queue) < 2 and not over.is_set():
            await asyncio.sleep(0)

    before = asyncio.create_task(world.commits.run(slow))
    await asyncio.sleep(0)
    with world.signing.heard(document, verdict):
        noted = asyncio.create_task(_carry(world, document, verdict))
        await asyncio.sleep(0)  # it is queued
        try:
            yield
        finally:
            over.set()
            await asyncio.gather(before, noted)


async def test_who_hears_a_no_at_once_is_not_faster_than_its_patience(world: World) -> None:
    """A caller that asks anew in the moment between hearing a no and its being written down is left outside as ever."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.refuse(asked.document, "refuse:not-me")
    async with being_written_down(world, asked.document):
        with pytest.raises(errors.RequestRefused):
            await world.signing.check(MINE, asked.handle)
        with pytest.raises(errors.HolderLeftAlone):
            await world.signing.ask(MINE, ask_for(credential))


async def states(world: World, document: str) -> list[tuple[str, str | None]]:
    rows = await world.owner.fetch("SELECT state, activation FROM signing.requests WHERE document = $1", document)
    return [(row["state"], row["activation"]) for row in rows]
