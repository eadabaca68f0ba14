"""What may happen to a token from outside: its files away, another in its place, made anew, a key destroyed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hsm_service.hsm import operations
from hsm_service.hsm.faults import HsmRequestFault, HsmUnavailable, SlotDamaged, TokenChanged
from hsm_service.hsm.slots import add_transport_key, initialise_sam_slot
from hsm_service.hsm.token import Token
from linkid.platform import program
from protocol.algorithms import SIGN_ALGORITHMS
from tests.hsm.conftest import NOW
from tests.hsm.fault_token import Lab
from tests.support.disks import fill, small_disk
from tests.support.pkcs11_spy import spying
from tests.support.softhsm import add_token


def slot_of(lab: Lab) -> Path:
    return lab.files.parent


def in_another_process(lab: Lab, text: str) -> None:
    """Somebody else who has the PIN."""
    script = (
        "import pkcs11\n"
        "from pkcs11 import Attribute, KeyType, ObjectClass\n"
        f"token = pkcs11.lib({str(lab.settings.module)!r}).get_token(token_label={lab.settings.token_label!r})\n"
        "session = token.open(rw=True, user_pin='1234')\n"
    )
    subprocess.run([sys.executable, "-c", script + text], check=True, timeout=30)


def another_like(lab: Lab, *, keys: bool) -> Path:
    """A second token with the same label in the place of the first, which is away; its folder."""
    before = set(slot_of(lab).iterdir())
    add_token(lab.settings.token_label, lab.settings.module)
    if keys:
        initialise_sam_slot(Token(lab.settings), NOW)
    (made,) = set(slot_of(lab).iterdir()) - before
    return made


def test_away_and_back(lab: Lab) -> None:
    """Unavailable while it is away, for every call; the same answers when it is back, without a restart."""
    right = lab.mac()
    for _ in range(2):
        lab.take_away()
        for _ in range(3):
            with pytest.raises(HsmUnavailable):
                lab.mac()
        lab.bring_back()
        lab.wait()
        assert lab.mac() == right


@pytest.mark.parametrize("keys", [True, False], ids=["with keys", "empty"])
def test_another_token_under_the_same_label(lab: Lab, *, keys: bool) -> None:
    """It is refused before our PIN is tried on it, nothing is signed, and ours is taken again when it is back."""
    right = lab.mac()
    lab.take_away()
    other = another_like(lab, keys=keys)
    lab.token.module.renew(lab.token.epoch)
    with spying(lab.settings.module, "C_Login") as logins, spying(lab.settings.module, "C_Sign") as signs:
        for _ in range(2):
            with pytest.raises(TokenChanged):
                lab.mac()
            with pytest.raises(TokenChanged):
                lab.token.check()
            lab.wait()
    assert (logins.count, signs.count) == (0, 0)
    assert isinstance(lab.token.stopped_by, TokenChanged)
    other.rename(lab.away.with_name(f"other-{keys}"))
    lab.bring_back()
    lab.wait()
    assert lab.mac() == right
    assert lab.token.stopped_by is None


def test_made_anew_by_somebody_else(lab: Lab) -> None:
    """C_InitToken on ours: its keys are gone. Refused, whatever the new token holds."""
    lab.mac()
    subprocess.run(
        [str(program("softhsm2-util")), "--init-token", "--token", lab.settings.token_label,
         "--label", lab.settings.token_label, "--so-pin", "12345678", "--pin", "1234"],
        check=True, capture_output=True,
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(TokenChanged):
            lab.mac()
        lab.wait()
    initialise_sam_slot(Token(lab.settings), NOW)  # keys of the same names do not make it ours
    with pytest.raises(TokenChanged):
        lab.mac()


@pytest.mark.parametrize("label", ["pepper.1", "kek.1", "root.1"])
def test_a_key_destroyed_by_another_process(lab: Lab, label: str) -> None:
    """A loss, not an outage: refused until the token is restored from its copy, and then as before."""
    right = lab.mac()
    copy = lab.away.with_name(f"copy-{label}")
    lab.keep_copy(copy)
    in_another_process(lab, f"[key.destroy() for key in list(session.get_objects({{Attribute.LABEL: {label!r}}}))]")
    lab.token.module.renew(lab.token.epoch)
    for _ in range(2):
        with pytest.raises(TokenChanged):
            lab.mac()
        lab.wait()
    if label != "root.1":  # the last one made: a slot without it counts as not yet in use
        with pytest.raises(SlotDamaged):  # nobody puts another key in its place
            initialise_sam_slot(Token(lab.settings), NOW)
    lab.take_away()
    copy.rename(lab.files)
    lab.wait()
    assert lab.mac() == right


def test_a_key_destroyed_while_its_handle_is_in_use(lab: Lab) -> None:
    """Without any renewal: the very next call with it finds out."""
    lab.mac()
    in_another_process(lab, "session.get_key(object_class=ObjectClass.SECRET_KEY, label='pepper.1').destroy()")
    with pytest.raises(TokenChanged, match="gone"):
        lab.mac()


@pytest.mark.parametrize("label", ["pepper.1", "kek.1"])
def test_another_key_under_the_name_of_ours(lab: Lab, label: str) -> None:
    """Its label is not enough: what it makes of a constant, or its check value, is another."""
    lab.mac()
    kind = "GENERIC_SECRET, 256, mechanism=pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN" if "pep" in label else "AES, 256"
    use = "SIGN" if "pep" in label else "WRAP"
    in_another_process(
        lab,
        f"session.get_key(object_class=ObjectClass.SECRET_KEY, label={label!r}).destroy()\n"
        f"session.generate_key(KeyType.{kind}, store=True, label={label!r}, capabilities=pkcs11.MechanismFlag.{use})",
    )
    lab.token.module.renew(lab.token.epoch)
    with pytest.raises(TokenChanged, match=label.replace(".", r"\.")):
        lab.mac()


def test_the_tokens_disk_is_full(lab: Lab) -> None:
    """Signing writes nothing there and goes on; a new key of the token is refused, leaves nothing behind, and can be
    made when there is room."""
    right = lab.mac()
    lab.take_away()
    with small_disk(lab.files, 512) as disk:
        shutil.copytree(lab.away, disk, dirs_exist_ok=True)
        lab.token.module.renew(lab.token.epoch)
        assert lab.mac() == right
        filler = fill(disk)
        key = lab.token.run(lambda room: operations.generate_wrapped(room, "P-256", 1))
        ecdsa = SIGN_ALGORITHMS["ECDSA-SHA256"]
        assert lab.token.run(lambda room: operations.sign_wrapped(room, key, "P-256", ecdsa, [bytes(32)]))
        before = set(disk.rglob("*"))
        with pytest.raises(HsmRequestFault):
            add_transport_key(lab.token, NOW)
        assert set(disk.rglob("*")) == before
        assert lab.mac() == right
        filler.unlink()
        assert add_transport_key(lab.token, NOW) == "transport.2"
        assert lab.mac() == right
    lab.files.rmdir()
    lab.bring_back()
    lab.token.module.renew(lab.token.epoch)
    assert lab.mac() == right
