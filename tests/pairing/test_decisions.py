"""Documents on their way to a phone and back: by whom, when, over which bytes, and what follows."""

import pytest

from foundation.encoding import b64u
from protocol.decisions import message
from protocol.documents import Document
from protocol.keys import sign_raw
from tests.pairing.conftest import Gateway
from tests.pairing.people import JOSE, JOSES, MARIAS, Phone, read_statement
from tests.support.sam_double import RIGHT_PROOF


async def request_of(gateway: Gateway, phone: Phone) -> Document:
    """A signature request that waits for the phone's holder."""
    return await phone.fetch(gateway.sam.fix_sign(MARIAS).document)


async def test_an_approved_request_wakes_whoever_waits_for_it(gateway: Gateway) -> None:
    """The caller is told at once, and the doorbell falls silent."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    status, body = await phone.decide(document, proof=RIGHT_PROOF)

    assert (status, body) == (200, {"state": "approved"})
    assert gateway.callers.woken == [document.id]
    assert document.id in gateway.doorbell.settled


async def test_a_refused_request_wakes_them_too(gateway: Gateway) -> None:
    """Nobody waits for three minutes for a no."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    status, body = await phone.decide(document, "refuse:not-me")

    assert (status, body) == (200, {"state": "refused"})
    assert gateway.callers.woken == [document.id]


async def test_one_changed_bit_is_not_what_was_signed(gateway: Gateway) -> None:
    """A decision over other bytes, another word or another proof is invalid, and the request still waits."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    altered = Document(bytes([*document.data[:-2], document.data[-2] ^ 1, document.data[-1]]), document.members)
    other_bytes = await phone.decide(altered, proof=RIGHT_PROOF)
    other_word = await phone.decide(document, "refuse:not-me", decision="approve")
    signature = b64u(sign_raw(phone.private, message(document.digest, "approve", "another")))
    other_proof = await phone.decide(document, proof=RIGHT_PROOF, signature=signature)

    for status, body in (other_bytes, other_word, other_proof):
        assert (status, body["code"]) == (403, "decision_invalid")
    assert gateway.callers.woken == []
    assert (await phone.decide(document, proof=RIGHT_PROOF))[0] == 200


async def test_a_decision_counts_once(gateway: Gateway) -> None:
    """Turned into its opposite, or given another reason: the first one stands. Repeated: the same answer, no effect."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    first = await phone.decide(document, "refuse:wrong-content")

    assert await phone.decide(document, "refuse:wrong-content") == first
    for word, proof in (("refuse:not-me", None), ("approve", RIGHT_PROOF)):
        status, body = await phone.decide(document, word, proof)

        assert (status, body["code"]) == (409, "document_decided")
    assert await gateway.sam.state(document.id) == "refused"


async def test_a_late_decision_is_refused(gateway: Gateway) -> None:
    """Three minutes for a signature."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    gateway.clock.advance(180)
    status, body = await phone.decide(document, proof=RIGHT_PROOF)

    assert (status, body["code"]) == (410, "document_expired")


async def test_another_holders_phone_sees_and_decides_nothing(gateway: Gateway) -> None:
    """Somebody else's request and none at all look alike."""
    maria, jose = await gateway.paired(), gateway.phone()
    await jose.pair(JOSE, JOSES)
    document = await request_of(gateway, maria)
    answers = [
        await jose.call("GET", f"/phone/v1/documents/{document.id}"),
        await jose.decide(document, proof=RIGHT_PROOF),
        await jose.call("GET", "/phone/v1/documents/req_" + "0" * 26),
    ]
    for status, body in answers:
        assert (status, body["code"]) == (404, "document_not_found")
    assert (await jose.call("GET", "/phone/v1/waiting"))[1] == {"items": []}


async def test_another_key_cannot_decide_with_this_phones_token(gateway: Gateway) -> None:
    """The signature must be the device's own: a gateway or a thief with the token cannot make it."""
    phone, thief = await gateway.paired(), gateway.phone()
    document = await request_of(gateway, phone)
    forged = b64u(sign_raw(thief.private, message(document.digest, "approve", RIGHT_PROOF)))
    status, body = await phone.decide(document, proof=RIGHT_PROOF, signature=forged)

    assert (status, body["code"]) == (403, "decision_invalid")


async def test_asking_what_waits_is_hearing_the_doorbell(gateway: Gateway) -> None:
    """Only the phone's own proved call tells that it knows; somebody without its token silences nothing."""
    phone, nobody = await gateway.paired(), gateway.phone()
    gateway.doorbell.heard_by.clear()
    assert (await nobody.call("GET", "/phone/v1/waiting"))[0] == 401
    assert gateway.doorbell.heard_by == []
    assert (await phone.call("GET", "/phone/v1/waiting"))[0] == 200

    assert gateway.doorbell.heard_by == [phone.device]


async def test_a_removed_phone_decides_nothing(gateway: Gateway) -> None:
    """Unpaired while a request was on its screen."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    await phone.call("DELETE", "/phone/v1/device")

    assert (await phone.decide(document, proof=RIGHT_PROOF))[0] == 401


async def test_a_wrong_password_says_how_many_tries_are_left(gateway: Gateway) -> None:
    """The SAM's word, passed on whole."""
    phone = await gateway.paired()
    document = await request_of(gateway, phone)
    status, body = await phone.decide(document, proof="wrong")

    assert (status, body["code"], body["tries_left"]) == (403, "password_wrong", 2)


