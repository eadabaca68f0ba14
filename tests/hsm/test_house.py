"""The keys to the house on a real token: made and destroyed by two people's order only, told apart, never told."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from hsm_service.hsm import house, operations, quiet
from hsm_service.hsm.faults import HsmUnavailable, SlotDamaged, TokenBusy, TokenChanged
from hsm_service.hsm.house import HousePermit, OrderDoesNotFit
from hsm_service.hsm.quiet import Quiet
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot, make_hmac_key
from hsm_service.hsm.templates import FOR_EVER, FORCED, UNWRAPPED
from hsm_service.hsm.token import Room, Token
from tests.hsm.conftest import NOW
from tests.support.house import agreed
from tests.support.softhsm import add_token

_count = iter(range(100))
KWP = Mechanism.AES_KEY_WRAP_PAD


@pytest.fixture
def fresh(settings: HsmSettings, token: Token, tmp_path: Path) -> Token:
    """A token of its own, with its first keys and a lock."""
    label = f"house-{next(_count)}"
    add_token(label, settings.module)
    changes = {"token_label": label, "pin": "1234", "quiet_lock": tmp_path / "quiet"}
    made = Token(HsmSettings.model_validate({"module": settings.module, **changes}))
    initialise_sam_slot(made, NOW)
    return made


def rotate(token: Token, name: str, version: int) -> str:
    """By an order of both."""
    order = agreed(f"rotate-{name}", house.serial_of(token), NOW, version)
    return house.add_version(token, house.permit(token, order, order.order.act, "sam", ()), NOW)


def test_a_next_version_is_as_strong_as_the_first(fresh: Token) -> None:
    """kek.2 and pepper.2: the newest from then on, hidden, told apart from the first by their check values."""
    before = {one.label: one for one in fresh.run(lambda room: house.inventory(room, "sam"))}
    assert rotate(fresh, "kek", 2) == "kek.2"
    assert rotate(fresh, "pepper", 2) == "pepper.2"
    assert fresh.run(lambda room: operations.newest_versions(room, ["kek", "pepper", "rowmac"])) == {
        "kek": 2, "pepper": 2, "rowmac": 1,
    }  # fmt: skip
    after = {one.label: one for one in Token(fresh.settings).run(lambda room: house.inventory(room, "sam"))}
    assert set(after) == {*before, "kek.2", "pepper.2"}
    assert all(one.weakness is None and one.made == int(NOW.timestamp()) for one in after.values())
    assert {label: after[label].check for label in before} == {label: one.check for label, one in before.items()}
    assert len({one.check for one in after.values()}) == len(after)
    fresh.run(lambda room: operations.demand_strong(room, 2))


@pytest.mark.parametrize(
    ("act", "changes", "why"),
    [
        ("rotate-kek", {"version": 3}, "the next is kek.2"),
        ("rotate-kek", {"version": 1}, "the next is kek.2"),
        ("rotate-kek", {"serial": "0000"}, "for the token 0000"),
        ("rotate-kek", {"slot": "ac"}, "the order says"),
        ("rotate-pepper", {"act": "rotate-kek"}, "the order says"),
        ("retire-kek", {"version": 1}, "not an older version"),
        ("retire-kek", {"version": 2}, "not an older version"),
        ("init", {"version": 0}, "in use already"),
    ],
)
def test_an_order_fits_one_act_on_one_token(fresh: Token, act: Any, changes: dict[str, Any], why: str) -> None:
    """Another token, slot, act or version: no permit, and nothing changes."""
    said = {"act": act, "serial": house.serial_of(fresh), "version": 2, **changes}
    with pytest.raises(OrderDoesNotFit, match=why):
        house.permit(fresh, agreed(now=NOW, **said), act, "sam", ["kek.1", "pepper.1"])
    assert fresh.run(lambda room: room.versions("kek", ObjectClass.SECRET_KEY)) == [1]


def test_an_order_is_carried_out_once(fresh: Token) -> None:
    """The same order again: the version is there. Only what broke off before it was noted is finished by it."""
    order = agreed("rotate-kek", house.serial_of(fresh), NOW, 2)
    given = house.permit(fresh, order, "rotate-kek", "sam", ["kek.1"])
    house.add_version(fresh, given, NOW)
    with pytest.raises(RuntimeError, match="used already"):
        house.add_version(fresh, given, NOW)
    with pytest.raises(OrderDoesNotFit, match=r"the next is kek\.3"):
        house.permit(fresh, order, "rotate-kek", "sam", ["kek.1", "kek.2"])
    check = fresh.run(lambda room: house.check_value(room, "kek.2"))
    again = house.permit(fresh, order, "rotate-kek", "sam", ["kek.1"])  # never noted: it broke off there
    assert house.add_version(fresh, again, NOW) == "kek.2"
    assert fresh.run(lambda room: house.check_value(room, "kek.2")) == check


def test_nobody_makes_a_permit(fresh: Token) -> None:
    """Not from an order that was not checked, and not for another act."""
    order = agreed("rotate-kek", house.serial_of(fresh), NOW, 2)
    with pytest.raises(TypeError, match="made by the check"):
        HousePermit(object(), order)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a permit to rotate-kek"):
        house.destroy_version(fresh, house.permit(fresh, order, "rotate-kek", "sam", ()))


def test_an_older_version_is_destroyed_by_order(fresh: Token) -> None:
    """pepper.1 goes, pepper.2 stays; a token without version 1 still is a good token, and the next is 3."""
    rotate(fresh, "pepper", 2)
    order = agreed("retire-pepper", house.serial_of(fresh), NOW, 1)
    assert house.destroy_version(fresh, house.permit(fresh, order, "retire-pepper", "sam", ())) == "pepper.1"
    again = Token(fresh.settings)
    assert again.run(lambda room: room.versions("pepper", ObjectClass.SECRET_KEY)) == [2]
    initialise_sam_slot(again, NOW)
    assert again.run(lambda room: room.versions("pepper", ObjectClass.SECRET_KEY)) == [2]
    with pytest.raises(OrderDoesNotFit):
        house.permit(again, order, "retire-pepper", "sam", ())
    assert rotate(again, "pepper", 3) == "pepper.3"


def test_a_weak_version_is_found(fresh: Token) -> None:
    """Whoever has the PIN puts a kek.2 there that unwraps keys as readable: the inventory and the check say so."""

    def plant(room: Room) -> None:
        uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP
        room.session.generate_key(KeyType.AES, 256, store=True, label="kek.2", capabilities=uses, template=FOR_EVER)

    fresh.run(plant)
    weak = {one.label: one.weakness for one in fresh.run(lambda room: house.inventory(room, "sam"))}
    assert weak.pop("kek.2") == "the KEK unwraps keys as readable: it lacks CKA_UNWRAP_TEMPLATE"
    assert set(weak.values()) == {None}
    with pytest.raises(SlotDamaged):
        fresh.run(lambda room: house.demand_strong_version(room, "kek.2"))


def test_a_retired_version_is_not_missed(fresh: Token) -> None:
    """Who had opened the token before the rotation goes on when an old version is destroyed, as long as one canary came
    between; an old one that is another key now is told, and so is the newest one that goes."""
    used = Token(fresh.settings)
    used.open()
    for name in ("pepper", "kek"):
        rotate(fresh, name, 2)
    used.check()
    order = agreed("retire-kek", house.serial_of(fresh), NOW, 1)
    house.destroy_version(fresh, house.permit(fresh, order, "retire-kek", "sam", ()))
    used.check()
    assert used.tally.renewals == 0
    fresh.run(lambda room: room.secret("pepper.1").destroy())
    fresh.run(lambda room: make_hmac_key(room, "pepper.1", NOW, FOR_EVER))
    with pytest.raises(TokenChanged, match=r"pepper\.1 is another key"):
        used.check()
    Token(fresh.settings).run(lambda room: room.secret("pepper.1").destroy())
    used.circuit.healed()
    used.check()
    Token(fresh.settings).run(lambda room: room.secret("pepper.2").destroy())
    with pytest.raises(TokenChanged, match="gone"):
        used.check()


def test_a_token_that_is_being_changed_is_no_fault(fresh: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls and canary hear in time that it is busy; the circuit stays closed, and the next call works."""
    monkeypatch.setattr(quiet, "VISIT_SECONDS", 0.1)
    other, entered, over = Token(fresh.settings), threading.Event(), threading.Event()

    def change() -> None:
        with other.quiet.alone():
            entered.set()
            over.wait(20)

    changing = threading.Thread(target=change)
    changing.start()
    assert entered.wait(20)
    try:
        for call in (fresh.check, fresh.open):
            with pytest.raises(TokenBusy):
                call()
        assert not fresh.circuit.refusing
    finally:
        over.set()
        changing.join()
    fresh.check()


