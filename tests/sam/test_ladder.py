"""The ladder of wrong passwords: 3 → 3 h, 6 → 24 h, 9 → for ever; pairing has one of its own."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import LinkIdError
from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.sam.attempts.domain import Highest, Ladder, Purpose, fresh
from hsm_service.sam.housekeeping import forget_tries
from protocol.errors import CredentialLocked, PasswordWrong
from tests.sam.world import START, Signer, World

WRONG = "Errada999"


def wait(world: World, **span: float) -> None:
    world.clock.advance(timedelta(**span))


def climb(ladder: Ladder, steps: int) -> Ladder:
    """Wrong tries, each as soon as it is allowed."""
    now = START
    for _ in range(steps):
        lock = ladder.locked(now)
        if lock is not None:
            assert lock.until is not None
            now = lock.until
        ladder = ladder.reserve(now)
    return ladder


def test_the_steps_of_the_ladder() -> None:
    """After the third wrong password 3 hours, after the sixth 24, after the ninth for ever."""
    waits = {}
    for count in range(10):
        ladder = climb(fresh("cred_x", "sign", START), count)
        lock = ladder.locked(ladder.last)
        waits[count] = None if lock is None else (lock.until - ladder.last if lock.until else "for ever")
    assert waits == {
        **dict.fromkeys(range(10)), 3: timedelta(hours=3), 6: timedelta(hours=24), 9: "for ever",
    }  # fmt: skip
    assert [climb(fresh("cred_x", "sign", START), count).tries_left for count in range(10)] == [
        3,
        2,
        1,
        0,
        2,
        1,
        0,
        2,
        1,
        0,
    ]


def test_pairing_closes_for_longer_and_longer() -> None:
    """Each fifth wrong password in pairing closes it: 1 h, 6 h, then 24 h each time, and never for ever."""
    waits = {}
    for count in range(1, 31):
        ladder = climb(fresh("cred_x", "pair", START), count)
        lock = ladder.locked(ladder.last)
        assert ladder.tries_left == -count % 5
        if lock is not None:
            assert lock.until is not None
            waits[count] = (lock.until - ladder.last) // timedelta(hours=1)
    assert waits == {5: 1, 10: 6, 15: 24, 20: 24, 25: 24, 30: 24}


def test_nobody_guesses_for_months_while_pairing() -> None:
    """Whoever guesses whenever it is allowed has 45 tries in the first week; by the hour it would be 840."""
    ladder, now, tries = fresh("cred_x", "pair", START), START, 0
    while now < START + timedelta(days=7):
        lock = ladder.locked(now)
        if lock is None:
            ladder, tries = ladder.reserve(now), tries + 1
        now += timedelta(minutes=1)
    assert tries == 45


def test_pairing_forgets_after_a_quiet_week() -> None:
    """A mistake of last week does not count, one of yesterday does; the right password forgives them all."""
    ladder = climb(fresh("cred_x", "pair", START), 4)
    assert ladder.reserve(ladder.last + timedelta(days=6)).count == 5
    assert ladder.reserve(ladder.last + timedelta(days=7)).count == 1
    right = ladder.reserve(ladder.last)
    assert right.forgive(right.total).count == 0


def test_a_right_password_on_a_ladder_that_was_turned_back() -> None:
    """A try that the row does not know any more forgives what stands there, and never more than there is."""
    ladder = climb(fresh("cred_x", "sign", START), 2)
    assert (ladder.forgive(5).forgiven, ladder.forgive(5).count) == (2, 0)
    assert ladder.forgive(1).count == 1


@given(st.lists(st.sampled_from(["wrong", "right-of-first", "right-of-last", "give-back"]), max_size=60))
def test_no_order_of_events_gives_more_than_nine_tries(events: list[str]) -> None:
    """Whatever happens in whatever order: nine unforgiven tries and no tenth; numbers only grow."""
    ladder, now, open_tries = fresh("cred_x", "sign", START), START, list[int]()
    for event in events:
        before = ladder
        if event == "wrong":
            lock = ladder.locked(now)
            if lock is not None and lock.until is None:
                assert ladder.count >= 9
                continue
            now = lock.until if lock is not None and lock.until is not None else now
            ladder = ladder.reserve(now)
            open_tries.append(ladder.total)
        elif not open_tries:
            continue
        elif event == "give-back":
            ladder = ladder.give_back()
        else:
            ordinal = open_tries.pop(0) if event == "right-of-first" else open_tries.pop()
            ladder = ladder.forgive(ordinal)
        assert ladder.total >= before.total
        assert ladder.forgiven >= before.forgiven
        assert 0 <= ladder.count <= 9


async def tried(world: World, phone: Signer, credential: str, password: str = WRONG) -> LinkIdError | None:
    """One request, one password."""
    request = await world.ask(credential)
    try:
        await world.approve(phone, request, password)
    except LinkIdError as error:
        await world.call("documents/withdraw", document=request.id)
        return error
    return None


async def test_wrong_passwords_climb_and_a_right_one_resets(world: World) -> None:
    """Through the SAM: tries left are told, the third closes, waiting opens, the right password resets."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    ask: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}
    request = await world.ask(credential, **ask)
    for left in (2, 1, 0):
        with pytest.raises(PasswordWrong) as caught:
            await world.approve(phone, request, WRONG)
        assert caught.value.data["tries_left"] == left
    with pytest.raises(CredentialLocked) as locked:
        await world.approve(phone, request)  # the right one, but too late
    assert locked.value.retry_after == 3 * 3600
    with pytest.raises(CredentialLocked):
        await world.ask(credential, caller={**world.integrator, "id": "cli_0123456789abcdefghjkmnpqrs"}, **ask)
    wait(world, hours=3, seconds=1)
    request = await world.ask(credential, **ask)
    assert (await world.approve(phone, request))["state"] == "approved"
    request = await world.ask(credential, **ask)
    with pytest.raises(PasswordWrong) as caught:
        await world.approve(phone, request, WRONG)
    assert caught.value.data["tries_left"] == 2


