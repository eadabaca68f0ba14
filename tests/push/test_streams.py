"""The rules of streams, without a clock: lives that differ, heartbeats spread evenly, a crowd that is given times."""

import asyncio
from collections import Counter
from hashlib import shake_256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.ids import Random
from foundation.web.errors import ErrorTable
from push.domain.streams import (
    LONGEST_WAIT,
    UNREAD_SECONDS,
    Admission,
    StreamTimes,
    Wheel,
    full_wait,
    life,
    whole_seconds,
)
from push.errors import StreamsBusy
from push.service.door import Door


def random_of(seed: int) -> Random:
    """The same bytes for the same seed, others for the next call."""
    calls = iter(range(1_000_000))
    return lambda length: shake_256(f"{seed}|{next(calls)}".encode()).digest(length)


def test_streams_opened_together_do_not_end_together() -> None:
    """Each lives half an hour to an hour; in no minute do many more end than in another."""
    times, random = StreamTimes(), random_of(1)
    lives = [life(times, random) for _ in range(3000)]
    minutes = Counter(int(one // 60) for one in lives)

    assert min(lives) >= 1800
    assert max(lives) <= 3600
    assert set(minutes) == set(range(30, 60))
    assert max(minutes.values()) < 3000 / 30 * 1.5
    assert life(times, bytes) == 1800
    assert life(times, lambda length: b"\xff" * length) < 3600


def test_what_is_silent_too_long_for_a_proxy_never_happens() -> None:
    """Heartbeats come before proxies (30 s) and phones (40 s) lose patience; the kernel gives a phone two of them."""
    assert StreamTimes().heartbeat < 30
    assert 2 * StreamTimes().heartbeat < UNREAD_SECONDS


def test_a_burst_is_spread_over_the_whole_round() -> None:
    """A thousand that come at one moment sit ten to a seat; each is looked after once a round, until it leaves."""
    wheel: Wheel[int] = Wheel(seats=100)
    seats = {member: wheel.sit(member) for member in range(1000)}
    rounds = [wheel.turn() for _ in range(100)]

    assert {len(some) for some in rounds} == {10}
    assert sorted(member for some in rounds for member in some) == sorted(seats)

    for member in range(1000):
        if member % 7:
            wheel.leave(member, seats[member])
            wheel.leave(member, seats[member])
    assert sorted(member for _ in range(100) for member in wheel.turn()) == list(range(0, 1000, 7))


def test_whoever_is_looked_after_may_leave_or_come_meanwhile() -> None:
    """Ending a stream in its turn does not disturb the others' turn."""
    wheel: Wheel[str] = Wheel(seats=1)
    seats = {name: wheel.sit(name) for name in "abc"}
    for name in wheel.turn():
        wheel.leave(name, seats[name])
        wheel.sit(name * 2)

    assert sorted(wheel.turn()) == ["aa", "bb", "cc"]


def test_a_crowd_is_told_to_come_one_after_the_other() -> None:
    """Those inside need a tenth of a second each, ten at a time: so a hundred a second are told to come back."""
    admission = Admission(inside=10, queue=40)
    for _ in range(500):  # what it learned before
        assert admission.enter(0.0) is None
        admission.leave(0.1)
    inside = [admission.enter(100.0) for _ in range(50)]
    waits = [admission.enter(100.0) for _ in range(2000)]

    assert inside == [None] * 50
    assert None not in waits
    told = [wait for wait in waits if wait is not None]
    assert told == sorted(told)
    assert told[-1] == pytest.approx(20.5, rel=0.02)
    assert max(Counter(int(wait) for wait in told if wait > 1.01).values()) <= 101


def test_who_leaves_makes_room_and_the_promised_times_pass() -> None:
    """One that gave up before it got inside teaches nothing and takes no place; later, nobody is held to old times."""
    admission = Admission(inside=1, queue=0)
    assert admission.enter(0.0) is None
    far = [admission.enter(0.0) for _ in range(100_000)][-1]
    admission.leave(None)

    assert far == LONGEST_WAIT
    assert admission.enter(1.0) is None
    assert admission.enter(10_000.0) == 1.0


@given(st.floats(min_value=1, max_value=60), st.binary(min_size=4, max_size=4))
@settings(max_examples=30)
def test_nobody_is_told_to_come_too_early_or_much_too_late(wait: float, bits: bytes) -> None:
    """Whole seconds, rounded up, with a quarter of disorder at most; of a full gateway 5 to 15."""
    assert wait <= whole_seconds(wait, lambda _: bits) <= wait * 1.25 + 1
    assert 5 <= full_wait(lambda _: bits) <= 15


async def test_the_door_lets_so_many_in_and_tells_the_others_when() -> None:
    """Two inside, one waits, the fourth is sent away with its time; whoever fails or goes makes room."""
    door, open_up = Door(Admission(inside=2, queue=1), inside=2, random=bytes), asyncio.Event()
    inside: list[int] = []

    async def come(number: int) -> None:
        async with door.passing():
            inside.append(number)
            await open_up.wait()
            if number == 0:
                raise OSError("went away")

    coming = [asyncio.create_task(come(number)) for number in range(3)]
    while len(inside) < 2:
        await asyncio.sleep(0)
    with pytest.raises(StreamsBusy) as sent_away:
        async with asyncio.timeout(5):
            await come(3)
    coming[2].cancel()  # the one that waits loses patience
    await asyncio.wait([coming[2]])
    open_up.set()

    assert sent_away.value.retry_after == 1
    answer = ErrorTable().respond(sent_away.value, path="/phone/v1/live", request_id="rq_x")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert [type(each) for each in await asyncio.gather(*coming[:2], return_exceptions=True)] == [OSError, type(None)]
    await asyncio.gather(come(4), come(5), come(6))  # nobody holds a place any more
    assert inside[2:] == [4, 5, 6]
