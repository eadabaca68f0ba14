"""What was known before an association is worth nothing after it; and how far a relayed QR code gets."""

from typing import Any

from tests.pairing.conftest import Gateway
from tests.pairing.people import MARIAS, read_statement


async def test_the_links_secret_stays_with_the_server(gateway: Gateway) -> None:
    """A computer gets frames that were made for it, never what makes them: answers have these members, no more."""
    phone, computer = await gateway.paired(), gateway.computer()
    status, begun = await computer.call("POST", "/links/v1", {"name": "n", "os": "o", "version": "v"})
    assert (status, set(begun)) == (201, {"link", "expires_in"})
    computer.link = begun["link"]
    assert set(await computer.look()) == {"state", "frame", "code", "expires_in"}
    await phone.scan(await computer.frame())
    assert set(await computer.look()) == {"state", "phone", "expires_in"}


async def test_nothing_from_before_the_association_opens_anything_after_it(gateway: Gateway) -> None:
    """Session fixation: the link, its frame, its typed code and its check code, all known to somebody beforehand, give
    that somebody nothing once it is associated; nor do they move the association."""
    phone, computer, other, thief = await gateway.paired(), gateway.computer(), gateway.phone(), gateway.computer()
    await other.pair(nickname="Outro")
    await computer.begin()
    before = await computer.look()
    check = await phone.scan_and_approve(before["frame"])
    status, made = await computer.type_check(check)
    assert status == 200
    link = f"/links/v1/{computer.link}"
    tries: list[tuple[Any, str, str, dict[str, Any] | None]] = [
        (thief, "GET", link, None), (thief, "POST", f"{link}/check", {"code": check}), (thief, "DELETE", link, None),
        (computer, "POST", f"{link}/check", {"code": check}),
        (phone, "POST", "/phone/v1/scan", {"text": before["frame"]}),
        (other, "POST", "/phone/v1/scan", {"text": before["frame"]}),
        (other, "POST", "/phone/v1/scan", {"text": before["code"]}),
        (thief, "DELETE", f"/links/v1/computers/{made['computer']}", None),
    ]  # fmt: skip
    for who, method, path, body in tries:
        status, _ = await who.call(method, path, body)
        assert 400 <= status < 500 or (method, status) == ("DELETE", 204), (method, path)
    found = await gateway.computers.find(made["computer"])
    assert found is not None
    assert (found.jkt, found.credentials) == (computer.key.jkt, (MARIAS,))
    # Whoever associates anew with the same key keeps its id, and gets another link: nothing of the old one answers.
    old = computer.link
    await computer.begin()
    assert computer.link != old
    assert (await computer.look())["frame"] != before["frame"]


async def test_how_far_a_relayed_code_gets(gateway: Gateway) -> None:
    """Somebody shows Maria the live code of their own computer. Their computer's name and address stand in what she
    approves; and her yes alone associates nothing: the check code must be typed on that computer. (What is left: she
    reads it to them.) Five seconds later the frame is worth nothing."""
    maria, thief = await gateway.paired(), gateway.computer()
    await thief.begin("Suporte do banco")
    frame = await thief.frame()
    gateway.clock.advance(7)
    status, body = await maria.scan(frame)
    assert (status, body["code"]) == (410, "frame_expired")
    status, body = await maria.scan(await thief.frame())
    document = read_statement(body["statement"])
    assert document.object("computer")["name"] == "Suporte do banco"
    assert document.object("computer")["address"] == "127.0.0.1"
    assert document.object("computer")["key"] == thief.key.jkt
    status, body = await maria.decide(document)
    assert body["next"]["check_code"]
    assert (await thief.look())["state"] == "approved"
    right = body["next"]["check_code"]
    for guess in ("000", "001", "002"):
        code = guess if guess != right else "003"
        assert (await thief.type_check(code))[0] >= 400
    assert (await thief.look())["state"] == "dead"
    assert (await thief.type_check(right))[0] == 410
    _, portrait = await maria.call("GET", "/phone/v1/device")
    assert portrait["computers"] == []
