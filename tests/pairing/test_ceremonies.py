"""The two ceremonies from end to end, through HTTP."""

from foundation.clock import FixedClock
from tests.pairing.conftest import Gateway, MakeGateway
from tests.pairing.people import COMPANYS, CREDENTIALS, MARIA, MARIAS, read_statement
from tests.support.sam_double import SamDouble


async def test_a_phone_is_paired_by_number_code_nickname_password_and_test(gateway: Gateway) -> None:
    """A phone is active after its number, nickname, usage password and a test that rang were all good."""
    phone = gateway.phone()
    status, body = await phone.call("POST", "/phone/v1/pairings", {"number": "(31) 98765-4321"})

    assert status == 201
    assert body["number"] == "+55 31 •••••-4321"
    assert (body["expires_in"], body["resend_in"], body["sends_left"]) == (600, 30, 2)

    status, body = await phone.type_code(body["pairing"], gateway.sms.last_code(MARIA))

    assert status == 201
    assert [one["id"] for one in body["credentials"]] == [MARIAS, COMPANYS]
    assert body["credentials"][0] == {
        "id": MARIAS,
        "subject": "MARIA DA SILVA",
        "kind": "person",
        "valid_to": "2027-11-23T00:00:00Z",
        "state": "active",
    }

    await phone.name("Celular da Maria")
    status, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    document = read_statement(body["statement"])

    assert document.type == "pair"
    assert document.text("nickname") == "Celular da Maria"

    status, body = await phone.decide(document, proof="right")

    assert (status, body["state"]) == (200, "approved")
    assert gateway.doorbell.rung == [(phone.device, body["next"]["document"])]

    status, waiting = await phone.call("GET", "/phone/v1/waiting")

    assert [(item["type"], item["id"]) for item in waiting["items"]] == [("test", body["next"]["document"])]

    status, body = await phone.decide(read_statement(waiting["items"][0]["statement"]))

    assert (status, body) == (200, {"state": "approved"})

    status, portrait = await phone.call("GET", "/phone/v1/device")

    assert portrait["nickname"] == "Celular da Maria"
    assert [(one["credential"], one["state"]) for one in portrait["bindings"]] == [(MARIAS, "active")]
    assert portrait["computers"] == []


async def test_a_computer_is_associated_by_frame_approval_and_check_code(gateway: Gateway) -> None:
    """A computer is associated after a phone scanned its frame, approved, and its check code was typed."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.begin()
    view = await computer.look()

    assert view["state"] == "waiting"
    assert view["frame"].startswith("https://app.test/l#1.")
    assert len(view["code"]) == 11

    status, body = await phone.scan(view["frame"])
    document = read_statement(body["statement"])

    assert status == 200
    assert document.type == "associate"
    assert document.object("computer")["name"] == "Notebook da Maria"

    view = await computer.look()

    assert (view["state"], view["phone"]) == ("claimed", "Celular da Maria")
    assert "frame" not in view
    assert "code" not in view

    status, body = await phone.decide(document)
    check_code = body["next"]["check_code"]

    assert (await computer.look())["state"] == "approved"

    status, body = await computer.type_check(check_code)

    assert status == 200
    assert [one["id"] for one in body["credentials"]] == [MARIAS]
    assert (await computer.look())["state"] == "associated"

    status, portrait = await phone.call("GET", "/phone/v1/device")

    assert [(one["id"], one["name"]) for one in portrait["computers"]] == [(body["computer"], "Notebook da Maria")]
    found = await gateway.computers.find(body["computer"])
    assert found is not None
    assert (found.jkt, found.credentials) == (computer.key.jkt, (MARIAS,))


async def test_two_gateways_are_one(make_gateway: MakeGateway, clock: FixedClock) -> None:
    """A ceremony may go through any gateway at every step: the computer at one, the phone at another."""
    sam = SamDouble(clock, {one.id: one.subject for one in CREDENTIALS})
    left, right = await make_gateway(sam=sam), await make_gateway(sam=sam)
    phone, computer = left.phone(), left.computer()
    pairing = await phone.give_number()
    phone.client = right.client
    status, _ = await phone.type_code(pairing, left.sms.last_code(MARIA))

    assert status == 201

    await phone.name("Celular da Maria")
    _, body = await phone.call("POST", "/phone/v1/bindings", {"credential": MARIAS})
    phone.client = left.client
    _, body = await phone.decide(read_statement(body["statement"]), proof="right")
    phone.client = right.client
    await phone.decide(await phone.fetch(body["next"]["document"]))

    await computer.begin()
    computer.client = right.client
    frame = await computer.frame()
    check_code = await phone.scan_and_approve(frame)
    computer.client = left.client
    status, body = await computer.type_check(check_code)

    assert status == 200
    assert (await right.computers.find(body["computer"])) is not None
