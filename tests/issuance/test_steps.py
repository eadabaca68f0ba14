"""Steps I1 to I10, each broken on purpose by a gateway of the attacker's own: no certificate comes out."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from foundation.encoding import JsonObject, b64u
from foundation.errors import BadInput, LinkIdError
from foundation.ids import new_id
from issuance.errors import (
    AlreadyEmitted,
    EmissionExpired,
    EmissionOutOfOrder,
    EmissionRefused,
    EmissionUnknown,
    KeySeenBefore,
    OrderTaken,
    OrderTooOld,
    PossessionInvalid,
)
from protocol.decisions import message, proof_hash
from protocol.errors import DecisionInvalid, OrderInvalid
from protocol.keys import sign_raw
from protocol.orders import sign_order
from tests.issuance.conftest import World
from tests.issuance.people import (
    FakeSam,
    Visitor,
    csr,
    new_p256,
    public_of,
    root_signed,
    spki,
    write_pins,
)


async def no_certificates(world: World) -> bool:
    """Nothing was issued, and nothing intended."""
    connection = await asyncpg.connect(world.database.dsn())
    try:
        return bool(await connection.fetchval("SELECT count(*) = 0 FROM ac.certificates"))
    finally:
        await connection.close()


async def rewrite(world: World, sql: str, *arguments: object) -> None:
    """Somebody with write access to the database."""
    connection = await asyncpg.connect(world.database.dsn())
    try:
        await connection.execute(sql, *arguments)
    finally:
        await connection.close()


@pytest.fixture
async def agreed(world: World) -> Visitor:
    """Somebody who is one call away from a certificate."""
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.up_to_agreement(world.now)
    return visitor


# --- I1: the order is signed by an operator whose key is pinned --------------------------------------------------


async def test_i1_an_order_by_nobody_we_know(world: World) -> None:
    """Another key's order, an altered one and an unsigned one are not taken."""
    order = await world.operator.issue_order(world.now)
    good = world.operator.sign(order)
    head, body, tail = good.split(".")
    other = world.operator.sign({**order, "person": {**order["person"], "name": "Outra Pessoa"}}).split(".")[1]  # type: ignore[dict-item]
    forged = [
        sign_order(order, new_p256()),
        f"{head}.{other}.{tail}",
        f"{head}.{body}.",
        f"{b64u(b'{}')}.{body}.{tail}",
        f"{body}",
    ]
    for jws in forged:
        with pytest.raises(OrderInvalid):
            await world.client.call("orders/submit", {"order": jws})
    visitor = world.visitor()
    await visitor.start(world.now)
    with pytest.raises(EmissionRefused):
        await visitor.identify(world.now)


async def test_i1_an_order_by_the_ac_or_sam_root_is_none(world: World) -> None:
    """A key pinned for something else orders nothing."""
    order = await world.operator.issue_order(world.now)
    with pytest.raises(OrderInvalid):
        await world.client.call("orders/submit", {"order": sign_order(order, world.sam.root)})


async def test_i1_an_operator_unpinned_meanwhile(world: World, agreed: Visitor) -> None:
    """Orders of an operator who is not pinned any more are worth nothing, also those taken before."""
    possession = world.sam.possession(agreed, world.now)
    somebody = public_of(new_p256())
    write_pins(world.settings.trust_file, world.settings.operators_file, public_of(world.sam.root), somebody)
    with pytest.raises(OrderInvalid):
        await agreed.issue(possession)
    assert await no_certificates(world)


async def test_i1_an_order_row_somebody_wrote(world: World, agreed: Visitor) -> None:
    """A rewritten row orders nothing: the bytes are verified at every use, and must be of this emission."""
    order = await world.operator.issue_order(world.now, person={"name": "Atacante"})
    await rewrite(world, "UPDATE ac.orders SET jws = $1", sign_order(order, new_p256()))
    with pytest.raises(OrderInvalid):
        await agreed.issue(world.sam.possession(agreed, world.now))
    # An order that an operator did sign, for somebody else, put in the place of this one.
    await rewrite(world, "UPDATE ac.orders SET jws = $1", world.operator.sign(order))
    with pytest.raises(OrderInvalid):
        await agreed.issue(world.sam.possession(agreed, world.now))
    assert await no_certificates(world)


