"""A phone that comes after a certificate's first decides nothing for a while, whatever a gateway says.

The attacker here has the number, the usage password and the gateway: all that pairing asks for. The SAM's own clock and
rows are what keeps their phone waiting, and the holder's phone (or an operator) what ends it.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FixedClock
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.errors import DocumentUnknown
from tests.sam.world import START, Authority, Signer, World, open_world
from tests.support.postgres import TestDatabase

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}
WAIT = timedelta(hours=24)


@pytest.fixture
async def world(hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path) -> AsyncIterator[World]:
    """A SAM that makes phones wait for a day."""
    made = await open_world(hsm, database, tmp_path / "sam-0.head", FixedClock(START), authority, wait=WAIT)
    await made.sam.watch.look()
    yield made
    await made.close()


async def _state(world: World, phone: Signer) -> tuple[str, int | None]:
    [one] = (await world.call("bindings/list", device=phone.id))["bindings"]
    return one["state"], one["until"]


async def _decides(world: World, phone: Signer, credential: str) -> bool:
    """Whether this phone's yes makes a signature."""
    request = await world.ask(credential, **ASK)
    body = phone.decision(request.statement)
    try:
        decided = await world.call("documents/decide", document=request.id, device=phone.id, **body)
    except DocumentUnknown:
        await world.call("documents/withdraw", document=request.id)
        return False
    return len(await world.sign(request, decided["activation"])) == 1


async def test_the_first_phone_does_not_wait_and_the_next_one_does(world: World) -> None:
    """It sees nothing, decides nothing, introduces no computer, blocks nobody and sends nobody away; a day later it is
    a phone like the other."""
    credential = await world.credential("P-256")
    mine = await world.phone(credential)
    assert await _decides(world, mine, credential)
    thief = await world.phone(credential)
    began = int(world.clock.now().timestamp())
    assert await _state(world, thief) == ("waiting", began + 86_400)
    assert not await _decides(world, thief, credential)
    request = await world.ask(credential, **ASK)
    assert (await world.call("documents/waiting", device=thief.id))["items"] == []
    about = {"document": request.id, "device": thief.id}
    assert await world.refused("documents/statement", **about) == "document_unknown"
    assert await world.refused("credentials/block", device=thief.id) == "binding_unknown"
    assert (await world.call("bindings/end", device=mine.id, by=thief.id))["ended"] == 0
    assert (await world.call("bindings/phones", device=thief.id))["phones"] == []
    assert (await world.call("documents/history", device=thief.id))["requests"] == []
    with pytest.raises(Exception, match="credential_unknown"):
        await world.computer(credential, thief)
    itself = {"device": thief.id, "phone": thief.id, "credential": credential}
    assert await world.refused("documents/admit", **itself) == "binding_unknown"
    await world.call("documents/withdraw", document=request.id)
    listed = (await world.call("bindings/phones", device=mine.id))["phones"]
    assert {(one["state"], one["until"]) for one in listed} == {("active", None), ("waiting", began + 86_400)}
    world.clock.advance(WAIT - timedelta(seconds=1))
    assert await world.sam.rooms.bindings.admit_who_waited() == 0
    assert not await _decides(world, thief, credential)
    world.clock.advance(timedelta(seconds=1))
    assert await world.sam.rooms.bindings.admit_who_waited() == 1
    assert await _state(world, thief) == ("active", None)
    assert await _decides(world, thief, credential)


async def test_a_gateway_cannot_shorten_the_wait(world: World) -> None:
    """Sending the holder's phones away first, pairing again and again, the holder's own phone by another key: each new
    phone waits its day, and the holder's phone keeps its say."""
    credential = await world.credential("P-256")
    mine = await world.phone(credential)
    impostor = Signer(id=mine.id)  # the id of the holder's phone, the key of somebody else's
    with pytest.raises(Exception, match="decision_invalid"):
        await world.pair(credential, impostor)
    assert await _decides(world, mine, credential)
    thief = Signer()
    paired = await world.pair(credential, thief)
    world.clock.advance(WAIT * 2)  # on trial, in silence: the wait has not begun, for nobody was told
    made = await world.call("documents/test", binding=paired["binding"])
    await world.decide(thief, made, password=None)
    state, until = await _state(world, thief)
    assert state == "waiting"
    world.clock.advance(timedelta(hours=23))
    again = await world.phone(credential, thief)  # the very same phone: neither longer nor shorter
    assert await _state(world, again) == ("waiting", until)
    for gone in (mine, thief):
        assert (await world.call("bindings/end", device=gone.id))["ended"] == 1  # asks for no signature
    other = await world.phone(credential)
    assert await _state(world, other) == ("waiting", int(world.clock.now().timestamp()) + 86_400)
    for binding in await world.sql("SELECT id FROM sam.bindings WHERE state = 'waiting'"):
        assert await world.refused("documents/test", binding=binding["id"]) == "binding_unknown"
    assert not await _decides(world, other, credential)


