"""Guessing an installation password: counted before it is looked at, and nothing is learned about protocol numbers."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from foundation.audit import AuditChain, verify
from foundation.database import Database
from foundation.encoding import unb64u
from foundation.errors import BadInput, LinkIdError
from issuance.ac.adapters.hsm import HsmAuthorityKeys
from issuance.ac.adapters.pins import FilePins
from issuance.ac.service.emission import EmissionService
from issuance.errors import EmissionExpired, EmissionLocked, EmissionRefused
from protocol.errors import ProofInvalid, TransportKeyRetired
from protocol.proofs import encrypt
from tests.issuance.conftest import World
from tests.issuance.people import CPF, INSTALL_PASSWORD, PROTOCOL, Visitor, new_p256, public_of

NOBODYS = "1999999999"


async def visit(world: World, protocol: str = PROTOCOL) -> Visitor:
    visitor = world.visitor()
    await visitor.start(world.now, protocol)
    return visitor


async def wrong(world: World, protocol: str = PROTOCOL) -> LinkIdError:
    visitor = await visit(world, protocol)
    with pytest.raises((EmissionRefused, EmissionLocked)) as caught:
        await visitor.identify(world.now, "Errada1234")
    return caught.value


@pytest.mark.parametrize("protocol", [PROTOCOL, NOBODYS])
async def test_five_and_then_an_hour(world: World, protocol: str) -> None:
    """Five tries per protocol number, over any number of visits; the same for a number that does not exist."""
    await world.operator.place(world.now)
    left = [(await wrong(world, protocol)).data.get("tries_left") for _ in range(4)]
    assert left == [4, 3, 2, 1]
    fifth = await wrong(world, protocol)
    assert isinstance(fifth, EmissionLocked)
    assert fifth.retry_after == 3600
    world.clock.advance(timedelta(minutes=20))
    assert (await wrong(world, protocol)).retry_after == 2400
    world.clock.advance(timedelta(minutes=40))
    assert (await wrong(world, protocol)).data == {"tries_left": 4}


async def test_the_right_one_opens_after_four_wrong(world: World) -> None:
    """And begins the count anew."""
    await world.operator.place(world.now)
    for _ in range(4):
        await wrong(world)
    visitor = await visit(world)
    await visitor.identify(world.now)
    assert (await wrong(world)).data == {"tries_left": 4}


async def test_wrong_guesses_in_parallel_are_all_counted(world: World) -> None:
    """Forty at once: four are told how many are left, the fifth and everybody else that it is locked."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    bodies = [visitor.answer("Errada1234") for _ in range(40)]
    answers = await asyncio.gather(
        *(world.client.call("emission/identify", body) for body in bodies), return_exceptions=True
    )
    kinds = Counter(type(answer).__name__ for answer in answers)
    assert kinds == {"EmissionRefused": 4, "EmissionLocked": 36}
    with pytest.raises(EmissionLocked):
        await visitor.identify(world.now, INSTALL_PASSWORD)


async def test_a_proof_that_is_none_is_no_try(world: World) -> None:
    """Only what could have been right is counted: rubbish by the gateway does not lock a holder out."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    for _ in range(10):
        with pytest.raises(ProofInvalid):
            await world.client.call("emission/identify", visitor.answer(nonce="A" * 22))
    assert (await wrong(world)).data == {"tries_left": 4}


async def test_a_count_that_somebody_resets(world: World) -> None:
    """Whoever rewrites the count in the database still has twenty tries an hour: the process counts too."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    connection = await asyncpg.connect(world.database.dsn())
    outcomes: Counter[str] = Counter()
    try:
        for _ in range(30):
            await connection.execute("DELETE FROM ac.tries")
            with pytest.raises((EmissionRefused, EmissionLocked)) as caught:
                await visitor.identify(world.now, "Errada1234")
            outcomes[caught.value.code] += 1
    finally:
        await connection.close()
    assert outcomes == {"emission_refused": 20, "emission_locked": 10}


