"""Faults are of three kinds, whatever number the library says them with (docs/faults.md)."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from foundation.errors import LinkIdError
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmKeyMissing, HsmLoginRefused, HsmRequestFault, HsmUnavailable
from hsm_service.hsm.keys import WrappedKey
from hsm_service.hsm.operations import sign_wrapped
from hsm_service.hsm.token import Token
from linkid.platform import program
from protocol.algorithms import SIGN_ALGORITHMS
from tests.hsm.fault_token import Lab
from tests.support.pkcs11_spy import spying

SUSPECTS = {
    "HOST_MEMORY": 0x02, "GENERAL_ERROR": 0x05, "FUNCTION_FAILED": 0x06, "DEVICE_ERROR": 0x30, "DEVICE_MEMORY": 0x31,
    "DEVICE_REMOVED": 0x32, "KEY_HANDLE_INVALID": 0x60, "OBJECT_HANDLE_INVALID": 0x82, "SESSION_CLOSED": 0xB0,
    "SESSION_HANDLE_INVALID": 0xB3, "TOKEN_NOT_PRESENT": 0xE0, "TOKEN_NOT_RECOGNIZED": 0xE1,
    "USER_NOT_LOGGED_IN": 0x101, "a vendor's own": 0x80000123,
}  # fmt: skip
REQUESTS = {"DATA_INVALID": 0x20, "DATA_LEN_RANGE": 0x21, "MECHANISM_INVALID": 0x70, "KEY_TYPE_INCONSISTENT": 0x63}
LOGINS = {"PIN_INCORRECT": 0xA0, "PIN_LOCKED": 0xA4, "PIN_EXPIRED": 0xA3, "USER_PIN_NOT_INITIALIZED": 0x102}


def first_answers(number: int) -> Callable[[int], int | None]:
    """The first call only."""
    return lambda call: number if call == 1 else None


def all_answer(number: int) -> Callable[[int], int | None]:
    """Every call."""
    return lambda _call: number


def test_a_suspect_is_examined_and_the_call_answered(lab: Lab) -> None:
    """Each of them, once: the canary sings, the work is done again with everything fresh, nothing is renewed."""
    right, epoch = lab.mac(), lab.token.epoch
    for name, number in SUSPECTS.items():
        before = lab.token.tally.suspect
        with spying(lab.settings.module, "C_SignInit", first_answers(number)) as signs:
            assert lab.mac() == right, name
        assert lab.token.tally.suspect == before + 1, name
        assert signs.count > 2, f"{name}: nobody asked the canary"
    assert lab.token.epoch == epoch


def test_a_suspect_that_a_renewal_heals(lab: Lab) -> None:
    """A library that fails until it is initialised anew (a remote HSM restarted): the caller notices nothing."""
    right, epoch = lab.mac(), lab.token.epoch
    with (
        spying(lab.settings.module, "C_Initialize") as anew,
        spying(lab.settings.module, "C_SignInit", lambda call: None if anew.count else 0x30),
    ):
        assert lab.mac() == right
    assert (lab.token.epoch, anew.count, lab.token.tally.renewals) == (epoch + 1, 1, 1)


def test_a_request_fault_is_answered_at_once(lab: Lab) -> None:
    """Each of them: no canary, no second try."""
    for name, number in REQUESTS.items():
        with (
            spying(lab.settings.module, "C_SignInit", all_answer(number)) as signs,
            pytest.raises(HsmRequestFault),
        ):
            lab.mac()
        assert signs.count == 1, name


def test_a_fault_that_stays_while_the_canary_sings_is_the_requests(lab: Lab) -> None:
    """What fails twice on a token that is well was asked wrongly; a key that is not there is missing, and said so."""
    lab.mac()
    with pytest.raises(HsmKeyMissing):
        lab.token.run(lambda room: room.secret("nobody.1"))
    rubbish = WrappedKey(bytes(40), b"", 1)
    with spying(lab.settings.module, "C_UnwrapKey") as unwraps, pytest.raises(HsmRequestFault):
        lab.token.run(lambda room: sign_wrapped(room, rubbish, "P-256", SIGN_ALGORITHMS["ECDSA-SHA256"], [bytes(32)]))
    assert unwraps.count == 2
    assert lab.token.tally.renewals == 0


@pytest.mark.parametrize("name", LOGINS)
async def test_a_pin_is_tried_once(lab: Lab, name: str) -> None:
    """Refused, by whatever word, it is never tried again in this process: not by callers, not by the health check."""
    token = Token(lab.settings)
    lab.token.module.renew(lab.token.epoch)  # so that nobody is logged in
    with spying(lab.settings.module, "C_Login", lambda call: LOGINS[name]) as logins:
        for ask in (token.open, token.check, token.open, token.check, token.demand_possible):
            with pytest.raises(HsmLoginRefused):
                ask()
    with spying(lab.settings.module, "C_Login") as later:
        for ask in (token.open, token.check):
            with pytest.raises(HsmLoginRefused):
                ask()
    assert (logins.count, later.count, token.tally.login) == (1, 0, 1)
    assert isinstance(token.stopped_by, HsmLoginRefused)


async def test_a_wrong_pin_on_the_real_token_is_tried_once(lab: Lab) -> None:
    """SoftHSM never locks, so it is counted: one C_Login, however many callers ask at once, with their threads."""
    lab.token.module.renew(lab.token.epoch)
    wrong = Hsm(lab.settings.model_copy(update={"pin": SecretStr("9999"), "threads": 4}))
    with spying(lab.settings.module, "C_Login") as logins:
        for _ in range(8):
            for ask in (wrong.open, wrong.check):
                with pytest.raises(HsmLoginRefused):
                    await ask()
    assert logins.count == 1
    await wrong.close()


def test_a_pin_changed_under_us_is_tried_once(lab: Lab) -> None:
    """Somebody changes the PIN of a running process's token: the next renewal's login is refused, and that is all."""
    lab.mac()
    _in_another_process(
        "session = token.open(rw=True, user_pin='1234'); session.set_pin('1234', '567890')", lab.settings.token_label
    )
    with spying(lab.settings.module, "C_Login") as logins:
        lab.token.module.renew(lab.token.epoch)
        for _ in range(3):
            with pytest.raises(HsmLoginRefused):
                lab.mac()
            with pytest.raises(HsmLoginRefused):
                lab.token.check()
    assert logins.count == 1


def test_every_error_of_the_token_says_when_to_come_back() -> None:
    """All that an outage ends in is Unavailable: 503 with Retry-After, never 404 and never 500."""
    for error in (HsmUnavailable(), HsmLoginRefused()):
        assert isinstance(error, LinkIdError)
        assert type(error).__mro__[1].__name__ == "Unavailable"


def _in_another_process(text: str, label: str) -> None:
    script = f"import pkcs11; token = pkcs11.lib({str(program('softhsm-module'))!r}).get_token(token_label={label!r})\n"
    subprocess.run([sys.executable, "-c", script + text], check=True, timeout=30)