# --- I2: the order is unused and not too old ----------------------------------------------------------------------


async def test_i2_an_order_is_taken_once(world: World) -> None:
    """The same bytes again change nothing; another order of that id or protocol number is refused."""
    order = await world.operator.issue_order(world.now)
    jws = world.operator.sign(order)
    first = await world.client.call("orders/submit", {"order": jws})
    assert await world.client.call("orders/submit", {"order": jws}) == first
    for other in (
        world.operator.sign(order),  # signed anew: other bytes
        world.operator.sign(await world.operator.issue_order(world.now, id=order["id"], protocol="1000000009")),
        world.operator.sign(await world.operator.issue_order(world.now)),
    ):
        with pytest.raises(OrderTaken):
            await world.client.call("orders/submit", {"order": other})


async def test_i2_one_certificate_for_an_order(world: World, agreed: Visitor) -> None:
    """Whoever comes after the certificate, with whatever key, gets none."""
    latecomer = world.visitor()
    await latecomer.up_to_agreement(world.now)
    await agreed.issue(world.sam.possession(agreed, world.now))
    with pytest.raises(AlreadyEmitted):
        await latecomer.issue(world.sam.possession(latecomer, world.now))
    with pytest.raises(AlreadyEmitted):
        await agreed.issue(world.sam.possession(agreed, world.now))
    returning = world.visitor()
    await returning.start(world.now)
    with pytest.raises(AlreadyEmitted):
        await returning.identify(world.now)


async def test_i2_an_old_order(world: World, agreed: Visitor) -> None:
    """After 30 days an order is dead: at identification, and at issuing."""
    world.clock.advance(timedelta(days=30, seconds=1))
    visitor = world.visitor()
    await visitor.start(world.now)
    with pytest.raises(OrderTooOld):
        await visitor.identify(world.now)
    with pytest.raises(OrderTooOld):
        await agreed.issue(world.sam.possession(agreed, world.now))


@pytest.mark.parametrize("age", [timedelta(days=31), timedelta(minutes=-6)])
async def test_i2_an_order_from_another_time(world: World, age: timedelta) -> None:
    """Too old, or from the future, it is not even taken."""
    jws = world.operator.sign(await world.operator.issue_order(world.now, created=int((world.now - age).timestamp())))
    with pytest.raises(LinkIdError, match="bad_order"):
        await world.client.call("orders/submit", {"order": jws})


async def test_i2_rivals(world: World, agreed: Visitor) -> None:
    """Twenty calls at once, two visits, each with keys of its own: one certificate in all."""
    other = world.visitor()
    await other.up_to_agreement(world.now)
    possessions = [(visitor, world.sam.possession(visitor, world.now)) for visitor in [agreed, other] * 10]
    answers = await asyncio.gather(
        *(visitor.issue(possession) for visitor, possession in possessions), return_exceptions=True
    )
    made = {answer[0].serial_number for answer in answers if isinstance(answer, list)}
    assert len(made) == 1
    others = [answer for answer in answers if not isinstance(answer, list)]
    assert all(isinstance(answer, AlreadyEmitted | KeySeenBefore | EmissionOutOfOrder) for answer in others), others


# --- I3: CPF and installation password were proved by this emission key -------------------------------------------


async def test_i3_nobody_identified(world: World) -> None:
    """A visit that only began, or was only identified, gets nothing."""
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.start(world.now)
    with pytest.raises(EmissionOutOfOrder):
        await visitor.issue(world.sam.possession(visitor, world.now))
    await visitor.identify(world.now)
    with pytest.raises(EmissionOutOfOrder):
        await visitor.issue(world.sam.possession(visitor, world.now))
    assert await no_certificates(world)


