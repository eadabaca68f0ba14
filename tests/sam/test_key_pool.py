"""Keys made ahead: only while nobody needs the HSM, in memory only, each given out once."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from hsm_service.hsm import operations
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmRequestFault, HsmUnavailable
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.emission.pool import LOOK_SECONDS, KeyPool, next_to_make, wait_after
from protocol.algorithms import KeyAlgorithm
from tests.sam.world import START, Authority, World, open_world, raw
from tests.support.postgres import TestDatabase

WANTED: dict[KeyAlgorithm, int] = {"RSA-2048": 3, "RSA-4096": 1}


class FakeMaker:
    """The HSM as a tape: what it made, and who is said to need it."""

    def __init__(self) -> None:
        self.begun = self.at_work = 0
        self.epoch = 1
        self.made: list[WrappedKey] = []
        self.fails = 0
        self.meanwhile: Any = lambda: None

    async def generate_ahead(self, algorithm: KeyAlgorithm, kek: int) -> WrappedKey:
        self.meanwhile()
        if self.fails:
            self.fails -= 1
            raise HsmUnavailable("away")
        self.made.append(WrappedKey(b"%d" % len(self.made), algorithm.encode(), kek))
        return self.made[-1]


@pytest.fixture
def maker() -> FakeMaker:
    """Idle."""
    return FakeMaker()


@pytest.fixture
def pool(maker: FakeMaker) -> KeyPool:
    """Empty, of a SAM that works."""
    return KeyPool(maker, WANTED, 1, lambda: True)


async def fill(pool: KeyPool, steps: int = 20) -> None:
    """As ``keep_filled`` does, without its sleeping."""
    for _ in range(steps):
        await pool.step()


# --- the rules ----------------------------------------------------------------------------------------------------


def test_the_emptiest_kind_comes_first() -> None:
    """By how full it is, not by how many there are; nothing beyond what is wanted, and nothing that is not wanted."""
    for have, following in (
        ({}, "RSA-2048"),
        ({"RSA-2048": 1}, "RSA-4096"),
        ({"RSA-2048": 1, "RSA-4096": 1}, "RSA-2048"),
        ({"RSA-2048": 3}, "RSA-4096"),
        ({"RSA-2048": 3, "RSA-4096": 1}, None),
        ({"RSA-2048": 9, "RSA-4096": 9, "P-256": 0}, None),
    ):
        assert next_to_make(WANTED, have) == following  # type: ignore[arg-type]
    assert next_to_make({"RSA-2048": 0}, {}) is None


def test_a_failing_hsm_is_asked_less_and_less_often() -> None:
    """Twice the wait after each failure in a row, five minutes at most, however many there were."""
    assert [wait_after(failures) for failures in (1, 2, 3, 7, 8, 5000)] == [5, 10, 20, 300, 300, 300]


async def test_it_fills_one_key_at_a_time_and_stops(pool: KeyPool, maker: FakeMaker) -> None:
    """The first look only looks; then each step makes one, until there is what is wanted; a taken one is replaced."""
    counts = []
    for _ in range(7):
        assert await pool.step() == LOOK_SECONDS
        counts.append(len(maker.made))
    assert counts == [0, 1, 2, 3, 4, 4, 4]
    assert pool.have == WANTED
    assert pool.take("RSA-4096", 1) == maker.made[1]
    assert pool.take("RSA-4096", 1) is None
    await fill(pool, 2)
    assert pool.have == WANTED


async def test_it_never_fills_while_anybody_needs_the_hsm(pool: KeyPool, maker: FakeMaker) -> None:
    """A call since the last look, or one that still waits, and nothing is made; after one quiet look it goes on."""
    for _ in range(200):  # calls that come and go between the looks
        maker.begun += 1
        await pool.step()
    maker.at_work = 1  # one that lasts
    await fill(pool, 200)
    assert maker.made == []
    maker.at_work = 0
    await pool.step()
    assert len(maker.made) == 1
    maker.begun += 1
    await pool.step()
    assert len(maker.made) == 1


async def test_it_fills_nothing_before_the_sam_works(maker: FakeMaker) -> None:
    """A SAM that refuses work makes no keys; from when it is ready it does."""
    ready = False
    pool = KeyPool(maker, WANTED, 1, lambda: ready)
    await fill(pool)
    assert maker.made == []
    ready = True
    await fill(pool)
    assert pool.have == WANTED


@pytest.mark.parametrize("change", ["kek", "epoch"])
async def test_another_kek_or_epoch_empties_it(pool: KeyPool, maker: FakeMaker, change: str) -> None:
    """Keys of before are given to nobody, also the one that was just being made; new ones are of the new version."""
    await fill(pool)
    kek = 2 if change == "kek" else 1

    def happen() -> None:
        if change == "epoch":
            maker.epoch += 1
        assert pool.take("RSA-2048", kek) is None

    happen()
    assert pool.have == {}
    await fill(pool)
    assert pool.have == WANTED
    assert {pool.take("RSA-2048", kek) for _ in range(3)} <= set(maker.made[4:])
    assert [key.kek for key in maker.made[4:]] == [kek] * 4
    kek += change == "kek"
    before = len(maker.made)
    maker.meanwhile = happen
    await pool.step()
    assert len(maker.made) == before + 1
    assert pool.have == {}


async def test_it_asks_which_kek_is_the_newest(maker: FakeMaker) -> None:
    """After a rotation it fills anew, though nobody took a key; and when that cannot be told, it asks later."""
    kek: list[Any] = [1]

    async def newest() -> int:
        if isinstance(kek[0], Exception):
            raise kek[0]
        return int(kek[0])

    pool = KeyPool(maker, WANTED, 1, lambda: True, newest)
    await fill(pool)
    assert pool.have == WANTED
    kek[0] = 2
    await fill(pool)
    assert pool.have == WANTED
    assert [key.kek for key in maker.made] == [1] * 4 + [2] * 4
    kek[0] = HsmUnavailable("away")
    assert [await pool.step() for _ in range(2)] == [5, 10]


async def test_a_fault_while_filling_is_told_and_tried_again_later(
    pool: KeyPool, maker: FakeMaker, caplog: pytest.LogCaptureFixture
) -> None:
    """It never ends the filling: it says when it tries again, and after a success begins anew with short waits."""
    await pool.step()
    maker.fails = 3
    assert [await pool.step() for _ in range(4)] == [5, 10, 20, LOOK_SECONDS]
    assert caplog.text.count("key_pool_not_filled") == 3
    maker.fails = 1
    assert [await pool.step() for _ in range(2)] == [5, LOOK_SECONDS]
    assert pool.have == {"RSA-2048": 1, "RSA-4096": 1}


async def test_it_forgets_all_at_the_end(pool: KeyPool) -> None:
    """``forget`` leaves nothing to take."""
    await fill(pool)
    pool.forget()
    assert pool.take("RSA-2048", 1) is None


# --- with the token -----------------------------------------------------------------------------------------------


@pytest.fixture
async def stocked(hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path) -> AsyncIterator[World]:
    """A SAM whose pool holds what it wants."""
    ahead = {"RSA-2048": 1, "P-256": 8}  # curves for the tests' speed; no setting asks for them
    made = await open_world(hsm, database, tmp_path / "sam-0.head", FixedClock(START), authority, ahead=ahead)
    await fill(made.sam.pool)
    assert made.sam.pool.have == {}  # not ready yet
    await made.sam.watch.look()
    await fill(made.sam.pool, 12)
    assert made.sam.pool.have == ahead
    yield made
    await made.close()


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every generation in the token, by algorithm."""
    seen: list[str] = []
    born = operations._born

    def counted(room: Any, algorithm: KeyAlgorithm, *rest: Any) -> Any:
        seen.append(algorithm)
        return born(room, algorithm, *rest)

    monkeypatch.setattr(operations, "_born", counted)
    return seen


