"""The circuit breaker: after a failed renewal everybody is answered at once, and one caller at a time tries again."""

import asyncio
import threading
import time

import pytest

from foundation.errors import LinkIdError
from hsm_service.hsm import operations
from hsm_service.hsm.circuit import FAILING_SECONDS, PAUSES, Circuit
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmUnavailable
from hsm_service.hsm.token import Token
from tests.hsm.fault_token import Lab
from tests.support.pkcs11_spy import spying

WHY = HsmUnavailable("gone")


def test_pauses_grow_with_jitter() -> None:
    """0.1, 0.5, 2.5 and then 5 seconds, of which chance takes away up to half; a success begins anew."""
    circuit = Circuit()
    for now, pause in zip((0.0, 100.0, 200.0, 300.0, 400.0), (*PAUSES, PAUSES[-1]), strict=True):
        circuit.failed(WHY, now, chance=0.0)
        assert circuit.wait(now) == pytest.approx(pause)
        circuit.failed(WHY, now, chance=1.0)
        assert circuit.wait(now) == pytest.approx(PAUSES[min(circuit.failures, len(PAUSES)) - 1] / 2)
        assert circuit.retry_after(now) >= 1
        circuit.failures -= 1
    circuit.healed()
    assert not circuit.refusing
    circuit.failed(WHY, 500.0, chance=0.0)
    assert circuit.wait(500.0) == pytest.approx(PAUSES[0])


def test_half_open_is_for_one() -> None:
    """When the pause is over one caller may try; the others wait for what becomes of it."""
    circuit = Circuit()
    assert not circuit.refuses(0.0)
    circuit.failed(WHY, 0.0, chance=0.0)
    assert circuit.refuses(0.05)
    assert not circuit.may_try(0.05)
    assert not circuit.refuses(0.2)
    assert [circuit.may_try(0.2) for _ in range(5)] == [True, False, False, False, False]
    assert circuit.refuses(0.2)
    circuit.given_up()
    assert circuit.may_try(0.2)
    circuit.healed()
    assert not circuit.refuses(0.2)


def test_three_failures_over_a_while_exhaust_a_process() -> None:
    """Not three in one bad second, nor a long outage in which nobody tried."""
    circuit = Circuit()
    for now in (0.0, 0.2, 0.8):
        circuit.failed(WHY, now, chance=0.0)
    assert not circuit.exhausted(0.8)
    assert circuit.exhausted(FAILING_SECONDS)
    circuit.healed()
    circuit.failed(WHY, 0.0, chance=0.0)
    assert not circuit.exhausted(1000.0)


def test_an_open_circuit_answers_at_once(lab: Lab) -> None:
    """While it is open no caller enters the library, and each is told when to come back."""
    lab.take_away()
    with pytest.raises(HsmUnavailable):
        lab.mac()
    lab.token.circuit.failed(WHY, time.monotonic() + 60, chance=0.0)  # nobody's turn for a minute
    with spying(lab.settings.module, "C_FindObjectsInit") as finds, spying(lab.settings.module, "C_Initialize") as anew:
        began = time.perf_counter()
        for _ in range(1000):
            with pytest.raises(HsmUnavailable) as refused:
                lab.mac()
        assert time.perf_counter() - began < 1.0
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > 50
    assert (finds.count, anew.count) == (0, 0)
    lab.bring_back()


def test_many_callers_renew_once(lab: Lab) -> None:
    """Eight callers meet the same outage, and its end: the module is initialised once for all of them each time."""
    right = lab.mac()
    start, told = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        try:
            told.append(lab.mac())
        except LinkIdError as error:
            told.append(error.code.encode())

    def all_ask() -> list[bytes]:
        told.clear()
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return told.copy()

    lab.take_away()
    with spying(lab.settings.module, "C_Initialize") as anew:
        assert set(all_ask()) == {b"hsm_unavailable"}
    assert anew.count == 1
    lab.wait()
    with spying(lab.settings.module, "C_Initialize") as anew:
        assert set(all_ask()) == {b"hsm_unavailable"}  # one tried, in vain
    assert anew.count == 1
    lab.bring_back()
    lab.wait()
    with spying(lab.settings.module, "C_Initialize") as anew:
        answers = all_ask()
    assert anew.count == 1
    assert set(answers) <= {right, b"hsm_unavailable"}
    assert right in answers
    assert set(all_ask()) == {right}


async def test_a_process_that_cannot_heal_asks_to_be_replaced(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that does not come back after three tries: `broken`, which ends the process (REPLACE_ME)."""
    monkeypatch.setattr("hsm_service.hsm.circuit.FAILING_SECONDS", 0.0)
    hsm = Hsm(lab.settings)
    await hsm.open()
    with (
        spying(lab.settings.module, "C_Initialize", lambda call: 0x05),
        spying(lab.settings.module, "C_SignInit", lambda call: 0x30),
    ):
        for failures in (1, 2, 3):
            assert not hsm.broken.is_set()
            with pytest.raises(HsmUnavailable):
                await hsm.hmac("pepper.1", b"x")
            assert hsm.token.circuit.failures == failures
            await asyncio.sleep(hsm.token.circuit.wait(time.monotonic()) if failures < 3 else 0)
    assert hsm.broken.is_set()
    await hsm.close()


async def test_the_health_check_heals_without_callers(lab: Lab) -> None:
    """Nobody needs to ask for a signature: the check renews when the pause is over."""
    hsm = Hsm(lab.settings)
    await hsm.open()
    lab.take_away()
    with pytest.raises(HsmUnavailable):
        await hsm.check()
    pause = hsm.seconds_until_try()
    assert pause is not None
    lab.bring_back()
    await asyncio.sleep(pause)
    await hsm.check()
    assert hsm.stopped_by is None
    assert hsm.report()["renewals"] == 1
    await hsm.close()


def test_a_healthy_call_asks_nothing_more(lab: Lab) -> None:
    """A call on a token that is well costs one C_SignInit: no canary, no search, no lock of the circuit."""
    lab.mac()

    class Untouchable:
        def __enter__(self) -> None:
            raise AssertionError("a healthy call took the circuit's lock")

        def __exit__(self, *_: object) -> None: ...

    lab.token.circuit._lock = Untouchable()  # type: ignore[assignment]
    with spying(lab.settings.module, "C_SignInit") as signs, spying(lab.settings.module, "C_FindObjectsInit") as finds:
        lab.token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))
    assert (signs.count, finds.count) == (1, 0)


def test_a_call_that_hangs_inside_does_not_stop_the_drain_for_ever(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal waits for calls under way; for one that hangs, not for ever: then the circuit opens."""
    monkeypatch.setattr("hsm_service.hsm.module.DRAIN_SECONDS", 0.1)
    release, inside = threading.Event(), threading.Event()

    def hang() -> None:
        with lab.token.module.entered():
            inside.set()
            release.wait()

    hanging = threading.Thread(target=hang)
    hanging.start()
    inside.wait()
    try:
        with spying(lab.settings.module, "C_SignInit", lambda call: 0x30), pytest.raises(HsmUnavailable):
            lab.mac()
        assert lab.token.circuit.refusing
    finally:
        release.set()
        hanging.join()
    lab.wait()
    assert lab.mac()
    assert isinstance(lab.token, Token)
