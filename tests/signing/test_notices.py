"""Who listens is told what became of a request although nobody asks; who does not listen costs nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from foundation.database import Connection
from foundation.errors import Unavailable
from hsm_service.signing.domain.request import Request, SessionAsk
from tests.signing.asking import MINE, OTHER, ask_for, state_of
from tests.signing.test_polls import being_written_down
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


class Recorder:
    """`ports.Notices`, of what committed."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None]] = []
        self.callers: Collection[str] = [MINE.id]

    def listening(self) -> Collection[str]:
        return self.callers

    async def settled(self, connection: Connection, request: Request) -> None:
        async def committed() -> None:
            self.told.append((request.state.value, request.reason))

        connection.after_commit(committed)

    async def given_back(self, activation: str) -> None:
        self.told.append(("given_back", activation))


@pytest.fixture
def recorder(world: World, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    one = Recorder()
    world.sam.integrators |= dict.fromkeys([MINE.id, OTHER.id], "Contratos SA")
    monkeypatch.setattr(world.signing, "_notices", one)
    monkeypatch.setattr(world.signing._lives, "_notices", one)
    return one


async def test_a_decision_is_told_when_the_phone_decides(world: World, recorder: Recorder) -> None:
    """Nobody polls: the decision that was carried settles the request, and it is told once."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    await world.decided(asked.document)
    assert recorder.told == []
    world.sam.approve(asked.document)
    for _ in range(3):
        await world.decided(asked.document)
    assert recorder.told == [("approved", None)]
    assert await state_of(world, asked) == "approved"
    await world.signing.check(MINE, asked.handle)
    assert len(recorder.told) == 1


async def test_a_request_that_nobody_answers_is_told_when_its_time_is_over(world: World, recorder: Recorder) -> None:
    """Looked for by itself; requests of others are left as they are."""
    credential = await world.credential()
    await world.signing.ask(MINE, ask_for(credential))
    others = await world.signing.ask(OTHER, ask_for(credential))
    assert await world.signing.follow_up() == 0
    world.clock.advance(timedelta(seconds=181))
    assert await world.signing.follow_up() == 1
    assert await world.signing.follow_up() == 0
    assert recorder.told == [("lapsed", None)]
    assert await state_of(world, others) == "waiting"


async def test_nobody_listens_nothing_is_asked(world: World, recorder: Recorder) -> None:
    """Of what no gateway carried: no look at the database, no call of the SAM."""
    recorder.callers = ()
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.approve(asked.document)
    world.clock.advance(timedelta(seconds=181))
    assert await world.signing.follow_up() == 0
    assert await state_of(world, asked) == "waiting"


async def test_a_sam_that_is_away_keeps_no_phone_waiting(
    world: World, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway that carried the phone's decision died before it wrote that down: made good later."""
    credential = await world.credential()
    asked = await world.signing.ask(MINE, ask_for(credential))
    world.sam.approve(asked.document)

    async def away(_document: str) -> None:
        raise Unavailable("no SAM")

    with monkeypatch.context() as broken:
        broken.setattr(world.signing._sam, "verdict", away)
        world.clock.advance(timedelta(seconds=181))
        assert await world.signing.follow_up() == 1
    assert recorder.told == []
    assert await world.signing.follow_up() == 1
    assert recorder.told == [("approved", None)]


async def test_a_session_ends_after_it_began(world: World, recorder: Recorder) -> None:
    """An application that gives its session back in the moment between hearing of it and its being written down: who
    is told of sessions hears of the beginning first, without which the end is nobody's news."""
    credential = await world.credential()
    until = int(world.clock.now().timestamp()) + 3600
    ask = SessionAsk(credential, until, 10, "Contratos de dezembro", "SHA-256", "RSA-PKCS1-SHA256")
    asked = await world.signing.ask(MINE, ask)
    activation = world.sam.approve(asked.document)
    async with being_written_down(world, asked.document):
        await world.signing.give_back(MINE, asked.document)
    assert recorder.told == [("approved", None), ("given_back", activation)]