# --- a protocol number that does not exist ---------------------------------------------------------------------------


async def test_the_answers_have_one_shape(world: World) -> None:
    """Same members, same parameters, a salt that stays the same; nothing tells the two apart."""
    await world.operator.place(world.now)
    shapes = []
    for protocol in (PROTOCOL, NOBODYS):
        first, second = (
            (await visit(world, protocol)).identify_statement,
            (await visit(world, protocol)).identify_statement,
        )
        assert first is not None
        assert second is not None
        assert first.proof is not None
        assert second.proof is not None
        assert first.proof.salt == second.proof.salt
        assert len(first.proof.salt) == 16
        assert first.document.id != second.document.id
        assert first.document.nonce != second.document.nonce
        shapes.append(
            (sorted(first.document.members), first.proof.argon2, first.proof.purpose, first.proof.transport_key)
        )
        assert first.document.expires - first.document.created == 1800
    assert shapes[0] == shapes[1]


async def test_salts_of_nobody_differ(world: World) -> None:
    """One salt for all of them would be recognised at once."""
    salts = set()
    for number in range(5):
        statement = (await visit(world, f"199999999{number}")).identify_statement
        assert statement is not None
        assert statement.proof is not None
        salts.add(statement.proof.salt)
    assert len(salts) == 5


class Listening:
    """The AC's keys, writing down who asked for what."""

    def __init__(self, keys: HsmAuthorityKeys) -> None:
        self._keys = keys
        self.heard: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.heard.append(name)
        return getattr(self._keys, name)


async def test_the_same_work_is_done(world: World) -> None:
    """The HSM is asked the same things in the same order, whether the number exists or not: time tells nothing."""
    await world.operator.place(world.now)
    keys = Listening(HsmAuthorityKeys(world.ac.hsm, world.clock))
    audit = AuditChain(world.ac.database, "ac", world.clock)
    pins = FilePins(world.settings.trust_file, world.settings.operators_file)
    service = EmissionService(world.ac.database, keys, pins, audit, world.clock)
    heard = []
    for protocol in (PROTOCOL, NOBODYS):
        keys.heard.clear()
        visitor = world.visitor()
        begun = await service.start(protocol, visitor.public.jwk)
        visitor.emission = str(begun["emission"])
        visitor.identify_statement = visitor.read(begun["statement"], world.now)
        body = visitor.answer("Errada1234")
        with pytest.raises(EmissionRefused):
            await service.identify(visitor.emission, body["decision"], body["proof"], body["signature"])
        heard.append(list(keys.heard))
    assert heard[0] == heard[1]
    assert heard[0] == ["mac", "transport_key", "sign_root", "shared_point", "mac"]


async def test_protocol_numbers_that_are_none(world: World) -> None:
    """Ten ASCII digits."""
    for protocol in ("", "123", "12345678901", "abcdefghij", "１２３４５６７８９０", "1000556194\n"):
        with pytest.raises(BadInput):
            await world.client.call("emission/start", {"protocol": protocol, "key": world.visitor().public.jwk})


# --- time and keys ----------------------------------------------------------------------------------------------------


async def test_a_visit_ends_after_half_an_hour(world: World) -> None:
    """Statement, document and rows agree about it; a day later nothing is left."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    world.clock.advance(timedelta(minutes=30))
    with pytest.raises(EmissionExpired):
        await visitor.identify(world.now)
    world.clock.advance(timedelta(days=1, seconds=1))
    connection = await asyncpg.connect(world.database.dsn())
    try:
        await wrong(world, NOBODYS)
        await world.ac.emissions.sweep()
        assert await connection.fetchval("SELECT count(*) FROM ac.emissions") == 1
        assert await connection.fetchval("SELECT count(*) FROM ac.tries") == 1
    finally:
        await connection.close()


async def test_a_proof_to_a_key_that_is_not_ours(world: World) -> None:
    """The page is told to fetch the statement again; no try is counted."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    body = visitor.answer()
    body["proof"] = encrypt({"v": 1}, public_of(new_p256()))
    with pytest.raises(LinkIdError, match="decision_invalid"):
        await world.client.call("emission/identify", body)
    statement = visitor.identify_statement
    assert statement is not None
    assert statement.proof is not None
    visitor.identify_statement = type(statement)(
        statement.document,
        statement.expires,
        type(statement.proof)("install", statement.proof.salt, statement.proof.argon2, public_of(new_p256())),
    )
    with pytest.raises(TransportKeyRetired):
        await visitor.identify(world.now)
    assert (await wrong(world)).data == {"tries_left": 4}


