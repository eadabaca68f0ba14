"""An AC whose keys somebody may know, or may change, does not start."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag
from pydantic import SecretStr

from hsm_service.hsm import operations
from hsm_service.hsm.faults import SlotDamaged
from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_ac_slot
from hsm_service.hsm.templates import FOR_EVER
from hsm_service.hsm.token import Room, Token
from issuance.ac.process import initialise_authority, serving_ac
from issuance.ac.settings import AcSettings
from linkid.platform import program
from tests.issuance.ac_child import described
from tests.issuance.conftest import World

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weak_slot(ac_slot: HsmSettings) -> HsmSettings:
    """A complete slot whose issuing key was made by somebody who let it leave the token, and has hidden it since."""
    argv = ["--init-token", "--free", "--label", "weak-issuing", "--so-pin", "12345678", "--pin", "1234"]
    subprocess.run([str(program("softhsm2-util")), *argv], check=True, capture_output=True, env=dict(os.environ))
    module = Module.load(ac_slot.module)
    module.renew(module.epoch)
    settings = HsmSettings(module=ac_slot.module, token_label="weak-issuing", pin=SecretStr("1234"))
    Token(settings).run(_fill)
    return settings


def _fill(room: Room) -> None:
    hidden = {**FOR_EVER, Attribute.TOKEN: True}
    for label in ("ca-root.1", "ocsp.1"):
        _rsa(room, label, FOR_EVER, store=True)
    readable = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False, Attribute.PRIVATE: True}
    public, private = _rsa(room, "readable", readable, store=False)
    assert bytes(private[Attribute.PRIME_1])  # he has it
    order = (Attribute.TOKEN, Attribute.EXTRACTABLE, Attribute.SENSITIVE, Attribute.MODIFIABLE)  # SoftHSM goes by it
    private.copy({Attribute.LABEL: "ca-issuing.1", **{one: hidden[one] for one in order}})
    public.copy({Attribute.LABEL: "ca-issuing.1", Attribute.TOKEN: True})
    room.session.generate_key(
        KeyType.GENERIC_SECRET, 256, store=True, label="pepper.1", capabilities=MechanismFlag.SIGN,
        mechanism=Mechanism.GENERIC_SECRET_KEY_GEN, template=FOR_EVER,
    )  # fmt: skip
    for label, use in (("transport.1", MechanismFlag.DERIVE), ("root.1", MechanismFlag.SIGN | MechanismFlag.VERIFY)):
        room.curve().generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, label=label, capabilities=use, private_template=FOR_EVER
        )


def _rsa(room: Room, label: str, template: Mapping[Any, bool], *, store: bool) -> tuple[Any, Any]:
    use = MechanismFlag.SIGN | MechanismFlag.VERIFY
    public, private = room.session.generate_keypair(
        KeyType.RSA, 2048, store=store, label=label, capabilities=use, private_template=template
    )
    return public, private


async def test_a_slot_that_lost_its_secret_once(world: World, weak_slot: HsmSettings) -> None:
    """Neither made into an authority, nor served: the message names the key, and nothing listens."""
    settings = replace(world.settings, hsm=weak_slot, listen=world.settings.listen + ".weak")
    said = r"ca-issuing\.1 was readable once: whoever made it may know it"
    with pytest.raises(SlotDamaged, match=said):
        await initialise_authority(settings, world.clock)
    with pytest.raises(SlotDamaged, match=said):
        async with serving_ac(settings, world.clock):
            raise AssertionError("it serves")
    assert not Path(settings.listen.removeprefix("unix:")).exists()


def test_as_a_process(settings: AcSettings, weak_slot: HsmSettings) -> None:
    """It ends with that message, before it has touched the database."""
    child = [sys.executable, "-m", "tests.issuance.ac_child", described(replace(settings, hsm=weak_slot))]
    done = subprocess.run(child, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "ca-issuing.1 was readable once" in done.stderr
    assert "ready" not in done.stdout


def test_initialising_does_not_mend_it(weak_slot: HsmSettings, world: World) -> None:
    """`linkid hsm init ac` leaves a complete slot as it is: what is weak stays found out."""
    initialise_ac_slot(Token(weak_slot), world.now)
    with pytest.raises(SlotDamaged):
        Token(weak_slot).run(operations.demand_strong_authority)
