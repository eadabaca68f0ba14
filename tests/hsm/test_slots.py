"""The slots hold what section 7 of the protocol says, as strong as it says, and are never overwritten."""

import re
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pydantic import SecretStr

from hsm_service.hsm import operations
from hsm_service.hsm.faults import HsmLoginRefused, SlotDamaged
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import add_transport_key, initialise_ac_slot, initialise_sam_slot
from hsm_service.hsm.templates import FOR_EVER, FORCED, UNWRAPPED, mechanism
from hsm_service.hsm.token import Room, Token
from hsm_service.hsm.x509_keys import labels, rsa_key
from tests.hsm.conftest import NOW
from tests.support.softhsm import add_token


def test_initialising_again_changes_nothing(token: Token) -> None:
    """`linkid hsm init` twice gives the same root key."""
    first = token.run(lambda room: room.p256_public("root.1"))
    assert initialise_sam_slot(token, NOW) == first
    assert token.run(lambda room: room.versions("kek", ObjectClass.SECRET_KEY)) == [1]


def test_a_slot_that_lost_an_object_is_refused(token: Token, settings: HsmSettings) -> None:
    """A new KEK in place of a lost one would hide the loss: refused, and nothing is made."""
    add_token("damaged", settings.module)
    damaged = Token(settings.model_copy(update={"token_label": "damaged", "pin": _pin("1234")}))
    initialise_sam_slot(damaged, NOW)
    damaged.run(lambda room: room.secret("pepper.1").destroy())
    fresh = Token(damaged.settings)
    with pytest.raises(SlotDamaged, match=r"pepper\.1"):
        initialise_sam_slot(fresh, NOW)
    assert fresh.run(lambda room: room.versions("pepper", ObjectClass.SECRET_KEY)) == []


def test_an_interrupted_initialisation_is_completed(token: Token, settings: HsmSettings) -> None:
    """The root key is made last: without it the slot was never used, and the rest is completed."""
    add_token("half", settings.module)
    half = Token(settings.model_copy(update={"token_label": "half", "pin": _pin("1234")}))
    initialise_sam_slot(half, NOW)
    half.run(lambda room: [room.private("root.1").destroy(), room.secret("rowmac.1").destroy()])
    half.run(lambda room: room.find("root.1", ObjectClass.PUBLIC_KEY).destroy())
    again = Token(half.settings)
    initialise_sam_slot(again, NOW)
    assert again.run(lambda room: room.versions("rowmac", ObjectClass.SECRET_KEY)) == [1]


def test_the_ac_slot(ac_token: Token) -> None:
    """CA keys are RSA-4096, those of OCSP and time stamps RSA-2048, and found by name."""
    found = labels(ac_token, ["ca-root", "ca-issuing", "ocsp", "tsa", "nothing"])
    assert found == {"ca-root": "ca-root.1", "ca-issuing": "ca-issuing.1", "ocsp": "ocsp.1", "tsa": "tsa.1"}
    assert [rsa_key(ac_token, label).key_size for label in found.values()] == [4096, 4096, 2048, 2048]
    root = ac_token.run(lambda room: room.p256_public("root.1"))
    assert initialise_ac_slot(ac_token, NOW) == root


@pytest.mark.parametrize("label", ["kek.1", "pepper.1", "rowmac.1"])
def test_secrets_do_not_leave(token: Token, label: str) -> None:
    """Nobody reads a secret of the slot, whoever has the PIN."""

    def read(room: Room) -> None:
        key = room.secret(label)
        assert key[Attribute.NEVER_EXTRACTABLE]
        assert key[Attribute.LOCAL]
        with pytest.raises(pkcs11.PKCS11Error):
            _ = key[Attribute.VALUE]

    token.run(read)


