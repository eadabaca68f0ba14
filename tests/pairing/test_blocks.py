""" "Bloquear tudo" at the gateway: carried to the SAM, told on the holder's other phones, undone by a document."""

import asyncio

import pytest

from pairing.ports import Blocked
from tests.pairing.conftest import Gateway
from tests.pairing.people import COMPANYS, JOSE, JOSES, MARIAS, Phone, read_statement
from tests.pairing.test_warnings import told
from tests.support.sam_double import RIGHT_PROOF


async def _block_of(phone: Phone) -> object:
    status, body = await phone.call("GET", "/phone/v1/device")
    assert status == 200
    return next(one["blocked"] for one in body["bindings"] if one["credential"] == MARIAS)


async def test_blocked_and_told(gateway: Gateway) -> None:
    """One press: what stands is answered and shown, the other phones of the certificate are rung and told once, and a
    letter goes out; the phone itself and other people's hear nothing."""
    mine, other, jose = await gateway.paired(), gateway.phone(), gateway.phone()
    await other.pair(nickname="Outro")
    await jose.pair(JOSE, JOSES)
    assert await _block_of(mine) is None
    gateway.doorbell.rung.clear()
    gateway.letters.sent.clear()
    answers = await asyncio.gather(*(mine.call("POST", "/phone/v1/block") for _ in range(4)))
    here = {"since": "2026-11-23T12:00:00Z", "here": True, "from": "2026-11-23T13:00:00Z"}
    assert answers == [(200, {"blocked": [{"credential": MARIAS, **here}]})] * 4
    assert await _block_of(mine) == here
    assert await _block_of(other) == {"since": "2026-11-23T12:00:00Z", "here": False, "from": None}
    [one] = await told(other)
    assert (one["kind"], one["phone"], one["here"]) == ("credential_blocked", "Celular da Maria", False)
    assert gateway.doorbell.rung == [(other.device, one["id"])]
    assert (await told(mine), await told(jose)) == ([], [])
    assert gateway.letters.sent == [((MARIAS,), "Link ID: seu certificado em nuvem foi bloqueado por você")]
    assert await other.call("POST", "/phone/v1/block") == (
        200, {"blocked": [{"credential": MARIAS, "since": "2026-11-23T12:00:00Z", "here": False, "from": None}]},
    )  # fmt: skip
    assert len(gateway.letters.sent) == 1  # whoever presses second is not who blocked


async def test_undone_by_a_document(gateway: Gateway) -> None:
    """The phone that blocked gets a document that wants the password; its yes opens, and the others hear of it once."""
    mine, other = await gateway.paired(), gateway.phone()
    await other.pair(nickname="Outro")
    await mine.call("POST", "/phone/v1/block")
    gateway.letters.sent.clear()
    status, body = await mine.call("POST", "/phone/v1/unblock", {"credential": MARIAS})
    assert status == 201
    document = read_statement(body["statement"])
    assert (document.type, document.text("credential")) == ("unblock", MARIAS)
    for proof, code in (("wrong", "password_wrong"), (None, "password_wrong")):
        assert (await mine.decide(document, proof=proof))[1]["code"] == code
    status, body = await other.decide(document, proof=RIGHT_PROOF)
    assert (status, body["code"]) == (404, "document_not_found")
    for _ in range(2):  # an answer that was lost
        assert await mine.decide(document, proof=RIGHT_PROOF) == (200, {"state": "approved"})
    assert await _block_of(mine) is None
    assert [one["kind"] for one in await told(other)] == ["credential_unblocked"]
    assert await told(mine) == []
    assert gateway.letters.sent == [((MARIAS,), "Link ID: seu certificado em nuvem foi desbloqueado")]


@pytest.mark.parametrize(
    "credential",
    [COMPANYS, JOSES, "cred_" + "z" * 26, "x", "cred_x"],
    ids=["companys", "joses", "nobodys", "x", "cred_x"],
)
async def test_somebody_elses_certificate_is_not_there(gateway: Gateway, credential: str) -> None:
    """Not bound here, another's, made up: one answer, whether blocked or not."""
    phone = await gateway.paired()
    gateway.sam.blocked[JOSES] = Blocked(JOSES, gateway.clock.now(), "operator", None)
    status, body = await phone.call("POST", "/phone/v1/unblock", {"credential": credential})
    assert (status, body["code"]) == (404, "credential_not_of_phone")


async def test_a_phone_that_is_bound_to_nothing_blocks_nothing(gateway: Gateway) -> None:
    """Proved a number only: there is nothing to shut, and nobody is told. While the SAM is away it says so."""
    phone = gateway.phone()
    await phone.verify()
    status, body = await phone.call("POST", "/phone/v1/block")
    assert (status, body["code"]) == (409, "binding_not_active")
    ready = await gateway.paired()
    gateway.sam.away = True
    assert (await ready.call("POST", "/phone/v1/block"))[0] == 503
    assert gateway.sam.blocked == {}