async def test_i3_a_proof_of_another_visit(world: World) -> None:
    """The installation password's proof cannot be carried to a visit of the gateway's own."""
    await world.operator.place(world.now)
    victim, attacker = world.visitor(), world.visitor()
    await victim.start(world.now)
    await attacker.start(world.now)
    stolen = victim.answer()
    assert attacker.identify_statement is not None
    digest = attacker.identify_statement.document.digest
    resigned = b64u(sign_raw(attacker.key, message(digest, "approve", str(stolen["proof"]))))
    for body in (
        {**stolen, "emission": attacker.emission},
        {**stolen, "emission": attacker.emission, "signature": resigned},
    ):
        with pytest.raises(LinkIdError, match=r"decision_invalid|proof_invalid"):
            await world.client.call("emission/identify", body)


async def test_i3_a_proof_for_something_else(world: World) -> None:
    """Purpose, document, key and nonce inside the proof must be those of this visit."""
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.start(world.now)
    for member, value in (
        ("purpose", "emit"),
        ("document", "ems_00000000000000000000000000"),
        ("device", "A" * 43),
        ("nonce", "A" * 22),
        ("hash", "A" * 43),
    ):
        with pytest.raises(LinkIdError, match="proof_invalid"):
            await world.client.call("emission/identify", visitor.answer(**{member: value}))


async def test_i3_a_row_that_says_identified(world: World, agreed: Visitor) -> None:
    """Whoever writes the database cannot identify a visit of his own: the HSM's MAC is over visit, order and key."""
    attacker = world.visitor()
    await attacker.start(world.now)
    await rewrite(
        world,
        """UPDATE ac.emissions a SET state = 'agreed', order_id = v.order_id, answer = v.answer, term = v.term,
                  identified_mac = v.identified_mac, agreement = v.agreement
           FROM ac.emissions v WHERE v.id = $1 AND a.id = $2""",
        agreed.emission,
        attacker.emission,
    )
    with pytest.raises(EmissionOutOfOrder):
        await attacker.issue(world.sam.possession(attacker, world.now))
    # Or puts his own key into the victim's visit.
    public = attacker.public
    await rewrite(
        world, "UPDATE ac.emissions SET key_x = $2, key_y = $3 WHERE id = $1", agreed.emission, public.x, public.y
    )
    attacker.emission = agreed.emission
    with pytest.raises(EmissionOutOfOrder):
        await attacker.issue(world.sam.possession(attacker, world.now))
    assert await no_certificates(world)


async def test_i3_a_verifier_of_another_order(world: World) -> None:
    """The kept verifier names its order: copied beside another one it opens nothing."""
    await world.operator.place(world.now)
    await world.operator.place(world.now, protocol="1000000002", install_password="Atacante1")
    await rewrite(
        world,
        """UPDATE ac.orders v SET verifier = a.verifier FROM ac.orders a
           WHERE v.protocol = '1000556194' AND a.protocol = '1000000002'""",
    )
    visitor = world.visitor()
    await visitor.start(world.now)
    with pytest.raises(LinkIdError, match="emission_refused"):
        await visitor.identify(world.now, "Atacante1")


# --- I4: the emission key signed the term --------------------------------------------------------------------------


async def test_i4_an_agreement_that_is_none(world: World) -> None:
    """Refused, signed by another key, signed over another document: no agreement."""
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.start(world.now)
    term = await visitor.identify(world.now)
    assert visitor.identify_statement is not None
    wrong = {
        "refused": ("refuse:wrong-content", visitor.key, term.document.digest),
        "another key": ("approve", new_p256(), term.document.digest),
        "another document": ("approve", visitor.key, visitor.identify_statement.document.digest),
    }
    for word, key, digest in wrong.values():
        signature = b64u(sign_raw(key, message(digest, word, None)))
        body: JsonObject = {"emission": visitor.emission, "decision": word, "proof": None, "signature": signature}
        with pytest.raises(DecisionInvalid):
            await world.client.call("emission/agree", body)
    with pytest.raises(EmissionOutOfOrder):
        await visitor.issue(world.sam.possession(visitor, world.now))


