"""What the SAM does with its token, on a real SoftHSM: every result is checked by an independent implementation."""

import asyncio
import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pkcs11
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from pkcs11 import Attribute, ObjectClass

from foundation.errors import LinkIdError
from hsm_service.hsm import operations
from hsm_service.hsm.facade import Hsm, _Trips
from hsm_service.hsm.faults import HsmKeyMissing, HsmRequestFault, HsmUnavailable, StaleHandle
from hsm_service.hsm.keys import WrappedKey
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.token import Room, Token
from protocol.algorithms import KEY_ALGORITHMS, KEY_KINDS, SIGN_ALGORITHMS, KeyAlgorithm
from protocol.keys import P256Key

T = TypeVar("T")


@pytest.mark.parametrize("kind", KEY_ALGORITHMS)
async def test_a_wrapped_key_signs(hsm: Hsm, kind: KeyAlgorithm) -> None:
    """Every kind of key with every algorithm: made in the HSM, kept wrapped, signs, verifies by its public key."""
    key, request = await hsm.generate_with_request(kind, 1, "Maria")
    public = load_der_public_key(key.spki)
    assert KEY_KINDS[kind].is_kind_of(public)
    assert x509.load_der_x509_csr(request).is_signature_valid
    for algorithm in SIGN_ALGORITHMS.values():
        digests = [secrets.token_bytes(algorithm.digest_bytes) for _ in range(3)]
        if not KEY_KINDS[kind].signs(algorithm):
            with pytest.raises(HsmRequestFault):
                await hsm.sign_wrapped(key, kind, algorithm, digests)
            continue
        signatures = await hsm.sign_wrapped(key, kind, algorithm, digests)
        for digest, signature in zip(digests, signatures, strict=True):
            algorithm.verify(public, signature, digest)  # type: ignore[arg-type]
            with pytest.raises(LinkIdError):
                algorithm.verify(public, signature, digest[::-1])  # type: ignore[arg-type]


async def test_nothing_stays_in_the_token(hsm: Hsm) -> None:
    """After generation, signature and derivation the token has the objects it had."""

    def count(room: Room) -> int:
        return len(list(room.session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))) + len(
            list(room.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))
        )

    before = await hsm.in_room(count)
    key = await hsm.generate_wrapped("P-256", 1)
    await hsm.sign_wrapped(key, "P-256", SIGN_ALGORITHMS["ECDSA-SHA256"], [bytes(32)])
    with pytest.raises(HsmRequestFault):
        await hsm.sign_wrapped(key, "P-256", SIGN_ALGORITHMS["ECDSA-SHA256"], [bytes(31)])
    await hsm.derive(1, P256Key.from_public(ec.generate_private_key(ec.SECP256R1()).public_key()))
    assert await hsm.in_room(count) == before


async def test_a_spoilt_blob_is_a_request_fault(hsm: Hsm) -> None:
    """A changed blob does not unwrap, is told from an outage, and the HSM goes on."""
    key = await hsm.generate_wrapped("RSA-2048", 1)
    spoilt = bytearray(key.blob)
    spoilt[100] ^= 1
    epoch = hsm.epoch
    for blob in (bytes(spoilt), b"", key.blob[:-8], bytes(40)):
        bad = WrappedKey(blob, key.spki, 1)
        with pytest.raises(HsmRequestFault):
            await hsm.sign_wrapped(bad, "RSA-2048", SIGN_ALGORITHMS["RSA-PKCS1-SHA256"], [bytes(32)])
    with pytest.raises(HsmKeyMissing):
        await hsm.hmac("pepper.77", b"x")
    assert hsm.epoch == epoch
    await hsm.sign_wrapped(key, "RSA-2048", SIGN_ALGORITHMS["RSA-PKCS1-SHA256"], [bytes(32)])


async def test_ecdh_is_what_everybody_computes(hsm: Hsm) -> None:
    """Z is the x coordinate, 32 bytes, leading zeros kept: the same as the other side's."""
    transport = (await hsm.transport_keys())[0]
    for _ in range(300):
        mine = ec.generate_private_key(ec.SECP256R1())
        theirs = mine.exchange(ec.ECDH(), transport.public.public)
        assert await hsm.derive(transport.version, P256Key.from_public(mine.public_key())) == theirs


