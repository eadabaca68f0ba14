"""Asking which holder is there by ringing the phone: for programs, without a code to scan or to type."""

import pytest

from pairing.domain.link import LINK_LIFE
from pairing.errors import LinkNotFound, TooManyLinks
from pairing.ports import AskingIntegrator
from pairing.service.calls import call_key
from tests.pairing.conftest import Gateway
from tests.pairing.people import JOSE, JOSES, MARIAS

ASKING = AskingIntegrator("cli_" + "0" * 26, "Contratos SA")


async def call(gateway: Gateway, secret: str = "s", credential: str = MARIAS) -> list[str]:
    """An application names a holder."""
    return await gateway.calls.call(
        secret, ASKING, scope="single_signature", address="192.0.2.7", credential=credential
    )


async def test_the_phone_rings_and_its_yes_is_the_answer(gateway: Gateway) -> None:
    """Who asks and from where stands in the document; there is no check code, since there is nowhere to type it."""
    phone = await gateway.paired()
    gateway.doorbell.rung.clear()
    links = await call(gateway)
    ((device, rung),) = gateway.doorbell.rung
    assert device == phone.device
    document = await phone.fetch(rung)
    assert document.type == "identify"
    assert document.object("integrator")["name"] == "Contratos SA"
    assert document.text("address") == "192.0.2.7"
    assert (await gateway.calls.answer(links, "s")).state == "waiting"
    status, body = await phone.decide(document)
    assert (status, body["state"]) == (200, "approved")
    assert "next" not in body
    for _ in range(2):
        answer = await gateway.calls.answer(links, "s")
        assert (answer.state, list(answer.credentials)) == ("approved", [MARIAS])


async def test_the_first_phone_answers_for_all(gateway: Gateway) -> None:
    """Two phones ring; the one that refuses ends it, and the other's document goes away."""
    first, second = await gateway.paired(), await gateway.paired()
    gateway.doorbell.rung.clear()
    links = await call(gateway)
    assert len(links) == len(gateway.doorbell.rung) == 2
    rung = dict(gateway.doorbell.rung)
    status, _ = await first.decide(await first.fetch(rung[first.device]), "refuse:changed-mind")
    assert status == 200
    assert (await gateway.calls.answer(links, "s")).state == "refused"
    status, _ = await second.call("GET", f"/phone/v1/documents/{rung[second.device]}")
    assert status == 404
    assert (await gateway.calls.answer(links, "s")).state == "refused"


async def test_nobody_answers(gateway: Gateway) -> None:
    """Its time runs out; and a certificate without a phone rings nowhere."""
    await gateway.paired()
    links = await call(gateway)
    gateway.clock.advance(LINK_LIFE)
    assert (await gateway.calls.answer(links, "s")).state == "dead"
    assert await call(gateway, credential=JOSES) == []


async def test_an_answer_is_its_askers_only(gateway: Gateway) -> None:
    """Another secret finds nothing; and a link with a QR code is never answered without its check code."""
    phone = await gateway.paired()
    links = await call(gateway)
    with pytest.raises(LinkNotFound):
        await gateway.calls.answer(links, "other")
    shown = await gateway.links.begin_identify(call_key("s", 0), ASKING, scope="service", address="192.0.2.7")
    view = await gateway.links.look(shown.link, call_key("s", 0))
    await phone.scan_and_approve(view.frame or "")
    with pytest.raises(LinkNotFound):
        await gateway.calls.answer([shown.link], "s")


async def test_holders_are_not_rung_without_end(gateway: Gateway) -> None:
    """Five times in ten minutes by one application, ten by all of them; another holder is not silenced by it."""
    await gateway.paired()
    await gateway.phone().pair(JOSE, JOSES)
    for number in range(5):
        await call(gateway, f"s{number}")
    with pytest.raises(TooManyLinks):
        await call(gateway, "s5")
    assert len(await call(gateway, "s6", JOSES)) == 1
    gateway.clock.advance(LINK_LIFE * 2)
    assert len(await call(gateway, "s7")) == 1