def test_the_kek_decides_what_it_unwraps(token: Token) -> None:
    """With the PIN and a blob, a readable key cannot be had: not by unwrap, not by decrypt, not by copy."""

    def attack(room: Room) -> None:
        wrapped = operations.generate_wrapped(room, "P-256", 1)
        kek = room.secret("kek.1")
        for weak in (
            {Attribute.SENSITIVE: False},
            {Attribute.EXTRACTABLE: True},
            {Attribute.TOKEN: True},
            {Attribute.PRIVATE: False},
        ):
            with pytest.raises(pkcs11.PKCS11Error):
                kek.unwrap_key(
                    ObjectClass.PRIVATE_KEY, KeyType.EC, wrapped.blob, mechanism=room.wrap_mechanism,
                    capabilities=MechanismFlag.SIGN, template={**UNWRAPPED, **weak},
                )  # fmt: skip
        assert not isinstance(kek, pkcs11.DecryptMixin)
        with pytest.raises(pkcs11.PKCS11Error):
            kek[Attribute.DECRYPT] = True
        with pytest.raises(pkcs11.PKCS11Error):
            kek.copy({Attribute.UNWRAP_TEMPLATE: {}})
        good = kek.unwrap_key(
            ObjectClass.PRIVATE_KEY, KeyType.EC, wrapped.blob, mechanism=room.wrap_mechanism,
            capabilities=MechanismFlag.SIGN, template=UNWRAPPED,
        )  # fmt: skip
        try:
            with pytest.raises(pkcs11.PKCS11Error):
                _ = good[Attribute.VALUE]
            with pytest.raises(pkcs11.PKCS11Error):
                kek.wrap_key(good, mechanism=room.wrap_mechanism)
        finally:
            good.destroy()

    token.run(attack)


def test_a_weak_slot_is_refused(token: Token, settings: HsmSettings) -> None:
    """A KEK without the unwrap template, or one that may decrypt, is found out at the start: each for itself."""
    token.run(lambda room: operations.demand_strong(room, 1))
    wraps = MechanismFlag.WRAP | MechanismFlag.UNWRAP
    guarded = {**FOR_EVER, Attribute.UNWRAP_TEMPLATE: FORCED}
    for name, capabilities, template, why in (
        ("weak-template", wraps, FOR_EVER, "lacks CKA_UNWRAP_TEMPLATE"),
        ("weak-decrypt", wraps | MechanismFlag.DECRYPT | MechanismFlag.ENCRYPT, guarded, "the KEK may decrypt"),
        ("weak-for-ever", wraps, {**guarded, Attribute.MODIFIABLE: True}, "may be given other uses"),
    ):
        add_token(name, settings.module)
        weak = Token(settings.model_copy(update={"token_label": name, "pin": _pin("1234")}))

        def make(room: Room, capabilities: MechanismFlag = capabilities, template: Any = template) -> None:
            room.session.generate_key(
                KeyType.AES, 256, store=True, label="kek.1", capabilities=capabilities, template=template
            )

        weak.run(make)
        with pytest.raises(SlotDamaged, match=why):
            weak.run(lambda room: operations.demand_strong(room, 1))


_STRONG = {
    Attribute.EXTRACTABLE: False,
    Attribute.SENSITIVE: True,
    Attribute.PRIVATE: True,
    Attribute.MODIFIABLE: False,
    Attribute.COPYABLE: False,
}


@pytest.mark.parametrize(
    "label", ["ca-root.1", "ca-issuing.1", "ocsp.1", "tsa.1", "root.1", "transport.1", "pepper.1", "ocsp.2"]
)
@pytest.mark.parametrize(
    ("weakness", "why"),
    [
        ({Attribute.EXTRACTABLE: True}, "is readable"),
        ({Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}, "is readable"),
        ({Attribute.MODIFIABLE: True}, "may be given other uses"),
    ],
)
def test_a_weak_authority_is_refused(weak_ac: Token, label: str, weakness: dict[Attribute, bool], why: str) -> None:
    """One key of the AC's slot that leaves the token, may be read, or may be changed is enough, whichever it is."""
    name, _, version = label.partition(".")
    weak_ac.run(operations.demand_strong_authority)

    def make(room: Room) -> list[Any]:
        """With the one before it, so that versions have no gap."""
        objects = []
        for number in range(1, int(version) + 1):
            template = {**_STRONG, **(weakness if number == int(version) else {})}
            objects += _made(room, f"{name}.{number}", template)
        return objects

    objects = weak_ac.run(make)
    try:
        with pytest.raises(SlotDamaged, match=rf"^hsm_slot_damaged: {re.escape(label)} {why}"):
            Token(weak_ac.settings).run(operations.demand_strong_authority)
    finally:
        weak_ac.run(lambda room: [one.destroy() for one in objects])


def test_a_strong_authority_is_not(ac_token: Token) -> None:
    """What `linkid hsm init` makes passes."""
    Token(ac_token.settings).run(operations.demand_strong_authority)