async def test_the_ninth_is_for_ever(world: World) -> None:
    """After nine wrong passwords only a new emission helps: years later too."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    for _ in range(3):
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        for _ in range(3):
            with pytest.raises(PasswordWrong):
                await world.approve(phone, request, WRONG)
        wait(world, hours=25)
    with pytest.raises(CredentialLocked) as locked:
        await world.ask(credential, algorithm="ECDSA-SHA256")
    assert locked.value.retry_after is None
    wait(world, days=400)
    with pytest.raises(CredentialLocked):
        await world.ask(credential, algorithm="ECDSA-SHA256")


async def test_a_rival_guess_stays_counted(world: World) -> None:
    """A right password forgives what was reserved up to itself, not a guess that came later on another phone."""
    credential = await world.credential("P-256")
    attempts = world.sam.rooms.decisions._attempts
    mine, thief = [await attempts.reserve(credential, "sign", bytes([proof]) * 32) for proof in range(2)]
    async with world.sam.database.transaction() as connection:
        await attempts.succeeded(connection, mine)
    assert thief.ordinal == mine.ordinal + 1
    assert (await attempts.reserve(credential, "sign", bytes([2]) * 32)).tries_left == 1


async def test_pairing_guesses_do_not_lock_signing(world: World) -> None:
    """Strangers who guess while pairing close pairing for an hour; the holder goes on signing."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    stranger = Signer()
    for _ in range(5):
        with pytest.raises(PasswordWrong):
            await world.pair(credential, stranger, WRONG)
    with pytest.raises(CredentialLocked) as locked:
        await world.pair(credential, stranger)
    assert locked.value.retry_after == 3600
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    assert (await world.approve(phone, request))["state"] == "approved"
    wait(world, hours=1, seconds=1)
    assert (await world.pair(credential, stranger))["state"] == "approved"


async def test_what_is_not_a_guess_is_not_counted(world: World) -> None:
    """A bad signature, a proof for another thing or a retired key never reach the password, and are not tries."""
    credential = await world.credential("P-256")
    phone, stranger = await world.phone(credential), Signer()
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    for signer, lies in ((stranger, {}), (phone, {"purpose": "pair"}), (phone, {"device": stranger.public})):
        body = signer.decision(request.statement, WRONG, **lies)
        code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
        assert code in ("decision_invalid", "proof_invalid")
    assert await world.sql("SELECT * FROM sam.attempts WHERE purpose = 'sign' AND total > 0") == []


async def test_an_outage_is_not_a_wrong_password(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the HSM fails before the password is tried, the try is given back."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")

    async def down(label: str, data: bytes) -> bytes:
        raise HsmUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(world.sam.hsm, "hmac", down)
        with pytest.raises(HsmUnavailable):
            await world.approve(phone, request)
    rows = await world.sql("SELECT total, forgiven FROM sam.attempts WHERE purpose = 'sign'")
    assert [tuple(row) for row in rows] == [(1, 1)]
    assert (await world.approve(phone, request))["state"] == "approved"