async def test_macs_and_root_signatures(hsm: Hsm) -> None:
    """HMAC differs by key and message; the root's signature verifies with the public half."""
    assert await hsm.hmac("pepper.1", b"x") == await hsm.hmac("pepper.1", b"x")
    assert len({await hsm.hmac(label, text) for label in ("pepper.1", "rowmac.1") for text in (b"x", b"y")}) == 4
    root = await hsm.root()
    root.verify(await hsm.sign_root(b"message"), b"message")
    assert len(await hsm.random(48)) == 48


def test_eight_threads_sign_the_right_thing(token: Token) -> None:
    """With locking, threads do not disturb each other: every signature is the one of its own key and digest."""
    key = token.run(lambda room: operations.generate_wrapped(room, "RSA-2048", 1))
    algorithm = SIGN_ALGORITHMS["RSA-PKCS1-SHA256"]
    public = load_der_public_key(key.spki)
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(40):
                digest = hashlib.sha256(f"{number} {turn}".encode()).digest()
                made = token.run(
                    partial(
                        operations.sign_wrapped,
                        key=key,
                        key_algorithm="RSA-2048",
                        algorithm=algorithm,
                        digests=[digest],
                    )
                )
                algorithm.verify(public, made[0], digest)  # type: ignore[arg-type]
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_handles_of_another_epoch_are_refused(token: Token) -> None:
    """After a new initialisation the old number may name another key: using it is refused, and new ones are found."""
    before = token.run(lambda room: room._found or (room.secret("kek.1"), room._found)[1])
    old = next(iter(before.values()))
    epoch = token.epoch
    token.module.renew(epoch)
    assert token.epoch == epoch + 1
    with pytest.raises(StaleHandle):
        old.live()
    token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))


def test_renewal_under_load_loses_nothing(token: Token) -> None:
    """Initialising anew while threads sign waits for them and stops nobody (C_Finalize under load would crash)."""
    stop = threading.Event()
    wrong: list[BaseException] = []
    done: list[int] = []

    def work() -> None:
        try:
            while not stop.is_set():
                token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))
                done.append(1)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        while len(done) % 7:
            pass
        token.module.renew(token.epoch)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(done) > 4


def test_a_closed_session_and_a_logout_are_repaired(token: Token) -> None:
    """What another part of the process breaks (session closed, everybody logged out) is examined and repaired."""
    mac = token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))
    token.run(lambda room: room).session.close()
    assert token.run(lambda room: operations.hmac(room, "pepper.1", b"x")) == mac
    epoch = token.epoch
    assert token._root is not None
    token._root[2].close()  # the session that logged in: C_Logout for everybody
    assert token.run(lambda room: operations.hmac(room, "pepper.1", b"x")) == mac
    assert token.epoch == epoch + 1


def test_a_vanished_token_is_an_outage_not_a_missing_key(token: Token, sam_token: object) -> None:
    """While the token's files are away the answer is unavailable; once they are back (and the circuit's first pause is
    over) it works without a restart."""
    slot = sam_token.conf.parent / "slot"  # type: ignore[attr-defined]
    away = slot.with_name("away")
    mac = token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))
    slot.rename(away)
    try:
        with pytest.raises(HsmUnavailable):
            Token(token.settings).run(lambda room: operations.hmac(room, "pepper.1", b"x"))
        with pytest.raises(HsmUnavailable):
            token.run(lambda room: operations.hmac(room, "pepper.1", b"x"))
    finally:
        away.rename(slot)
    time.sleep(token.circuit.wait(time.monotonic()))
    assert token.run(lambda room: operations.hmac(room, "pepper.1", b"x")) == mac


async def test_a_call_that_hangs_is_given_up(settings: HsmSettings, token: Token) -> None:
    """After the deadline the caller is told; when every thread hangs the process is declared broken."""
    hsm = Hsm(settings.model_copy(update={"deadline_seconds": 0.1, "threads": 2}))
    release = threading.Event()
    try:
        for hanging in (1, 2):
            with pytest.raises(HsmUnavailable):
                await hsm.run(release.wait)
            assert hsm.broken.is_set() == (hanging == 2)
        with pytest.raises(HsmUnavailable):
            await hsm.hmac("pepper.1", b"x")
    finally:
        release.set()
        await hsm.close()