async def test_the_other_phone_says_yes_or_no(world: World) -> None:
    """Only a phone that decides already, by its own signature over which phone it is; a no ends the one that waits."""
    credential, elsewhere = await world.credential("P-256"), await world.credential("P-256")
    mine, jose = await world.phone(credential), await world.phone(elsewhere)
    spare, thief = await world.phone(credential), await world.phone(credential)
    about = {"device": mine.id, "phone": spare.id, "credential": credential}
    for wrong in ({"device": jose.id}, {"device": thief.id}, {"phone": jose.id}, {"phone": mine.id},
                  {"phone": new_id("dev")}, {"credential": elsewhere}):  # fmt: skip
        assert await world.refused("documents/admit", **{**about, **wrong}) == "binding_unknown", wrong
    made = await world.call("documents/admit", **about)
    statement = world.open(made["statement"])
    assert statement.proof is None
    shown = statement.document.object("phone")
    assert (shown["device"], shown["key"], shown["nickname"]) == (spare.id, spare.public.jkt, "Celular")
    for device, signer in ((thief, thief), (spare, spare), (mine, thief)):
        body = {"document": made["document"], "device": device.id, **signer.decision(statement)}
        wanted = "decision_invalid" if device is mine else "document_unknown"
        assert await world.refused("documents/decide", **body) == wanted
    assert not await _decides(world, spare, credential)
    yes = {"document": made["document"], "device": mine.id, **mine.decision(statement)}
    told = {"state": "approved", "type": "admit", "credential": credential, "phone": spare.id}
    assert await world.call("documents/decide", **yes) == told
    assert await world.call("documents/decide", **yes) == told  # its answer was lost
    assert await _decides(world, spare, credential)
    assert not await _decides(world, thief, credential)
    refusal = await world.call("documents/admit", **{**about, "phone": thief.id})
    no = {"document": refusal["document"], "device": mine.id}
    no |= mine.decision(world.open(refusal["statement"]), word="refuse:not-me")
    told |= {"state": "refused", "phone": thief.id}
    assert await world.call("documents/decide", **no) == told == await world.call("documents/decide", **no)
    assert (await world.call("bindings/list", device=thief.id))["bindings"] == []
    assert await world.refused("documents/admit", **{**about, "phone": thief.id}) == "binding_unknown"
    world.clock.advance(WAIT)
    assert await world.sam.rooms.bindings.admit_who_waited() == 0
    events = await world.events()
    assert (events.count("binding.admitted"), events.count("binding.ended")) == (1, 1)


async def test_a_yes_for_a_phone_that_is_gone(world: World) -> None:
    """Sent away, or paired anew by the same key while the yes is on its way: that yes was for another binding."""
    credential = await world.credential("P-256")
    mine, spare = await world.phone(credential), await world.phone(credential)
    about = {"device": mine.id, "phone": spare.id, "credential": credential}
    made = await world.call("documents/admit", **about)
    await world.phone(credential, spare)
    body = {"document": made["document"], "device": mine.id, **mine.decision(world.open(made["statement"]))}
    assert await world.refused("documents/decide", **body) == "decision_invalid"
    assert (await _state(world, spare))[0] == "waiting"
    made = await world.call("documents/admit", **about)
    body = {"document": made["document"], "device": mine.id, **mine.decision(world.open(made["statement"]))}
    await world.call("bindings/end", device=spare.id, by=mine.id)
    assert await world.refused("documents/decide", **body) == "decision_invalid"


async def test_an_operator_admits_a_phone(world: World, authority: Authority) -> None:
    """By a signed order about that binding, once; not one on trial, of another certificate, or gone."""
    credential, elsewhere = await world.credential("P-256"), await world.credential("P-256")
    await world.phone(credential)
    await world.phone(elsewhere)
    spare, trial = await world.phone(credential), Signer()
    paired = await world.pair(credential, trial)
    [waits] = (await world.call("credentials/standing", credential=credential))["waiting"]
    assert waits["device"] == spare.id

    def order(**changes: Any) -> str:
        about = {"act": "admit", "credential": credential, "binding": waits["binding"], **changes}
        return authority.holder_order(now=world.clock.now(), **about)

    for wrong in ({"binding": paired["binding"]}, {"credential": elsewhere}, {"binding": new_id("bnd")}):
        assert await world.refused("credentials/order", order=order(**wrong)) == "order_outdated", wrong
    good = order()
    assert (await world.call("credentials/order", order=good))["changed"] is True
    assert (await world.call("credentials/order", order=good))["changed"] is False
    assert await _decides(world, spare, credential)
    await world.call("bindings/end", device=spare.id)
    assert await world.refused("credentials/order", order=good) == "order_outdated"
    [line] = [line for line in await world.lines() if line["event"] == "binding.admitted"]
    assert (line["by"], line["operator"], line["case"]) == ("operator", authority.operator.public.jkt, "2026-17")


async def test_two_first_phones_at_once(world: World) -> None:
    """Ten phones of one new certificate, confirmed in the same moment: one decides, nine wait."""
    credential = await world.credential("P-256")
    phones = [Signer() for _ in range(10)]
    made = []
    for phone in phones:
        paired = await world.pair(credential, phone)
        made.append(await world.call("documents/test", binding=paired["binding"]))
    await asyncio.gather(*(world.decide(phone, one, password=None) for phone, one in zip(phones, made, strict=True)))
    states = [(await _state(world, phone))[0] for phone in phones]
    assert (states.count("active"), states.count("waiting")) == (1, 9)


async def test_whoever_writes_rows_shortens_no_wait(world: World) -> None:
    """State and time are under the row's MAC: changed, the phone does not exist."""
    credential = await world.credential("P-256")
    await world.phone(credential)
    thief = await world.phone(credential)
    for change in ("state = 'active'", "until = until - interval '1 day'", "state = 'active', until = NULL"):
        [before] = await world.sql("SELECT state, until FROM sam.bindings WHERE device = $1", thief.id)
        await world.sql(f"UPDATE sam.bindings SET {change} WHERE device = $1", thief.id)
        assert await world.sam.rooms.bindings.admit_who_waited() == 0
        assert not await _decides(world, thief, credential), change
        await world.sql("UPDATE sam.bindings SET state = $2, until = $3 WHERE device = $1", thief.id, *before)
    assert "row.forged" in await world.events()
