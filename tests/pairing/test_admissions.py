"""A phone that waits: who hears of it, who is rung, and what the holder's yes and no lead to."""

from datetime import timedelta

from tests.pairing.conftest import Gateway
from tests.pairing.people import JOSE, JOSES, MARIAS, Phone, read_statement
from tests.pairing.test_warnings import told


async def _two(gateway: Gateway) -> tuple[Phone, Phone]:
    """Maria's phone, and another one by her number and password, which waits for a day."""
    mine, other = await gateway.paired(), gateway.phone()
    gateway.clock.advance(60)
    gateway.sam.wait = timedelta(hours=24)
    gateway.letters.sent.clear()
    gateway.doorbell.rung.clear()
    await other.pair(nickname="iPhone")
    return mine, other


async def _rung(gateway: Gateway) -> list[str]:
    """Who would be rung for a request of Maria's now."""
    gateway.doorbell.rung.clear()
    async with gateway.database.transaction() as connection:
        await gateway.bells.ring(connection, document="req_1", credential=MARIAS)
    return [device for device, _ in gateway.doorbell.rung]


async def test_the_phone_in_use_hears_of_it_at_once(gateway: Gateway) -> None:
    """On the screen, by bell and by letter, once; the phone that waits hears nothing, and is not rung for requests."""
    mine, other = await _two(gateway)
    [one] = await told(mine)
    assert (one["kind"], one["phone"], one["device"]) == ("phone_waiting", "iPhone", other.device)
    assert (one["here"], one["until"]) == (False, "2026-11-24T12:01:00Z")
    assert (mine.device, one["id"]) in gateway.doorbell.rung
    assert ((MARIAS,), "Link ID: novo celular espera para usar o seu certificado em nuvem") in gateway.letters.sent
    assert await told(other) == []
    assert await _rung(gateway) == [mine.device]
    _, about = await other.call("GET", "/phone/v1/device")
    [binding] = about["bindings"]
    assert (binding["state"], binding["until"]) == ("waiting", "2026-11-24T12:01:00Z")
    _, listed = await mine.call("GET", "/phone/v1/devices")
    assert [(phone["state"], phone["waits"]) for phone in listed["devices"]] == [
        ("active", []), ("waiting", [{"credential": MARIAS, "until": "2026-11-24T12:01:00Z"}]),
    ]  # fmt: skip
    gateway.clock.advance(86_400)
    assert await _rung(gateway) == sorted([str(mine.device), str(other.device)])


async def test_the_holders_yes(gateway: Gateway) -> None:
    """A document for this phone alone; approved, the other one is rung from now on, and the notice is settled."""
    mine, other = await _two(gateway)
    status, body = await mine.call("POST", f"/phone/v1/devices/{other.device}/admission", {"credential": MARIAS})
    assert status == 201
    document = read_statement(body["statement"])
    assert (document.type, document.object("phone")["device"]) == ("admit", other.device)
    assert (await other.decide(document))[1]["code"] == "document_not_found"
    for _ in range(2):  # an answer that was lost
        assert await mine.decide(document) == (200, {"state": "approved"})
    assert await told(mine) == []
    assert await _rung(gateway) == sorted([str(mine.device), str(other.device)])
    assert ((MARIAS,), "Link ID: novo celular no seu certificado em nuvem") in gateway.letters.sent


async def test_the_holders_no(gateway: Gateway) -> None:
    """Not me: the other phone's token answers no more, it is rung never, and a letter says so."""
    mine, other = await _two(gateway)
    _, body = await mine.call("POST", f"/phone/v1/devices/{other.device}/admission", {"credential": MARIAS})
    document = read_statement(body["statement"])
    for _ in range(2):
        assert await mine.decide(document, "refuse:not-me") == (200, {"state": "refused"})
    assert (await other.call("GET", "/phone/v1/device"))[0] == 401
    gateway.clock.advance(86_400)
    assert await _rung(gateway) == [mine.device]
    assert await told(mine) == []
    assert gateway.letters.sent[-1] == ((MARIAS,), "Link ID: celular removido do seu certificado em nuvem")


async def test_who_may_ask_for_it(gateway: Gateway) -> None:
    """Neither the phone that waits, nor a stranger's, nor about one that does not wait: all the same answer."""
    mine, other = await _two(gateway)
    jose = gateway.phone()
    await jose.pair(JOSE, JOSES)
    for phone, about, credential in (
        (other, other.device, MARIAS), (jose, other.device, MARIAS), (mine, jose.device, JOSES),
        (mine, mine.device, MARIAS), (mine, other.device, JOSES), (mine, "dev_x", MARIAS), (mine, other.device, "x"),
        (mine, "dev_" + "0" * 26, MARIAS),
    ):  # fmt: skip
        status, body = await phone.call("POST", f"/phone/v1/devices/{about}/admission", {"credential": credential})
        assert (status, body["code"]) == (404, "device_not_found"), (about, credential)


async def test_who_waits_sends_nobody_away(gateway: Gateway) -> None:
    """The holder's phone keeps its bell; the phone that waits may be sent away from the list as well."""
    mine, other = await _two(gateway)
    status, body = await other.call("DELETE", f"/phone/v1/devices/{mine.device}")
    assert (status, body["code"]) == (404, "device_not_found")
    assert await _rung(gateway) == [mine.device]
    assert (await mine.call("DELETE", f"/phone/v1/devices/{other.device}"))[0] == 204
    assert (await other.call("GET", "/phone/v1/device"))[0] == 401


async def test_a_holder_without_the_old_phone_gets_the_letter(gateway: Gateway) -> None:
    """Nobody is left to be rung: the letter goes out all the same, once."""
    mine, other = await gateway.paired(), gateway.phone()
    gateway.sam.wait = timedelta(hours=24)
    async with gateway.database.transaction() as connection:
        await connection.execute("DELETE FROM pairing.rings WHERE device = $1", mine.device)
    gateway.letters.sent.clear()
    await other.pair(nickname="iPhone")
    waiting = ((MARIAS,), "Link ID: novo celular espera para usar o seu certificado em nuvem")
    assert gateway.letters.sent.count(waiting) == 1
    assert await told(other) == []
