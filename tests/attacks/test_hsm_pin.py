"""Attacker 3 of docs/threats.md: holds the HSM PIN and a session on the token, with tools of his own.

He uses python-pkcs11 directly, none of our code, and the PIN file.
"""

from collections.abc import Iterator
from typing import Any

import pkcs11
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT

from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from protocol import custody, passwords
from tests.sam.world import PASSWORD, World

KWP = Mechanism.AES_KEY_WRAP_PAD


@pytest.fixture
def session(hsm_settings: HsmSettings) -> Iterator[Any]:
    """What the PIN gives: a logged-in session. (The library of this process is shared, as is the login.)"""
    library = Module.load(hsm_settings.module).library
    token = library.get_token(token_label=hsm_settings.token_label)
    try:
        opened = token.open(rw=True, user_pin=hsm_settings.pin.get_secret_value())
    except pkcs11.UserAlreadyLoggedIn:
        opened = token.open(rw=True)
    yield opened
    opened.close()


def key(session: Any, label: str) -> Any:
    return session.get_key(object_class=ObjectClass.SECRET_KEY, label=label)


async def test_there_is_no_user_key_to_sign_with(world: World, session: Any) -> None:
    """With credentials alive, the token holds no private key but the SAM's own root and transport keys."""
    await world.credential("P-256")
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    assert {one.label.split(".")[0] for one in found} <= {"root", "transport"}


async def test_secrets_are_not_read_nor_made_readable(world: World, session: Any) -> None:
    """No value can be read, no attribute weakened, no copy made, no secret wrapped under a key of his own."""
    mine = session.generate_key(KeyType.AES, 256, store=False, capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT,
                                template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False})  # fmt: skip
    objects = [key(session, label) for label in ("kek.1", "pepper.1", "rowmac.1")]
    objects += [
        session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label) for label in ("root.1", "transport.1")
    ]
    for one in objects:
        with pytest.raises(pkcs11.PKCS11Error):
            _ = one[Attribute.VALUE]
        for attribute, value in (
            (Attribute.SENSITIVE, False), (Attribute.EXTRACTABLE, True),
            (Attribute.DECRYPT, True), (Attribute.WRAP, True),
        ):  # fmt: skip
            with pytest.raises(pkcs11.PKCS11Error):
                one[attribute] = value
        with pytest.raises(pkcs11.PKCS11Error):
            one.copy({Attribute.TOKEN: False})
        with pytest.raises((pkcs11.PKCS11Error, NotImplementedError)):
            mine.wrap_key(one, mechanism=KWP)


async def test_pin_and_database_without_password(world: World, session: Any) -> None:
    """The bound blob is not a wrapped key: without the password the pepper's HMAC is of no use, GCM refuses."""
    await world.credential("P-256")
    row = (await world.sql("SELECT id, bound, salt, spki FROM sam.credentials"))[0]
    bound = bytes(row["bound"])
    for blob in (bound, bound[12:], bound[12:-16]):
        with pytest.raises(pkcs11.PKCS11Error):
            key(session, "kek.1").unwrap_key(
                ObjectClass.PRIVATE_KEY, KeyType.EC, blob, mechanism=KWP, capabilities=MechanismFlag.SIGN,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True,
                          Attribute.TOKEN: False, Attribute.ENCRYPT: DEFAULT, Attribute.VERIFY: DEFAULT,
                          Attribute.WRAP: DEFAULT, Attribute.LABEL: DEFAULT, Attribute.ID: DEFAULT},
            )  # fmt: skip
    aad = custody.additional_data(row["id"], bytes(row["spki"]), kek=1, pepper=1)

    def opened_with(stretched: bytes) -> bytes:
        message = custody.hmac_input(row["id"], stretched)
        k = bytes(key(session, "pepper.1").sign(message, mechanism=Mechanism.SHA256_HMAC))
        return AESGCM(k).decrypt(bound[:12], bound[12:], aad)

    with pytest.raises(InvalidTag):
        opened_with(passwords.stretch("Chute1234", bytes(row["salt"]), passwords.Argon2()))
    # PIN, database *and* password together do open it: this is the oracle that docs/threats.md says is left
    assert opened_with(passwords.stretch(PASSWORD, bytes(row["salt"]), passwords.Argon2()))


async def test_a_wrapped_key_stays_unreadable(world: World, session: Any) -> None:
    """Even with an opened blob in hand (root on the SAM's host, during an activation) the key itself is not read."""
    wrapped = await world.sam.hsm.generate_wrapped("P-256", 1)
    for weak in ({Attribute.SENSITIVE: False}, {Attribute.EXTRACTABLE: True}, {Attribute.TOKEN: True}):
        template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True,
                    Attribute.TOKEN: False, Attribute.ENCRYPT: DEFAULT, Attribute.VERIFY: DEFAULT,
                    Attribute.WRAP: DEFAULT, Attribute.LABEL: DEFAULT, Attribute.ID: DEFAULT, **weak}  # fmt: skip
        with pytest.raises(pkcs11.PKCS11Error):
            key(session, "kek.1").unwrap_key(ObjectClass.PRIVATE_KEY, KeyType.EC, wrapped.blob, mechanism=KWP,
                                             capabilities=MechanismFlag.SIGN, template=template)  # fmt: skip
    for mechanism in (Mechanism.AES_ECB, Mechanism.AES_CBC):
        with pytest.raises((pkcs11.PKCS11Error, AttributeError)):
            key(session, "kek.1").decrypt(wrapped.blob, mechanism=mechanism, mechanism_param=bytes(16))