@pytest.fixture(scope="module")
def weak_ac(token: Token, settings: HsmSettings) -> Token:
    """An empty token, for keys that are not as ours."""
    add_token("weak-ac", settings.module)
    return Token(settings.model_copy(update={"token_label": "weak-ac", "pin": _pin("1234")}))


def _made(room: Room, label: str, template: dict[Attribute, bool]) -> list[Any]:
    if label.startswith("pepper"):
        secret = room.session.generate_key(
            KeyType.GENERIC_SECRET, 256, store=True, label=label, capabilities=MechanismFlag.SIGN,
            mechanism=Mechanism.GENERIC_SECRET_KEY_GEN, template=template,
        )  # fmt: skip
        return [secret]
    pair = room.curve().generate_keypair(
        mechanism=Mechanism.EC_KEY_PAIR_GEN, store=True, label=label, capabilities=MechanismFlag.SIGN,
        private_template=template,
    )  # fmt: skip
    return [*pair]


def test_rotation_adds_a_transport_key(token: Token) -> None:
    """After a rotation there is one more, younger, and both derive."""
    before = token.run(operations.transport_keys)
    label = add_transport_key(token, NOW.replace(hour=13))
    after = Token(token.settings).run(operations.transport_keys)
    assert label == f"transport.{len(before) + 1}"
    assert after[: len(before)] == before
    assert after[-1].made_at - after[0].made_at == 3600


def test_a_key_that_somebody_knows_is_refused(token: Token, settings: HsmSettings) -> None:
    """Who has the PIN adds a next version whose value he read before he hid it: it is found out, also at run time."""
    add_token("planted", settings.module)
    planted = Token(settings.model_copy(update={"token_label": "planted", "pin": _pin("1234")}))
    initialise_sam_slot(planted, NOW)
    readable = {Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False, Attribute.PRIVATE: True}
    hidden = {
        Attribute.TOKEN: True,
        Attribute.EXTRACTABLE: False,
        Attribute.SENSITIVE: True,
        Attribute.MODIFIABLE: False,  # the last: SoftHSM goes by the order
    }

    def plant_transport(room: Room) -> None:
        public, private = room.curve().generate_keypair(
            mechanism=Mechanism.EC_KEY_PAIR_GEN, capabilities=MechanismFlag.DERIVE, private_template=readable
        )
        assert len(private[Attribute.VALUE]) == 32
        private.copy({Attribute.LABEL: "transport.2", **hidden})
        public.copy({Attribute.TOKEN: True, Attribute.LABEL: "transport.2"})

    def plant_pepper(room: Room) -> None:
        secret = room.session.generate_key(
            KeyType.GENERIC_SECRET, 256, capabilities=MechanismFlag.SIGN,
            mechanism=Mechanism.GENERIC_SECRET_KEY_GEN, template=readable,
        )  # fmt: skip
        assert len(secret[Attribute.VALUE]) == 32
        secret.copy({Attribute.LABEL: "pepper.2", **hidden})

    planted.run(operations.transport_keys)
    planted.run(lambda room: operations.demand_strong(room, 1))
    planted.run(plant_transport)
    with pytest.raises(SlotDamaged, match=r"transport\.2 was readable once"):
        Token(planted.settings).run(operations.transport_keys)
    planted.run(plant_pepper)
    with pytest.raises(SlotDamaged, match=r"pepper\.2 was readable once"):
        Token(planted.settings).run(lambda room: operations.demand_strong(room, 1))


def test_a_wrong_pin_is_tried_once(token: Token, settings: HsmSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused login stops everything; a real HSM would lock or wipe itself at the second or third try."""
    add_token("locked", settings.module)  # a token where nobody of this process is logged in
    wrong = Token(settings.model_copy(update={"token_label": "locked", "pin": _pin("9999")}))
    tries: list[int] = []
    original = wrong._login

    def counted(epoch: int) -> object:
        tries.append(epoch)
        return original(epoch)

    monkeypatch.setattr(wrong, "_login", counted)
    for _ in range(3):
        with pytest.raises(HsmLoginRefused):
            wrong.open()
    assert len(tries) == 1


def test_mechanism_numbers_are_configuration() -> None:
    """A vendor's own number for RFC 5649 is accepted by the binding."""
    assert mechanism(0x210A) is Mechanism.AES_KEY_WRAP_PAD
    luna = mechanism(0x80000171)
    assert isinstance(luna, Mechanism)
    assert int(luna) == 0x80000171


def _pin(text: str) -> SecretStr:
    return SecretStr(text)