async def test_an_emission_with_a_warm_pool_generates_nothing(stocked: World, generated: list[str]) -> None:
    """The pooled key becomes the holder's, signs its own request and later documents; the next emission makes one."""
    credential = await stocked.credential("RSA-2048")
    assert generated == []
    assert stocked.sam.pool.take("RSA-2048", 1) is None
    phone = await stocked.phone(credential)
    request = await stocked.ask(credential)
    answer = await stocked.approve(phone, request)
    signatures = await stocked.sign(request, answer["activation"])
    stocked.verify(await stocked.certificate(credential), request, signatures)
    await stocked.bound_key("RSA-2048")
    assert generated == ["RSA-2048"]


async def test_each_key_is_given_out_once_among_twenty_emissions(stocked: World, generated: list[str]) -> None:
    """Twenty at once over a pool of eight: eight get those, twelve wait for their own, and no two the same."""
    pooled = {key.spki for key in stocked.sam.pool._keys["P-256"]}
    born = await asyncio.gather(*(stocked.bound_key("P-256") for _ in range(20)))
    spkis = [raw(one["spki"]) for one in born]
    assert len(set(spkis)) == 20
    assert pooled <= set(spkis)
    assert generated == ["P-256"] * 12


async def test_a_pooled_key_is_not_given_again_after_a_refusal(stocked: World) -> None:
    """An emission that fails after it took its key leaves that key to nobody."""
    before = {key.spki for key in stocked.sam.pool._keys["P-256"]}
    await stocked.sql("REVOKE UPDATE ON sam.credentials FROM linkid_sam")
    with pytest.raises(Exception, match="permission"):
        await stocked.bound_key("P-256")
    left = {key.spki for key in stocked.sam.pool._keys["P-256"]}
    assert len(left) == 7
    assert left < before


