"""Phones, computers and past requests of a holder, listed on one phone and sent away from it."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg

from foundation.ids import new_id
from pairing.ports import PastRequest
from push.adapters.live_bells import VOID_TOKENS
from tests.pairing.conftest import Gateway
from tests.pairing.people import COMPANYS, JOSE, JOSES, MARIAS, Phone
from tests.support.postgres import TestDatabase


async def devices(phone: Phone) -> list[dict[str, Any]]:
    status, body = await phone.call("GET", "/phone/v1/devices")
    assert status == 200, body
    found: list[dict[str, Any]] = body["devices"]
    return found


async def associated(gateway: Gateway, phone: Phone) -> str:
    """A computer that this phone introduced; its id."""
    computer = gateway.computer()
    await computer.begin()
    code = await phone.scan_and_approve(await computer.frame())
    status, body = await computer.type_check(code)
    assert status == 200, body
    return str(body["computer"])


async def computers(phone: Phone) -> list[str]:
    status, body = await phone.call("GET", "/phone/v1/device")
    assert status == 200
    return [one["id"] for one in body["computers"]]


async def test_phones_are_listed_with_names_and_last_use(gateway: Gateway) -> None:
    """All of the certificate, this one marked; by the name that each has now; last heard of to an hour; nobody else's,
    and no certificate that this phone does not share."""
    old = await gateway.paired()
    gateway.clock.advance(3 * 3600)
    new, jose = gateway.phone(), gateway.phone()
    await new.pair(nickname="Novo")
    await jose.pair(JOSE, JOSES)
    await old.name("Celular da gaveta")
    gateway.clock.advance(1800)
    [first, second] = await devices(new)
    assert first == {
        "device": old.device, "nickname": "Celular da gaveta", "here": False, "state": "active",
        "since": "2026-11-23T12:00:00Z", "last_used": "2026-11-23T15:00:00Z", "credentials": [MARIAS],
        "waits": [],
    }  # fmt: skip
    assert (second["device"], second["here"], second["nickname"]) == (new.device, True, "Novo")
    assert [one["device"] for one in await devices(jose)] == [jose.device]


async def test_another_phone_is_sent_away(gateway: Gateway) -> None:
    """Its token answers no more, it is rung no more, its holder gets a letter; what it introduced goes on. Again: it is
    not there. While the SAM is away nothing is half done that a second try does not finish."""
    old = await gateway.paired()
    new = gateway.phone()
    await new.pair(nickname="Novo")
    computer = await associated(gateway, old)
    gateway.letters.sent.clear()
    gateway.sam.away = True
    assert (await new.call("DELETE", f"/phone/v1/devices/{old.device}"))[0] == 503
    assert (await old.call("GET", "/phone/v1/warnings"))[0] == 200
    gateway.sam.away = False
    await gateway.sam.end_bindings(old.device, new.device)  # the SAM was done, and this process died
    assert (await new.call("DELETE", f"/phone/v1/devices/{old.device}"))[0] == 204
    status, body = await old.call("GET", "/phone/v1/device")
    assert (status, body["code"]) == (401, "device_unknown")
    assert gateway.letters.sent == [((MARIAS,), "Link ID: celular removido do seu certificado em nuvem")]
    assert [one["device"] for one in await devices(new)] == [new.device]
    assert await computers(new) == [computer]
    assert (await gateway.computers.find(computer)) is not None
    status, body = await new.call("DELETE", f"/phone/v1/devices/{old.device}")
    assert (status, body["code"]) == (404, "device_not_found")


async def test_every_way_of_ending_a_token_is_told(gateway: Gateway, shared_database: TestDatabase) -> None:
    """Whoever holds a stream for a phone hears that its token is void: replaced, sent away, given up. Nothing else that
    happens to a phone is told."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(shared_database.dsn("linkid_gateway"))
    await connection.add_listener(VOID_TOKENS, lambda *said: heard.put_nowait(str(said[3])))

    async def told() -> list[str]:
        """Since the last time: notifications come in the order of their commits."""
        await gateway.database.execute("SELECT pg_notify($1, 'that was all')", VOID_TOKENS)
        found = []
        while (one := await heard.get()) != "that was all":
            found.append(one)
        return found

    old, new = await gateway.paired(), gateway.phone()
    await new.pair(nickname="Novo")
    await old.name("Outro nome")
    gateway.clock.advance(3 * 3600)
    assert await devices(new)
    assert await told() == []

    old.token = None
    await old.verify()
    assert await told() == [old.device]
    assert (await new.call("DELETE", f"/phone/v1/devices/{old.device}"))[0] == 204
    assert await told() == [old.device]
    assert (await new.call("DELETE", "/phone/v1/device"))[0] == 204
    assert await told() == [new.device]
    await connection.close()