async def test_one_mistake_counts_once(world: World) -> None:
    """A decision with a wrong password, repeated by whoever carries it, is one try; the next one typed is another."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    mistake = phone.decision(request.statement, WRONG)
    for left in (2, 2, 2, 2, 2):
        with pytest.raises(PasswordWrong) as caught:
            await world.call("documents/decide", document=request.id, device=phone.id, **mistake)
        assert caught.value.data["tries_left"] == left
    await asyncio.gather(
        *(world.refused("documents/decide", document=request.id, device=phone.id, **mistake) for _ in range(10))
    )
    with pytest.raises(PasswordWrong) as caught:
        await world.approve(phone, request, WRONG)
    assert caught.value.data["tries_left"] == 1
    assert (await world.events()).count("attempt.reserved") == 3  # with the one of pairing
    assert (await world.approve(phone, request))["state"] == "approved"


async def test_a_repeated_guess_gets_past_no_lock(world: World) -> None:
    """The third wrong one closes, also for the wrong ones before it."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    guesses = [phone.decision(request.statement, WRONG) for _ in range(3)]
    for code in ("password_wrong", "credential_locked"):
        for guess in guesses:
            assert await world.refused("documents/decide", document=request.id, device=phone.id, **guess) == code


async def test_rows_of_somebody_elses_make_no_guess_free(world: World) -> None:
    """Who writes rows says that a proof was tried before: it is counted all the same."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    for _ in range(3):
        guess = phone.decision(request.statement, WRONG)
        await world.sql(
            "INSERT INTO sam.tries VALUES ($1, 'sign', $2, 1, now(), false, $3)",
            credential, hashlib.sha256(guess["proof"].encode()).digest(), bytes([1]) + bytes(32),
        )  # fmt: skip
        body = {"document": request.id, "device": phone.id, **guess}
        assert await world.refused("documents/decide", **body) == "password_wrong"
    with pytest.raises(CredentialLocked):
        await world.approve(phone, request)
    assert "row.forged" in await world.events()


async def test_an_outage_makes_no_guess_free(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a guess sent twice the HSM fails one and tries the other: the try stays counted, whichever ends first."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    guess = phone.decision(request.statement, WRONG)
    body = {"document": request.id, "device": phone.id, **guess}
    tried, calls, real = asyncio.Event(), list[int](), world.sam.hsm.hmac

    async def fails_the_first(label: str, data: bytes) -> bytes:
        if label.startswith("pepper"):
            calls.append(1)
            if len(calls) == 1:
                await tried.wait()
                raise HsmUnavailable("down")
        return await real(label, data)

    monkeypatch.setattr(world.sam.hsm, "hmac", fails_the_first)
    first = asyncio.create_task(world.refused("documents/decide", **body))
    while not calls:
        await asyncio.sleep(0)
    assert await world.refused("documents/decide", **body) == "password_wrong"
    tried.set()
    assert await first == "hsm_unavailable"
    rows = await world.sql("SELECT total, forgiven FROM sam.attempts WHERE purpose = 'sign'")
    assert [tuple(row) for row in rows] == [(1, 0)]


async def test_proofs_are_forgotten(world: World) -> None:
    """An hour later nobody can repeat a proof, and its hash goes."""
    credential = await world.credential("P-256")
    await world.phone(credential)
    assert len(await world.sql("SELECT * FROM sam.tries")) == 1
    await forget_tries(world.sam.database, world.clock.now() + timedelta(minutes=59))
    assert len(await world.sql("SELECT * FROM sam.tries")) == 1
    await forget_tries(world.sam.database, world.clock.now() + timedelta(minutes=61))
    assert await world.sql("SELECT * FROM sam.tries") == []


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM sam.attempts",
        "UPDATE sam.attempts SET total = 0, forgiven = 0",
        "UPDATE sam.attempts SET forgiven = total",
        "UPDATE sam.attempts SET last_at = last_at - interval '10 years'",
        "UPDATE sam.attempts a SET (total, forgiven, last_at, mac) ="
        " (SELECT total, forgiven, last_at, mac FROM saved s"
        " WHERE s.credential = a.credential AND s.purpose = a.purpose)",
    ],
)
async def test_turning_the_counter_back_gives_no_tries(world: World, attack: str) -> None:
    """Who writes to the database may delete, rewrite or turn back the counter: this SAM remembers, and says so."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    with pytest.raises(PasswordWrong):
        await world.approve(phone, request, WRONG)
    await world.sql("CREATE TABLE saved AS SELECT * FROM sam.attempts")
    for _ in range(2):
        with pytest.raises(PasswordWrong):
            await world.approve(phone, request, WRONG)
    await world.sql(attack.replace("saved", "public.saved"))
    with pytest.raises(CredentialLocked):
        await world.approve(phone, request)
    assert {"attempts.turned_back", "row.forged"} & set(await world.events())