async def test_a_pooled_key_that_does_not_open_is_replaced(stocked: World, generated: list[str]) -> None:
    """A spoilt blob, or one that belongs to another public key, is nobody's: the emission makes a key instead."""
    keys = stocked.sam.pool._keys["P-256"]
    whole = keys.popleft(), keys.popleft()
    keys.appendleft(replace(whole[0], spki=whole[1].spki))
    keys.appendleft(replace(whole[0], blob=whole[0].blob[::-1]))
    for _ in range(2):
        possession = await stocked.bound_key("P-256")
        assert raw(possession["spki"]) not in {one.spki for one in whole}
    assert generated == ["P-256"] * 2
    with pytest.raises(HsmRequestFault, match="not that of its public key"):
        await stocked.sam.hsm.request_by(replace(whole[0], spki=whole[1].spki), "P-256", "x")


async def test_what_waits_is_in_no_table(stocked: World) -> None:
    """Blobs and public halves of the pool are in memory only: no table has a byte of them."""
    tables = await stocked.sql(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"
    )
    rows = [
        row["line"] for table in tables for row in await stocked.sql(f"SELECT t::text AS line FROM {table['name']} t")
    ]
    for keys in stocked.sam.pool._keys.values():
        for key in keys:
            assert [row for row in rows if key.blob.hex() in row or key.spki.hex() in row] == []
    possession = await stocked.bound_key("P-256")  # the search finds what is there
    found = [row["line"] for row in await stocked.sql("SELECT t::text AS line FROM sam.credentials t")]
    assert [row for row in found if raw(possession["spki"]).hex() in row] != []


async def test_making_ahead_takes_no_signers_thread(hsm: Hsm) -> None:
    """With every thread taken a key is still made ahead; while one is made calls are answered; it counts as none."""
    release = threading.Event()
    begun = hsm.begun
    held = [asyncio.create_task(hsm.run(release.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (hsm.begun, hsm.at_work) == (begun + 2, 2)
    await hsm.generate_ahead("P-256", 1)
    assert (hsm.begun, hsm.at_work) == (begun + 2, 2)
    release.set()
    await asyncio.gather(*held)
    await asyncio.sleep(0)
    assert hsm.at_work == 0
    stuck = threading.Event()
    hsm._aside.submit(stuck.wait)
    ahead = asyncio.create_task(hsm.generate_ahead("P-256", 1))
    await hsm.hmac("pepper.1", b"x")
    assert not ahead.done()
    stuck.set()
    await ahead
