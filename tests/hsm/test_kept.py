"""Keys kept unwrapped while a session is used: few, for seconds, never another's. On a real SoftHSM."""

import ast
import asyncio
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Attribute, ObjectClass

from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.kept import KeptKeys
from hsm_service.hsm.keys import WrappedKey
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Room, Token
from protocol.algorithms import SIGN_ALGORITHMS

ECDSA = SIGN_ALGORITHMS["ECDSA-SHA256"]


@pytest.fixture
async def one(settings: HsmSettings, token: Token) -> AsyncIterator[Hsm]:
    """One thread, which keeps two keys for two tenths of a second."""
    hsm = Hsm(settings.model_copy(update={"threads": 1, "kept_keys": 2, "kept_seconds": 0.2}))
    await hsm.open()
    yield hsm
    async with asyncio.timeout(20):
        await gone(hsm)
    await hsm.close()


def unwrapped(room: Room) -> int:
    """Holders' keys that lie in the token: private, and in a session only."""
    template = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.TOKEN: False}
    return len(list(room.session.get_objects(template)))


async def uses(hsm: Hsm, key: WrappedKey, times: int = 1) -> None:
    """Signs, and each signature is the key's own."""
    public = load_der_public_key(key.spki)
    for _ in range(times):
        digest = secrets.token_bytes(32)
        (signature,) = await hsm.sign_kept(key, "P-256", ECDSA, [digest])
        ECDSA.verify(public, signature, digest)  # type: ignore[arg-type]


async def gone(hsm: Hsm) -> None:
    """Comes back when no key lies in the token any more, though nobody signs; never, if that does not happen."""
    while await hsm.in_room(unwrapped):
        await asyncio.sleep(0.02)


async def test_unwrapped_once(one: Hsm) -> None:
    """Ten uses of a session unwrap once; when its seconds are over the key is gone from the token."""
    key = await one.generate_wrapped("P-256", 1)
    before = one.session_objects
    await uses(one, key, 10)
    assert one.session_objects - before == 1
    assert await one.in_room(unwrapped) == 1
    async with asyncio.timeout(20):
        await gone(one)
    await uses(one, key)
    assert one.session_objects - before == 2


async def test_outside_of_sessions_nothing_is_kept(one: Hsm) -> None:
    """A signature of its own uses no kept key and keeps none."""
    key = await one.generate_wrapped("P-256", 1)
    before = one.session_objects
    for _ in range(3):
        await one.sign_wrapped(key, "P-256", ECDSA, [bytes(32)])
    assert one.session_objects - before == 3
    assert await one.in_room(unwrapped) == 0


SOMEBODY = """
import sys, pkcs11
from pkcs11 import Attribute, ObjectClass
session = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2]).open(user_pin=sys.argv[3])
print(sorted(one.label for one in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})))
"""


async def test_no_other_process_sees_it(settings: HsmSettings, token: Token) -> None:
    """Somebody else who has the PIN finds the SAM's own keys and nothing of a holder's, while one is kept."""
    hsm = Hsm(settings.model_copy(update={"threads": 1, "kept_seconds": 60}))
    await hsm.open()
    await uses(hsm, await hsm.generate_wrapped("P-256", 1))
    argv = [sys.executable, "-c", SOMEBODY, str(settings.module), settings.token_label]
    seen = await asyncio.to_thread(
        subprocess.run, [*argv, settings.pin.get_secret_value()], capture_output=True, text=True, check=True
    )
    assert {label.split(".")[0] for label in ast.literal_eval(seen.stdout)} <= {"root", "transport"}
    assert await hsm.in_room(unwrapped) >= 1
    await hsm.in_room(lambda room: room.kept.forget(float("inf")))
    await hsm.close()


async def test_few_and_nobody_elses(one: Hsm) -> None:
    """Three keys in turn where two are kept: each signs by itself, and never more than two lie there."""
    keys = [await one.generate_wrapped("P-256", 1) for _ in range(3)]
    for key in keys * 3:
        await uses(one, key)
        assert 1 <= await one.in_room(unwrapped) <= 2


async def test_a_blob_that_does_not_unwrap_keeps_nothing(one: Hsm) -> None:
    """And one of which the first bytes are another's finds no kept key."""
    key = await one.generate_wrapped("P-256", 1)
    await uses(one, key)
    changed = WrappedKey(key.blob[:-1] + bytes([key.blob[-1] ^ 1]), key.spki, key.kek)
    with pytest.raises(Exception, match=r"\w"):
        await one.sign_kept(changed, "P-256", ECDSA, [bytes(32)])
    assert await one.in_room(unwrapped) <= 1
    await uses(one, key)


async def test_a_refused_digest_keeps_nothing(one: Hsm) -> None:
    """What fails before a signature exists leaves no key behind."""
    key = await one.generate_wrapped("P-256", 1)
    with pytest.raises(Exception, match="32 bytes"):
        await one.sign_kept(key, "P-256", ECDSA, [bytes(31)])
    assert await one.in_room(unwrapped) == 0


async def test_a_new_epoch_begins_without_kept_keys(one: Hsm) -> None:
    """A handle of before would be a number that may name another key by now."""
    key = await one.generate_wrapped("P-256", 1)
    await uses(one, key)
    before = one.session_objects
    await asyncio.to_thread(one.token.module.renew, one.epoch)
    await uses(one, key, 2)
    assert one.session_objects - before == 1


class Object:
    """Something that can be destroyed."""

    def __init__(self) -> None:
        self.destroyed = 0

    def destroy(self) -> None:
        """Counts."""
        self.destroyed += 1


def test_time_counts_from_the_unwrapping() -> None:
    """However often it is used: at its last moment it is there, then it is not."""
    kept, key, private = KeptKeys(2, 10.0), WrappedKey(b"blob", b"", 1), Object()
    assert kept.keep(key, private, 100.0)
    for now in (100.0, 105.0, 109.9):
        assert kept.take(key, now) is private
    assert kept.take(key, 110.0) is None
    kept.forget(109.9)
    assert private.destroyed == 0
    kept.forget(110.0)
    assert (private.destroyed, len(kept)) == (1, 0)


def test_the_same_blob_under_another_kek_is_another_key() -> None:
    """The name is of both."""
    kept = KeptKeys(2, 10.0)
    kept.keep(WrappedKey(b"1.blob", b"", 1), Object(), 0.0)
    assert kept.take(WrappedKey(b"1.blob", b"", 2), 0.0) is None
    assert kept.take(WrappedKey(b"blob", b"", 11), 0.0) is None


def test_none_is_kept_where_none_may_be() -> None:
    """``kept_keys`` 0, and the second of two rivals: the caller destroys it."""
    key = WrappedKey(b"blob", b"", 1)
    assert not KeptKeys(0, 10.0).keep(key, Object(), 0.0)
    kept = KeptKeys(2, 10.0)
    assert kept.keep(key, Object(), 0.0)
    assert not kept.keep(key, Object(), 0.0)