async def test_i4_an_agreement_that_somebody_wrote(world: World, agreed: Visitor) -> None:
    """A term or a signature changed in the database is noticed when it counts."""
    await rewrite(world, "UPDATE ac.emissions SET agreement = decode(repeat('00', 64), 'hex')")
    with pytest.raises(DecisionInvalid):
        await agreed.issue(world.sam.possession(agreed, world.now))
    await rewrite(world, "UPDATE ac.emissions SET term = identify")
    with pytest.raises(EmissionOutOfOrder):
        await agreed.issue(world.sam.possession(agreed, world.now))
    assert await no_certificates(world)


# --- I5: the SAM made a key for this emission -----------------------------------------------------------------------


async def test_i5_a_possession_by_another_root(world: World, agreed: Visitor) -> None:
    """A gateway that signs by itself, or that uses the AC's own statement, is not the SAM."""
    rogue = FakeSam()
    with pytest.raises(PossessionInvalid):
        await agreed.issue(rogue.possession(agreed, world.now))
    statement = str((await world.client.call("transport"))["statement"])
    for jws in (statement, "", "a.b.c", world.sam.possession(agreed, world.now)[:-4]):
        with pytest.raises(PossessionInvalid):
            await agreed.issue(jws)
    assert await no_certificates(world)


async def test_i5_a_possession_for_another_visit(world: World, agreed: Visitor) -> None:
    """Replayed to another emission, or naming another emission key, it is worth nothing."""
    attacker = world.visitor()
    await attacker.up_to_agreement(world.now)
    with pytest.raises(PossessionInvalid):
        await attacker.issue(world.sam.possession(agreed, world.now))
    with pytest.raises(PossessionInvalid):
        await attacker.issue(world.sam.possession(agreed, world.now, emission=attacker.emission))
    with pytest.raises(PossessionInvalid):
        await agreed.issue(world.sam.possession(agreed, world.now, key=attacker.public.jkt))
    assert await no_certificates(world)


async def test_i5_a_late_possession(world: World, agreed: Visitor) -> None:
    """It expires, and so does the visit."""
    possession = world.sam.possession(agreed, world.now)
    world.clock.advance(timedelta(minutes=10))
    with pytest.raises(PossessionInvalid):
        await agreed.issue(possession)
    world.clock.advance(timedelta(minutes=20))
    with pytest.raises(EmissionExpired):
        await agreed.issue(world.sam.possession(agreed, world.now))
    assert await no_certificates(world)


async def test_i5_members_that_are_not_its_own(world: World, agreed: Visitor) -> None:
    """Exactly its members, of their kinds."""
    lies: list[dict[str, Any]] = [
        {"credential": "cred_x"},
        {"credential": 7},
        {"spki": "AAAA"},
        {"v": 2},
        {"type": "statement"},
        {"more": "members"},
        {"document_hash": "AA"},
        {"expires": None},
        {"signature": "AAAA"},
    ]
    for lie in lies:
        with pytest.raises(LinkIdError, match=r"possession_invalid|bad_certificate_request"):
            await agreed.issue(world.sam.possession(agreed, world.now, **lie))
    assert await no_certificates(world)


# --- I6: the emission key signed the usage password's proof ---------------------------------------------------------