# --- what a process remembers of it --------------------------------------------------------------------------------


def seen(credential: str, total: int, forgiven: int = 0, purpose: Purpose = "sign") -> Ladder:
    return Ladder(credential, purpose, total, forgiven, START, b"mac")


def test_the_memory_is_bounded_and_forgets_what_was_forgiven_first() -> None:
    """However many phones sign, ladders with wrong passwords standing stay; the bound holds at every step."""
    memory = Highest(most=10)
    standing = [seen(f"cred_wrong{index}", 3) for index in range(9)]
    for ladder in standing:
        assert memory.see(ladder) is None
    for index in range(1000):
        assert memory.see(seen(f"cred_right{index}", 7, 7)) is None
        assert sum(len(one) for one in (*memory._standing.values(), *memory._forgiven.values())) <= 10
    known = [memory.get(ladder.credential, "sign") for ladder in standing]
    assert [one and (one.total, one.forgiven) for one in known] == [(3, 0)] * 9
    assert memory.get("cred_right0", "sign") is None
    assert memory.get("cred_right999", "sign") is not None


def test_guesses_at_pairing_wash_no_signing_ladder_out() -> None:
    """A gateway can put every credential on the pairing ladder; the signing ladders are remembered apart."""
    memory = Highest(most=3)
    memory.see(seen("cred_a", 3))
    memory.see(seen("cred_b", 5, 5))
    pushed_out = [memory.see(seen(f"cred_{index}", 5, purpose="pair")) for index in range(9)]
    assert memory.get("cred_a", "sign") is not None
    assert memory.get("cred_b", "sign") is not None
    assert [one and one.credential for one in pushed_out] == [None] * 3 + [f"cred_{index}" for index in range(6)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 6)), max_size=60))
def test_what_is_remembered_never_goes_down(steps: list[tuple[int, int, int]]) -> None:
    """Whatever order ladders are seen in, nothing lower takes the place of what is remembered."""
    memory = Highest(most=5)
    highest: dict[str, int] = {}
    for who, total, forgiven in steps:
        ladder = seen(f"cred_{who}", total, min(total, forgiven))
        memory.see(ladder)
        highest[ladder.credential] = max(highest.get(ladder.credential, 0), total)
    for credential, total in highest.items():
        known = memory.get(credential, "sign")
        assert known is not None
        assert known.total == total


async def test_a_full_memory_still_knows_who_is_locked(world: World) -> None:
    """Three wrong passwords, then many right ones of others, then the row put back: closed, and an alarm."""
    attempts: Any = world.sam.rooms.decisions._attempts
    attempts._highest = Highest(most=2)
    victim = await world.credential("P-256")
    phone = await world.phone(victim)
    await world.sql("CREATE TABLE public.saved AS SELECT * FROM sam.attempts WHERE purpose = 'sign'")
    request = await world.ask(victim, algorithm="ECDSA-SHA256")
    assert (await world.approve(phone, request))["state"] == "approved"
    await world.sql("INSERT INTO public.saved SELECT * FROM sam.attempts WHERE purpose = 'sign'")
    world.clock.advance(timedelta(minutes=10))
    request = await world.ask(victim, algorithm="ECDSA-SHA256")
    for _ in range(3):
        body = phone.decision(request.statement, WRONG)
        code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
        assert code == "password_wrong"
    for _ in range(4):
        other = await world.credential("P-256")
        their = await world.phone(other)
        await world.approve(their, await world.ask(other, algorithm="ECDSA-SHA256"))
    await world.sql(
        "UPDATE sam.attempts a SET (total, forgiven, last_at, mac) = (s.total, s.forgiven, s.last_at, s.mac)"
        " FROM public.saved s WHERE (a.credential, a.purpose) = (s.credential, s.purpose)"
    )
    body = phone.decision(request.statement)
    code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
    assert code == "credential_locked"
    assert "attempts.turned_back" in await world.events()


async def test_forgetting_a_ladder_that_stands_is_told(world: World) -> None:
    """When there is nothing else left to forget, the audit says whom."""
    attempts: Any = world.sam.rooms.decisions._attempts
    attempts._highest = Highest(most=1)
    for _ in range(2):
        credential, stranger = await world.credential("P-256"), Signer()
        made = await world.call("documents/pair", device=stranger.id, device_key=stranger.public.jwk, nickname="x",
                                credential=credential)  # fmt: skip
        body = stranger.decision(world.open(made["statement"]), WRONG)
        code = await world.refused("documents/decide", document=made["document"], device=stranger.id, **body)
        assert code == "password_wrong"
    assert (await world.events()).count("attempts.forgotten") == 1