async def test_what_waits_is_listed_with_its_end(gateway: Gateway) -> None:
    """Id, type, statement, expiry; nothing once it is decided."""
    phone = await gateway.paired()
    fixed = gateway.sam.fix_sign(MARIAS)
    _, body = await phone.call("GET", "/phone/v1/waiting")
    [item] = body["items"]

    assert (item["id"], item["type"], item["expires"]) == (fixed.document, "sign", "2026-11-23T12:03:00Z")

    await phone.decide(read_statement(item["statement"]), "refuse:changed-mind")

    assert (await phone.call("GET", "/phone/v1/waiting"))[1] == {"items": []}


async def test_a_test_that_was_never_rung_is_rung_when_the_phone_looks(gateway: Gateway) -> None:
    """The process that should have rung it died after the SAM's commit; looking repairs it."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    _, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    gateway.sam.refuses = {"documents/test"}
    status, _ = await phone.decide(read_statement(body["statement"]), proof=RIGHT_PROOF)

    assert status == 503

    gateway.sam.refuses = set()
    _, waiting = await phone.call("GET", "/phone/v1/waiting")
    _, again = await phone.call("GET", "/phone/v1/waiting")

    assert [item["type"] for item in waiting["items"]] == ["test"]
    assert [item["id"] for item in again["items"]] == [item["id"] for item in waiting["items"]]
    assert len(gateway.doorbell.rung) == 1
    assert (await phone.decide(read_statement(waiting["items"][0]["statement"])))[0] == 200
    assert await gateway.database.fetchval("SELECT state FROM pairing.devices") == "active"


async def test_a_test_that_nobody_answered_is_rung_again(gateway: Gateway) -> None:
    """The phone was put aside for ten minutes during pairing."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    _, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    await phone.decide(read_statement(body["statement"]), proof=RIGHT_PROOF)
    gateway.clock.advance(600)
    _, waiting = await phone.call("GET", "/phone/v1/waiting")

    assert [item["type"] for item in waiting["items"]] == ["test"]


async def test_a_refused_test_leaves_the_phone_on_trial(gateway: Gateway) -> None:
    """A phone that says "not me" to its own test is not active and is not rung."""
    phone = gateway.phone()
    await phone.verify()
    await phone.name("Celular")
    _, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    _, body = await phone.decide(read_statement(body["statement"]), proof=RIGHT_PROOF)
    status, _ = await phone.decide(await phone.fetch(body["next"]["document"]), "refuse:not-me")

    assert status == 200
    assert await gateway.database.fetchval("SELECT state FROM pairing.devices") == "trial"
    assert await gateway.database.fetchval("SELECT count(*) FROM pairing.rings") == 0


async def test_a_credentials_active_phones_are_rung(gateway: Gateway) -> None:
    """All of them, and no other."""
    one, two, other = await gateway.paired(), await gateway.paired(), gateway.phone()
    await other.pair(JOSE, JOSES)
    gateway.doorbell.rung.clear()
    async with gateway.database.transaction() as connection:
        await gateway.bells.ring(connection, document="req_x", credential=MARIAS)
        await gateway.bells.ring(connection, document="req_y", credential="cred_nobody")

    assert sorted(gateway.doorbell.rung) == sorted([(one.device, "req_x"), (two.device, "req_x")])


async def test_a_holder_gets_the_evidence_on_every_phone(gateway: Gateway) -> None:
    """As the SAM signed it, once decided; somebody else's, an undecided one and none at all look alike."""
    maria, spare, jose = await gateway.paired(), await gateway.paired(), gateway.phone()
    await jose.pair(JOSE, JOSES)
    document = await request_of(gateway, maria)
    path = f"/phone/v1/documents/{document.id}/evidence"
    undecided = await maria.call("GET", path)
    await maria.decide(document, proof=RIGHT_PROOF)
    for phone in (maria, spare):
        assert await phone.call("GET", path) == (200, {"evidence": f"evidence of {document.id}"})
    nothing = "/phone/v1/documents/req_" + "0" * 26 + "/evidence"
    for status, body in (undecided, await jose.call("GET", path), await maria.call("GET", nothing)):
        assert (status, body["code"]) == (404, "document_not_found")


@pytest.mark.parametrize("document", ["x", "doc_", "cred_" + "0" * 26, "doc_" + "0" * 200, "DOC_" + "0" * 26])
async def test_what_is_no_documents_id_is_not_asked_of_the_sam(gateway: Gateway, document: str) -> None:
    """404, and the private channel never sees it."""
    phone = await gateway.paired()
    before = len(gateway.sam.calls)
    for method, path, body in (
        ("GET", f"/phone/v1/documents/{document}", None),
        ("POST", f"/phone/v1/documents/{document}/decision", {"decision": "approve", "proof": None, "signature": "x"}),
    ):
        status, answer = await phone.call(method, path, body)

        assert (status, answer["code"]) in ((404, "document_not_found"), (404, "route_not_found"))
    assert len(gateway.sam.calls) == before