async def test_a_phone_keeps_what_is_not_shared(gateway: Gateway) -> None:
    """Sent away from one certificate, it stays with the other; and is rung for it."""
    both, one = await gateway.paired(), gateway.phone()
    status, body = await both.call("POST", "/phone/v1/bindings", {"credential": COMPANYS})
    assert status == 201
    gateway.sam.bind(both.device, both.key, COMPANYS)
    await one.pair(nickname="Novo")
    assert (await one.call("DELETE", f"/phone/v1/devices/{both.device}"))[0] == 204
    status, body = await both.call("GET", "/phone/v1/device")
    assert (status, [each["credential"] for each in body["bindings"]]) == (200, [COMPANYS])


async def test_somebody_elses_phone_is_not_there(gateway: Gateway) -> None:
    """Another holder's, made up, no id at all: one answer, and nothing ends."""
    mine, jose = await gateway.paired(), gateway.phone()
    await jose.pair(JOSE, JOSES)
    for other in (jose.device, "x", "dev_x", new_id("dev"), new_id("cmp")):
        status, body = await mine.call("DELETE", f"/phone/v1/devices/{other}")
        assert (status, body["code"]) == (404, "device_not_found")
    assert len(await devices(jose)) == 1


async def test_moving_to_a_new_phone(gateway: Gateway) -> None:
    """The new phone sees and ends what the old one introduced; when the old one is unpaired, the computers stay: they
    go with the last phone only."""
    old = await gateway.paired()
    kept, ended = await associated(gateway, old), await associated(gateway, old)
    new = gateway.phone()
    await new.pair(nickname="Novo")
    assert set(await computers(new)) == {kept, ended}
    assert (await new.call("DELETE", f"/phone/v1/computers/{ended}"))[0] == 204
    assert (await gateway.computers.find(ended)) is None
    assert await computers(old) == [kept]
    assert (await old.call("DELETE", "/phone/v1/device"))[0] == 204
    assert await computers(new) == [kept]
    assert (await gateway.computers.find(kept)) is not None
    assert (await new.call("DELETE", f"/phone/v1/devices/{new.device}"))[0] == 204  # oneself, by the list
    assert (await gateway.computers.find(kept)) is None
    assert gateway.sam.associations == set()


def past(gateway: Gateway, credential: str, device: str | None, **changes: Any) -> PastRequest:
    now = gateway.clock.now()
    return PastRequest(
        request=new_id("req"), type="sign", credential=credential, state="approved", decision="approve",
        caller_kind="computer", caller_name="Notebook", created=now, decided=now + timedelta(seconds=9), device=device,
        about={"documents": [{"label": "contrato.pdf", "size": None}], "count": 1, "signed": 1}, **changes,
    )  # fmt: skip


async def test_history_in_pages(gateway: Gateway) -> None:
    """By which of the holder's phones, under the name that it has; the next page from the last one on; a cursor that is
    no request's id is refused, one that is somebody else's ends the list."""
    mine, other = await gateway.paired(), gateway.phone()
    await other.pair(nickname="Outro")
    gateway.sam.past = [past(gateway, MARIAS, device) for device in (mine.device, other.device, None)]
    theirs = past(gateway, JOSES, None)
    gateway.sam.past.append(theirs)
    status, page = await mine.call("GET", "/phone/v1/history")
    assert (status, page["more"], len(page["requests"])) == (200, True, 2)
    assert [(one["phone"], one["here"]) for one in page["requests"]] == [("Celular da Maria", True), ("Outro", False)]
    assert page["requests"][0] == {
        "request": gateway.sam.past[0].request, "type": "sign", "credential": MARIAS, "state": "approved",
        "decision": "approve", "caller": {"kind": "computer", "name": "Notebook"}, "created": "2026-11-23T12:00:00Z",
        "decided": "2026-11-23T12:00:09Z", "here": True, "phone": "Celular da Maria",
        "documents": [{"label": "contrato.pdf", "size": None}], "count": 1, "signed": 1,
    }  # fmt: skip
    last = page["requests"][-1]["request"]
    status, rest = await mine.call("GET", f"/phone/v1/history?before={last}")
    assert (status, rest["more"], [one["request"] for one in rest["requests"]]) == (
        200, False, [gateway.sam.past[2].request],
    )  # fmt: skip
    assert (rest["requests"][0]["phone"], rest["requests"][0]["here"]) == (None, False)
    assert (await mine.call("GET", f"/phone/v1/history?before={theirs.request}"))[1] == {"requests": [], "more": False}
    for bad in ("x", new_id("doc"), "%00", "req_" + "0" * 400):
        assert (await mine.call("GET", f"/phone/v1/history?before={bad}"))[0] == 404