# --- why a KEK is not renewed under a living credential (docs/decisions/0018) -----------------------------------------


def unwrapped(room: Room, blob: bytes, **changes: Any) -> Any:
    template = {**UNWRAPPED, **{Attribute[name]: value for name, value in changes.items()}}
    return room.secret("kek.1").unwrap_key(ObjectClass.PRIVATE_KEY, KeyType.EC, blob, mechanism=KWP,
                                           capabilities=MechanismFlag.SIGN, template=template)  # fmt: skip


def test_the_token_refuses_to_wrap_a_key_again(fresh: Token) -> None:
    """Unwrapped under kek.1 it cannot be wrapped under kek.2, nor be made so, nor copied so, nor kek.1 itself moved."""
    rotate(fresh, "kek", 2)
    blob = fresh.run(lambda room: operations.generate_wrapped(room, "P-256", 1)).blob

    def attack(room: Room) -> None:
        key, newer, older = unwrapped(room, blob), room.secret("kek.2"), room.secret("kek.1")
        attempts: tuple[tuple[type[Exception], Callable[[], object]], ...] = (
            (pkcs11.KeyUnextractable, lambda: newer.wrap_key(key, mechanism=KWP)),
            (pkcs11.AttributeReadOnly, lambda: key.__setitem__(Attribute.EXTRACTABLE, True)),
            (pkcs11.AttributeReadOnly, lambda: key.copy({Attribute.EXTRACTABLE: True})),
            (pkcs11.TemplateInconsistent, lambda: unwrapped(room, blob, EXTRACTABLE=True)),
            (pkcs11.KeyUnextractable, lambda: newer.wrap_key(older, mechanism=KWP)),
            (pkcs11.PKCS11Error, lambda: older.copy({Attribute.TOKEN: False})),
        )
        for error, attempt in attempts:
            with pytest.raises(error):
                attempt()
        key.destroy()

    fresh.run(attack)