async def test_i6_a_password_of_the_gateways_own(world: World, agreed: Visitor) -> None:
    """Another proof than the one the page signed, another document, or another signer: not this holder's password."""
    document = world.sam.wants_password(agreed, world.now)
    honest = world.sam.possession_members(agreed, document, new_p256(), world.now)
    attackers = sign_raw(new_p256(), message(document.digest, "approve", "e30..x.y.z"))
    assert agreed.term is not None
    agreement = sign_raw(agreed.key, message(agreed.term.document.digest, "approve", None))
    refusal = sign_raw(agreed.key, message(document.digest, "refuse:not-me", "e30..AAAA.BBBB.CCCC"))
    lies: list[dict[str, str]] = [
        {"proof_hash": b64u(proof_hash("e30..another.proof.x"))},
        {"document_hash": b64u(hashlib.sha256(b"another document").digest())},
        {"signature": b64u(attackers), "proof_hash": b64u(proof_hash("e30..x.y.z"))},
        # the signature it gave to the term, offered as the one for the password
        {
            "document_hash": agreed.term.document.hash,
            "proof_hash": b64u(proof_hash(None)),
            "signature": b64u(agreement),
        },
        {"signature": b64u(refusal)},
    ]
    for lie in lies:
        with pytest.raises(PossessionInvalid):
            await agreed.issue(root_signed({**honest, **lie}, world.sam.root))
    assert await no_certificates(world)


# --- I7: the new key signed the request, and is sound ----------------------------------------------------------------


def weak_rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(3, 2048)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),  # sound, and not what was ordered
        ec.generate_private_key(ec.SECP384R1()),
        weak_rsa(),
    ],
    ids=["RSA", "P-384", "exponent 3"],
)
async def test_i7_a_key_of_another_kind(world: World, agreed: Visitor, key: Any) -> None:
    """Only the ordered kind of key is certified."""
    with pytest.raises(LinkIdError, match="bad_certificate_request"):
        await agreed.issue(world.sam.possession(agreed, world.now, key))
    assert await no_certificates(world)


async def test_i7_a_request_that_proves_nothing(world: World, agreed: Visitor) -> None:
    """The CSR must be signed by the very key that is named."""
    key, other = new_p256(), new_p256()
    broken = bytearray(csr(key))
    broken[-1] ^= 1
    for lie in ({"csr": b64u(csr(other))}, {"csr": b64u(bytes(broken))}, {"csr": "AAAA"}, {"spki": b64u(spki(other))}):
        with pytest.raises(LinkIdError, match="bad_certificate_request"):
            await agreed.issue(world.sam.possession(agreed, world.now, key, **lie))
    assert await no_certificates(world)


async def test_i7_a_key_that_was_certified_before(world: World, agreed: Visitor) -> None:
    """A public key appears in one certificate in the life of the authority."""
    key = new_p256()
    await agreed.issue(world.sam.possession(agreed, world.now, key))
    await world.operator.place(world.now, protocol="1000000002")
    second = world.visitor()
    await second.start(world.now, "1000000002")
    await second.identify(world.now)
    await second.agree()
    with pytest.raises(KeySeenBefore):
        await second.issue(world.sam.possession(second, world.now, key))


async def test_what_the_request_asks_for_is_ignored(world: World, agreed: Visitor) -> None:
    """The subject comes from the order; a CSR in another's name changes nothing."""
    key = new_p256()
    leaf, _, _ = await agreed.issue(world.sam.possession(agreed, world.now, key, csr=b64u(csr(key, "PRESIDENTE"))))
    assert "PRESIDENTE" not in leaf.subject.rfc4514_string()


# --- and around the steps --------------------------------------------------------------------------------------------


async def test_someone_elses_visit_does_not_exist(world: World) -> None:
    """Unknown ids, and ids of another kind, all look alike."""
    for emission in (new_id("ems"), new_id("ord"), "", "ems_", "x" * 64):
        with pytest.raises(EmissionUnknown):
            await world.client.call("emission/issue", {"emission": emission, "possession": "a.b.c"})


async def test_bodies_that_are_none(world: World) -> None:
    """Wrong types and unknown members are bad input, never a fault of ours."""
    bodies: list[JsonObject] = [{}, {"emission": 7}, {"emission": "ems_x", "more": 1}, {"protocol": None}]
    for call in ("emission/start", "emission/identify", "emission/agree", "emission/issue", "orders/submit"):
        for body in bodies:
            with pytest.raises(BadInput, match="bad_input"):
                await world.client.call(call, body)
