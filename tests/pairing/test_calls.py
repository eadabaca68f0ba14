"""Asking which holder is there by ringing the phone: for programs, without a code to scan or to type."""

import asyncio

import asyncpg
import pytest

from pairing.domain import frames
from pairing.domain.link import LINK_LIFE
from pairing.errors import LinkNotFound, TooManyLinks
from pairing.ports import AskingIntegrator
from pairing.service.calls import Numbered, call_key
from pairing.store import LinkStore
from protocol.documents import Document
from tests.pairing.conftest import Gateway
from tests.pairing.people import APP, JOSE, JOSES, MARIA, MARIAS, Phone, read_statement

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


NUMBERED = "n"
"""The secret of a flow whose application shows a number."""


async def numbered_call(gateway: Gateway, credential: str = MARIAS) -> tuple[Phone, list[str], Document]:
    """A phone that rings for an application with a number: the phone, the links, the document."""
    phone = gateway.phone()
    await phone.pair(JOSE if credential == JOSES else MARIA, credential)
    gateway.doorbell.rung.clear()
    links = await gateway.calls.call(
        NUMBERED,
        ASKING,
        scope="single_signature",
        address="192.0.2.7",
        credential=credential,
        numbered=Numbered(gateway.clock.now() + LINK_LIFE),
    )
    ((_, rung),) = gateway.doorbell.rung
    return phone, links, await phone.fetch(rung)


def wrong(number: str) -> str:
    """Another one."""
    return f"{(int(number) + 1) % 10_000:04}"


async def test_a_yes_counts_with_the_number_alone(gateway: Gateway) -> None:
    """The phone is told that it rang and how many digits to type; without them, with a wrong or a malformed number
    there is no yes, with the right one there is, and again; a no needs none. Whoever asks is told at once."""
    phone, links, document = await numbered_call(gateway)
    number = gateway.calls.number(NUMBERED)
    told = {"rung": True, "shown_number": 4}
    assert told.items() <= (await phone.asked(document.id)).items()
    _, waiting = await phone.call("GET", "/phone/v1/waiting")
    assert [told.items() <= item.items() for item in waiting["items"]] == [True]
    for typed, code in (({}, "shown_number_needed"), ({"shown_number": "12"}, "code_malformed")):
        status, body = await phone.decide(document, **typed)
        assert (status, body["code"]) == (400, code)
    for none in (7, ["1234"], "1" * 17):
        assert (await phone.decide(document, shown_number=none))[0] == 400
    status, body = await phone.decide(document, shown_number=wrong(number))
    assert (status, body["code"], body["tries_left"]) == (400, "shown_number_wrong", 2)
    assert (await gateway.calls.answer(links, NUMBERED)).state == "waiting"
    assert gateway.callers.told == []
    for typed in ({"shown_number": f" {number} "}, {}):
        status, body = await phone.decide(document, **typed)
        assert (status, body["state"], "next" in body) == (200, "approved", False)
    assert gateway.callers.told == links
    answer = await gateway.calls.answer(links, NUMBERED)
    assert (answer.state, list(answer.credentials)) == ("approved", [MARIAS])
    phone, links, document = await numbered_call(gateway, JOSES)
    status, _ = await phone.decide(document, "refuse:not-me")
    assert (status, (await gateway.calls.answer(links, NUMBERED)).state) == (200, "refused")


async def test_three_wrong_numbers_end_it(gateway: Gateway) -> None:
    """However many are sent at once: three are compared, then the question is over, the right number included, and
    whoever asks hears a no. The database itself refuses a yes before the number."""
    phone, links, document = await numbered_call(gateway)
    number = gateway.calls.number(NUMBERED)
    with pytest.raises(asyncpg.CheckViolationError):
        await gateway.database.execute("UPDATE pairing.links SET state = 'approved' WHERE id = $1", links[0])
    answers = await asyncio.gather(*(phone.decide(document, shown_number=wrong(number)) for _ in range(20)))
    codes = [body["code"] for _, body in answers]
    assert codes.count("shown_number_wrong") == 2
    assert set(codes) <= {"shown_number_wrong", "shown_number_spent", "link_over"}
    assert (await phone.decide(document, shown_number=number))[1]["code"] == "link_over"
    assert (await phone.call("GET", f"/phone/v1/documents/{document.id}"))[0] == 404
    assert (await gateway.calls.answer(links, NUMBERED)).state == "refused"
    assert gateway.callers.told[:1] == links