async def test_a_queue_that_is_too_long_is_not_a_hang(settings: HsmSettings, token: Token) -> None:
    """A call that found no free thread is refused as busy, and nobody is declared broken."""
    hsm = Hsm(settings.model_copy(update={"deadline_seconds": 5.0, "threads": 1}))
    release = threading.Event()
    try:
        running = asyncio.create_task(hsm.run(release.wait))
        await asyncio.sleep(0)
        with pytest.raises(HsmUnavailable, match="no thread"):
            await hsm.run(lambda: 1, deadline=0.05)
        release.set()
        assert await running
        assert not hsm.broken.is_set()
    finally:
        release.set()
        await hsm.close()


def test_unknown_faults_are_suspect() -> None:
    """A return value that nobody knows is examined, never answered as a request fault."""
    from hsm_service.hsm.faults import Kind, kind_of

    assert kind_of(pkcs11.PKCS11Error("new")) is Kind.SUSPECT
    assert kind_of(pkcs11.NoSuchKey()) is Kind.SUSPECT
    assert kind_of(pkcs11.PinLocked()) is Kind.LOGIN
    assert kind_of(pkcs11.DataLenRange()) is Kind.REQUEST


@pytest.mark.parametrize("kind", ["RSA-2048", "P-256"])
async def test_a_key_signs_its_own_request_at_birth(hsm: Hsm, kind: KeyAlgorithm) -> None:
    """The certification request names the credential, carries the key's public half and is signed by it."""
    key, der = await hsm.generate_with_request(kind, 1, "cred_x")
    request = x509.load_der_x509_csr(der)
    assert request.is_signature_valid
    assert request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == key.spki
    assert request.subject.rfc4514_string() == "CN=cred_x"


async def test_macs_go_together(settings: HsmSettings, token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """What many ask for while the only thread is busy is one visit, and each gets the MACs of its own messages; a fault
    fails those who went together and nobody else, and so does a thread that does not come free in time."""
    hsm = Hsm(settings.model_copy(update={"threads": 1, "deadline_seconds": 5.0}))
    release = threading.Event()
    visits: list[int] = []
    run = hsm.token.run

    def counted(work: Callable[[Room], T]) -> T:
        visits.append(1)
        return run(work)

    monkeypatch.setattr(hsm.token, "run", counted)
    try:
        busy = asyncio.create_task(hsm.run(release.wait))
        await asyncio.sleep(0)
        wanted = [[f"{n}.{at}".encode() for at in range(n % 4)] for n in range(20)]
        asked = [asyncio.create_task(hsm.hmacs("pepper.1", messages)) for messages in wanted]
        missing = asyncio.create_task(hsm.hmac("pepper.99", b"x"))
        await asyncio.sleep(0)
        asked[7].cancel()
        release.set()
        assert await busy
        answers = await asyncio.gather(*asked, return_exceptions=True)
        with pytest.raises(HsmKeyMissing):
            await missing
        assert len(visits) == 2
        assert isinstance(answers[7], asyncio.CancelledError)
        for messages, macs in zip(wanted, answers, strict=True):
            if macs is not answers[7]:
                assert macs == [token.run(partial(operations.hmac, label="pepper.1", data=one)) for one in messages]
        release.clear()
        busy = asyncio.create_task(hsm.run(release.wait))
        await asyncio.sleep(0)
        hsm._deadline = 0.05
        late = await asyncio.gather(*(hsm.hmac("pepper.1", b"x") for _ in range(3)), return_exceptions=True)
        assert all(isinstance(one, HsmUnavailable) and "no thread" in str(one) for one in late)
        release.set()
        assert await busy
        hsm._deadline = 5.0
        assert len(await hsm.hmac("pepper.1", b"x")) == 32
        assert hsm.at_work == 0
    finally:
        release.set()
        await hsm.close()


async def test_a_trip_goes_with_what_is_left(settings: HsmSettings) -> None:
    """Two trips take from one list of waiting callers: one whose look said that somebody waits, and whom the other took
    just then, goes with those that it has; nobody hears of it."""

    class TakenMeanwhile(deque[Any]):
        """Says once more than is true that somebody waits."""

        def __bool__(self) -> bool:
            return True

    hsm = Hsm(settings.model_copy(update={"threads": 1}))
    try:
        hsm._trips["pepper.1"] = _Trips(waiting=TakenMeanwhile())
        assert len(await hsm.hmac("pepper.1", b"x")) == 32
    finally:
        await hsm.close()