def test_no_trusted_kek_on_softhsm(fresh: Token) -> None:
    """The one way that PKCS#11 has (extractable, but wrapped by trusted keys only) is closed: the user may not make a
    trusted key, and the security officer, who may, neither sees nor makes a private one."""

    def as_user(room: Room) -> None:
        uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP
        trusted = {**FOR_EVER, Attribute.TRUSTED: True, Attribute.UNWRAP_TEMPLATE: FORCED}
        with pytest.raises(pkcs11.AttributeReadOnly):
            room.session.generate_key(KeyType.AES, 256, store=True, label="kek.2", capabilities=uses, template=trusted)

    fresh.run(as_user)
    done = subprocess.run(
        [sys.executable, "-c", SECURITY_OFFICER, str(fresh.settings.module), fresh.settings.token_label, "12345678"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["[]", "UserNotLoggedIn"]


SECURITY_OFFICER = """
import sys, pkcs11
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass
session = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(rw=True, so_pin=sys.argv[3])
print([one.label for one in session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY})])
template = {Attribute.TRUSTED: True, Attribute.PRIVATE: True, Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True}
try:
    session.generate_key(KeyType.AES, 256, store=True, label="kek.9", template=template,
                         capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP)
except pkcs11.PKCS11Error as error:
    print(type(error).__name__)
"""


# --- keys are made while others work ---------------------------------------------------------------------------------

VISITOR = """
import sys, time
from pathlib import Path
from pydantic import SecretStr
from pkcs11 import ObjectClass
from hsm_service.hsm import operations
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Token
settings = HsmSettings(module=Path(sys.argv[1]), token_label=sys.argv[2], pin=SecretStr("1234"),
                       quiet_lock=Path(sys.argv[3]))
token = Token(settings)
token.open()
while not Path(sys.argv[4]).exists():
    found = token.run(lambda room: room.versions("pepper", ObjectClass.SECRET_KEY))
    token.run(lambda room: operations.hmac(room, f"pepper.{found[-1]}", b"x"))
    token.run(lambda room: operations.generate_wrapped(room, "P-256", 1))
    print(found[-1], flush=True)
"""


def until_seen(visitor: "subprocess.Popen[str]", version: int) -> None:
    """Read a visitor's lines, one to a whole visit, until it has worked with the version."""
    assert visitor.stdout is not None
    for line in visitor.stdout:
        if int(line) == version:
            return
    raise AssertionError(f"the visitor ended before it saw version {version}")


def test_keys_are_made_while_others_search(fresh: Token, tmp_path: Path) -> None:
    """Twenty versions, while two other processes search, authenticate, generate and wrap without pause: nothing fails,
    nothing is left broken, and each of the others works with each new version. Who is slow is waited for."""
    stop = tmp_path / "stop"
    argv = [sys.executable, "-c", VISITOR, str(fresh.settings.module), fresh.settings.token_label,
            str(fresh.settings.quiet_lock), str(stop)]  # fmt: skip
    others = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for version in range(1, 22):
            if version > 1:
                assert rotate(fresh, "pepper", version) == f"pepper.{version}"
            for other in others:
                until_seen(other, version)
    finally:
        stop.touch()
        ends = [other.communicate(timeout=30) for other in others]
    assert [other.returncode for other in others] == [0, 0], ends
    assert all("hsm_suspect" not in out + errors for out, errors in ends)
    found = Token(fresh.settings).run(lambda room: [one.label for one in room.session.get_objects({})])
    assert len([label for label in found if label.startswith("pepper.")]) == 21


def test_alone_means_alone(tmp_path: Path) -> None:
    """Who makes a key waits for those inside, those who come wait for him, and nobody waits for ever."""
    quiet, order = Quiet(tmp_path / "lock"), []
    inside, leave = threading.Event(), threading.Event()

    def visitor() -> None:
        with quiet.visit():
            inside.set()
            leave.wait(10)
            order.append("visitor left")

    def maker() -> None:
        with quiet.alone():
            order.append("made")

    def late() -> None:
        with Quiet(tmp_path / "lock").visit():
            order.append("late visitor")

    threads = [threading.Thread(target=visitor)]
    threads[0].start()
    assert inside.wait(10)
    for what in (maker, late):
        threads.append(threading.Thread(target=what))
        threads[-1].start()
        time.sleep(0.2)
    assert order == []
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["visitor left", "made", "late visitor"]


def test_a_key_waits_for_those_inside(fresh: Token) -> None:
    """Who works in the token when a key is ordered is waited for; only the file tells of those in other processes."""
    inside, leave, made = threading.Event(), threading.Event(), []

    def visitor() -> None:
        with Quiet(fresh.settings.quiet_lock).visit():
            inside.set()
            leave.wait(10)

    threads = [threading.Thread(target=visitor), threading.Thread(target=lambda: made.append(rotate(fresh, "kek", 2)))]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    time.sleep(0.3)
    assert made == []
    leave.set()
    for thread in threads:
        thread.join(10)
    assert made == ["kek.2"]


def test_who_hangs_inside_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A visitor that never leaves: no key is made, and it is said why; visitors that came later go on."""
    for name in ("ALONE_SECONDS", "TURN_SECONDS"):
        monkeypatch.setattr(f"hsm_service.hsm.quiet.{name}", 0.1)
    other = Quiet(tmp_path / "lock")
    with Quiet(tmp_path / "lock").visit():
        with pytest.raises(HsmUnavailable, match="hangs in it"), other.alone():
            raise AssertionError("two inside")
        with other.visit():
            pass
    with other.alone():
        pass


def test_nobody_waits_long_for_who_wants_to_be_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody works for long: whoever makes a key waits in turns, and other visitors pass between them."""
    monkeypatch.setattr("hsm_service.hsm.quiet.TURN_SECONDS", 0.1)
    done: list[str] = []
    leave = threading.Event()

    def works_long() -> None:
        with Quiet(tmp_path / "lock").visit():
            leave.wait(10)

    def maker() -> None:
        with Quiet(tmp_path / "lock").alone():
            done.append("made")

    threads = [threading.Thread(target=what) for what in (works_long, maker)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    with Quiet(tmp_path / "lock").visit():
        assert done == []
    leave.set()
    for thread in threads:
        thread.join(10)
    assert done == ["made"]


def test_the_authoritys_keys_are_told_apart_too(ac_token: Token) -> None:
    """Its RSA keys, its pepper, its root: each strong, each with a check value of its own."""
    found = ac_token.run(lambda room: house.inventory(room, "ac"))
    assert {"ca-root.1", "ca-issuing.1", "ocsp.1", "tsa.1", "pepper.1", "root.1", "transport.1"} <= {
        one.label for one in found
    }
    assert all(one.weakness is None for one in found)
    assert len({one.check for one in found}) == len(found)


def test_a_token_that_lost_a_version_differs(fresh: Token) -> None:
    """What the statement names and the token lacks, or has another of, is said by name; probes prove the rest."""
    keys = [one.key() for one in fresh.run(lambda room: house.inventory(room, "sam"))]
    probe = fresh.run(lambda room: house.make_probe(room, 1))
    assert fresh.run(lambda room: house.differences(room, keys)) == []
    assert fresh.run(lambda room: house.failures(room, keys, [probe])) == []
    rotate(fresh, "kek", 2)
    later = [one.key() for one in fresh.run(lambda room: house.inventory(room, "sam"))]
    newer = fresh.run(lambda room: house.make_probe(room, 2))
    order = agreed("rotate-kek", house.serial_of(fresh), NOW + timedelta(0), 2)
    assert order.order.version == 2
    fresh.run(lambda room: room.secret("kek.2").destroy())
    again = Token(fresh.settings)
    assert again.run(lambda room: house.differences(room, later)) == ["kek.2 is missing"]
    rotate(again, "kek", 2)
    assert again.run(lambda room: house.differences(room, later)) == ["kek.2 is another key"]
    assert again.run(lambda room: house.failures(room, later, [probe, newer])) == ["kek.2 does not work (GeneralError)"]