async def test_a_number_is_typed_where_it_was_asked(gateway: Gateway) -> None:
    """Another holder's phone costs no try and decides nothing; other flows have other numbers."""
    other = await gateway.paired()
    phone, links, document = await numbered_call(gateway, JOSES)
    status, _ = await other.decide(document, shown_number=gateway.calls.number(NUMBERED))
    assert status == 404
    status, body = await phone.decide(document, shown_number=wrong(gateway.calls.number(NUMBERED)))
    assert body["tries_left"] == 2
    assert (await gateway.calls.answer(links, NUMBERED)).state == "waiting"
    assert len({gateway.calls.number(f"flow {one}") for one in range(50)}) > 40


async def test_a_code_that_stays_the_same(gateway: Gateway) -> None:
    """The first phone that reads it, now or four minutes later, is asked, with the number and by the application's
    name; a second one ends it for both; altered, as a frame, or after its time it is none."""
    first, second = await gateway.paired(), await gateway.paired()
    until = Numbered(gateway.clock.now() + LINK_LIFE)

    async def shown(secret: str) -> tuple[str, str]:
        return await gateway.calls.show(secret, ASKING, scope="service", address="192.0.2.7", numbered=until)

    link, text = await shown("a")
    assert (text.startswith(f"{APP}/l#2."), text == (await shown("b"))[1]) == (True, False)
    token, mac = text.removeprefix(f"{APP}/l#2.").split(".")
    altered = (f"#2.{token}.{mac[::-1]}", f"#2.{'A' * 22}.{mac}", f"#1.{token}.0.{mac}", f"#2.{token}.{mac}x")
    for none in (f"{APP}/l{one}" for one in altered):
        assert (await first.scan(none))[1]["code"] == "code_not_ours"
    gateway.clock.advance(LINK_LIFE * 0.8)
    status, body = await first.scan(text)
    assert (status, body["shown_number"], "rung" in body) == (200, 4, False)
    document = read_statement(body["statement"])
    assert (document.type, document.object("integrator")["name"]) == ("identify", "Contratos SA")
    assert (await first.decide(document))[1]["code"] == "shown_number_needed"
    status, body = await first.decide(document, shown_number=gateway.calls.number("a"))
    assert (status, body["state"]) == (200, "approved")
    assert (await gateway.calls.answer([link], "a")).state == "approved"
    link, text = await shown("c")
    assert (await first.scan(text))[0] == 200
    assert (await second.scan(text))[1]["code"] == "link_taken"
    assert (await gateway.calls.answer([link], "c")).state == "refused"
    assert (await first.scan(text))[1]["code"] == "link_over"
    link, text = await shown("d")
    gateway.clock.advance(LINK_LIFE * 0.2)
    assert (await first.scan(text))[1]["code"] == "link_over"
    assert (await gateway.calls.answer([link], "d")).state == "dead"


async def test_an_authorize_pages_frame_is_no_still_code(gateway: Gateway) -> None:
    """A link that shows frames is not read as a code that stays the same, whoever knows its token: its check code is
    wanted."""
    phone = await gateway.paired()
    begun = await gateway.links.begin_identify(call_key("s", 0), ASKING, scope="service", address="192.0.2.7")
    row = await LinkStore(gateway.database).find(begun.link, call_key("s", 0))
    assert row is not None
    status, body = await phone.scan(frames.still_code(APP, gateway.life.shown(row)))
    assert (status, body["code"]) == (400, "code_not_ours")
