"""Attacker 3 of docs/threats.md: holds the HSM PIN and a session on the token, with tools of his own.

He uses python-pkcs11 directly, none of our code, and the PIN file.
"""

import ast
import asyncio
import hashlib
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pkcs11
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.constants import DEFAULT

from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from protocol import custody, passwords, proofs, statements
from protocol.errors import WeakParameters
from tests.sam.world import PASSWORD, Signer, World, stretched

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
    """With credentials alive, the token holds no private key but the SAM's own root and transport keys.

    Keys that sessions keep for seconds are not on the token: another process does not see them
    (`tests/hsm/test_kept.py`).
    """
    await world.credential("P-256")
    found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.TOKEN: True})
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


WATCH = """
import sys, time, pkcs11
from pkcs11 import Attribute, ObjectClass
token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])
session = token.open(user_pin=sys.argv[3])
seen, looks = set(), 0
print("looking", flush=True)
until = time.monotonic() + 20
while time.monotonic() < until:
    seen |= {one.label for one in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})}
    looks += 1
    if looks == 200:
        break
print(sorted(seen))
"""


async def test_nobody_sees_a_key_while_it_signs(world: World, hsm_settings: HsmSettings) -> None:
    """Another process with the PIN looks without pause while the SAM unwraps, signs and destroys: nothing shows up."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    pin = hsm_settings.pin.get_secret_value()
    watcher = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WATCH, str(hsm_settings.module), hsm_settings.token_label, pin,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert watcher.stdout is not None
    assert await watcher.stdout.readline() == b"looking\n"
    signed = 0
    while watcher.returncode is None and signed < 200:
        request = await world.ask(credential, algorithm="ECDSA-SHA256")
        signed += len(await world.sign(request, (await world.approve(phone, request))["activation"]))
        with suppress(TimeoutError):
            await asyncio.wait_for(watcher.wait(), 0.001)
    assert signed > 0
    seen = ast.literal_eval((await watcher.stdout.read()).decode())
    assert {label.split(".")[0] for label in seen} <= {"root", "transport"}


async def test_what_the_pin_does_give(world: World, session: Any) -> None:
    """He speaks as the SAM: statements that clients accept, with a transport key of his; and opens recorded proofs.

    So the PIN *and* a gateway would get a password typed into his own transport key, and the PIN *and* recorded traffic
    the stretched password. Neither yields a key without the database (docs/threats.md, "Left"). What even that does not
    get past is the clients' own floor.
    """
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, algorithm="ECDSA-SHA256")
    assert request.statement.proof is not None
    root = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="root.1")
    his = Signer()

    def lie(**wanted: Any) -> str:
        assert request.statement.proof is not None
        payload = statements.statement_payload(request.statement.document, request.statement.proof)
        proof: Any = payload["proof"]
        signed = statements.signing_input({**payload, "proof": {**proof, **wanted}}, kid=next(iter(world.roots)))
        digest = hashlib.sha256(signed).digest()
        return statements.assemble(signed, bytes(root.sign(digest, mechanism=Mechanism.ECDSA)))

    told = world.open(lie(transport_key=his.public.jwk))
    assert told.proof is not None
    assert told.proof.transport_key == his.public
    with pytest.raises(WeakParameters):
        world.open(lie(argon2={"m": 8, "t": 1, "p": 1}))
    # a proof that passed on the wire
    jwe = proofs.Jwe.parse(phone.decision(request.statement)["proof"])
    newest = (await world.sam.hsm.transport_keys())[-1]
    assert newest.public.jkt == jwe.kid
    transport = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=f"transport.{newest.version}")
    shared = transport.derive_key(
        KeyType.GENERIC_SECRET, 256, mechanism=Mechanism.ECDH1_DERIVE, capabilities=MechanismFlag.SIGN,
        mechanism_param=(pkcs11.KDF.NULL, None, jwe.epk.point),
        template={Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )  # fmt: skip
    claims = proofs.Claims.parse(jwe.decrypt(bytes(shared[Attribute.VALUE]).rjust(32, b"\0")))
    assert claims.stretched == stretched(PASSWORD, request.statement.proof.salt)
    # and still no phone decides for him: the SAM asks for the device's own signature
    body = his.decision(request.statement, stretched=claims.stretched)
    code = await world.refused("documents/decide", document=request.id, device=phone.id, **body)
    assert code == "decision_invalid"