async def test_the_transport_key_is_rotated(world: World) -> None:
    """The one before answers for ten minutes more; then the page is told, and a new visit has the new one."""
    await world.operator.place(world.now)
    keys = HsmAuthorityKeys(world.ac.hsm, world.clock)
    old = await keys.transport_key()
    epk = public_of(new_p256())
    await world.ac.hsm.add_transport_key(world.now)
    new = await keys.transport_key()
    assert new != old
    world.clock.advance(600)
    assert await keys.shared_point(old.jkt, epk) != await keys.shared_point(new.jkt, epk)
    world.clock.advance(1)
    with pytest.raises(TransportKeyRetired):
        await keys.shared_point(old.jkt, epk)
    assert len(await keys.shared_point(new.jkt, epk)) == 32


async def test_a_lost_answer_to_identify(world: World) -> None:
    """The same answer again costs no try; a fresh one is counted, and gets the same term."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    body = visitor.answer()
    first = visitor.read((await world.client.call("emission/identify", body))["statement"], world.now)
    again = visitor.read((await world.client.call("emission/identify", body))["statement"], world.now)
    fresh = await visitor.identify(world.now)
    assert first.document.data == again.document.data == fresh.document.data
    await visitor.agree()
    assert await visitor.agree() == "P-256"


# --- what is left behind ----------------------------------------------------------------------------------------------


async def test_the_audit_tells_the_story_and_nothing_about_persons(world: World) -> None:
    """One chain that verifies, with order, refusal, identification, agreement, intention, issue and revocation."""
    await world.operator.place(world.now)
    await wrong(world)
    visitor = world.visitor()
    await visitor.up_to_agreement(world.now)
    await visitor.issue(world.sam.possession(visitor, world.now))
    await world.operator.revoke(world.now, protocol=PROTOCOL, reason="keyCompromise")
    database: Database = world.ac.database
    report = await verify(database, "ac")
    assert report.good
    rows = await database.fetch("SELECT body FROM audit.lines WHERE chain = 'ac' ORDER BY seq")
    events = [json.loads(row["body"])["event"] for row in rows if b"crl.published" not in row["body"]]
    assert events == [
        "order.taken",
        "emission.refused",
        "emission.identified",
        "emission.agreed",
        "certificate.intended",
        "certificate.issued",
        "certificate.revoked",
    ]
    told = b"".join(row["body"] for row in rows).lower()
    for personal in (CPF, "maria", "example.com", "99999", PROTOCOL):
        assert personal.encode() not in told


async def test_neither_password_nor_stretched_password_is_kept(world: World) -> None:
    """The database holds an HMAC that needs the HSM; orders hold what only the HSM opens."""
    await world.operator.place(world.now)
    visitor = await visit(world)
    statement = await visitor.identify(world.now)
    assert statement.proof is None
    rows = await world.ac.database.fetch("SELECT jws, verifier FROM ac.orders")
    assert INSTALL_PASSWORD not in rows[0]["jws"]
    payload = json.loads(unb64u(rows[0]["jws"].split(".")[1], max_len=16384))
    assert set(payload["install"]) == {"salt", "argon2", "verifier"}
    assert len(rows[0]["verifier"]) == 32
