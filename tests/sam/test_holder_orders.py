"""What operators order about holders: signed by a pinned key, just now, about what they saw, once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.sam.clients.domain import AHEAD, FRESH
from hsm_service.sam.orders.domain import HolderPermit
from protocol.orders import HolderOrder
from tests.sam.world import Authority, Signer, World

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


async def test_shut_and_opened_by_order(world: World) -> None:
    """Both change what is signed at once, and the audit says which operator, why, and by which case."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    assert await world.turn("block", credential)
    assert not await world.turn("block", credential)
    with pytest.raises(LinkIdError, match="credential_blocked"):
        await world.ask(credential, **ASK)
    assert await world.refused("documents/unblock", device=phone.id, credential=credential) == "blocked_elsewhere"
    stands = await world.call("credentials/standing", credential=credential)
    assert (stands["number"], stands["block"]["by"]) == (1, "operator")
    assert await world.turn("unblock", credential)
    request = await world.ask(credential, **ASK)
    assert len(await world.sign(request, (await world.approve(phone, request))["activation"])) == 1
    lines = [line for line in await world.lines() if line["event"] in ("credential.blocked", "credential.unblocked")]
    assert [(one["reason"], one["case"]) for one in lines] == [("suspected-fraud", "2026-17"), ("by-video", "2026-17")]
    assert {one["operator"] for one in lines} == {world.authority.operator.public.jkt}


async def test_a_kept_order_undoes_no_later_block(world: World) -> None:
    """Repeated, an order changes nothing; after its holder shut the certificate again, the same unblock is outdated."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    ahead = world.clock.now() + AHEAD  # the longest that an order can live
    order = world.authority.holder_order("unblock", credential, ahead, number=1)
    told = {"credential": credential, "act": "unblock"}
    assert await world.call("credentials/order", order=order) == {**told, "changed": True}
    assert await world.call("credentials/order", order=order) == {**told, "changed": False}
    await world.call("credentials/block", device=phone.id)
    assert await world.refused("credentials/order", order=order) == "order_outdated"
    assert (await world.call("credentials/standing", credential=credential))["number"] == 3
    early = world.authority.holder_order("unblock", credential, ahead, number=4)  # of a block that is yet to come
    assert await world.refused("credentials/order", order=early) == "order_outdated"


async def test_a_phone_that_pressed_first_undoes_no_order(world: World) -> None:
    """An operator's block takes the place of a phone's: that phone, its hour and the password open nothing then."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    world.clock.advance(3600)
    waiting = await world.call("documents/unblock", device=phone.id, credential=credential)
    order = world.authority.holder_order("block", credential, world.clock.now(), number=1)
    told = {"credential": credential, "act": "block"}
    assert await world.call("credentials/order", order=order) == {**told, "changed": True}
    assert await world.call("credentials/order", order=order) == {**told, "changed": False}
    stands = await world.call("credentials/standing", credential=credential)
    assert (stands["number"], stands["block"]["by"]) == (3, "operator")
    await world.call("credentials/block", device=phone.id)  # changes nothing: it is shut
    with pytest.raises(LinkIdError, match=r"document_decided|blocked_elsewhere"):
        await world.decide(phone, waiting)
    assert await world.refused("documents/unblock", device=phone.id, credential=credential) == "blocked_elsewhere"
    assert await world.turn("unblock", credential)
    assert await world.refused("credentials/order", order=order) == "order_outdated"


async def test_orders_of_nobody_we_know(world: World, authority: Authority) -> None:
    """Another's key, another order, other bytes, of long ago or of the future, and reasons that do not fit: nothing."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    now, second = world.clock.now(), timedelta(seconds=1)

    def order(act: str = "unblock", when: Any = now, operator: Signer | None = None, **changes: Any) -> str:
        about = changes.pop("credential", credential)
        return authority.holder_order(act, about, when, operator, **{"number": 1, **changes})

    good = order()
    head, body, tail = good.split(".")
    bad = [
        order(operator=Signer()), authority.order(new_id("cli"), now), "", "a.b.c", f"{head}.{body}.{b64u(bytes(64))}",
        f"{head}.{order('block').split('.')[1]}.{tail}", order(number=None), order(number=-1), order(number=1.5),
        order(number=True), order(binding=new_id("bnd")), order(act="admit"), order(act="delete"),
        order(act="admit", number=None, binding=new_id("dev")), order(reason="holder-asked"), order(reason="tired"),
        order("block", reason="by-video"), order(case=""), order(case="Maria da Silva"), order(case="x" * 41),
        order(case="529.982.247-25"), order(case="5531987654321"), order(case="a/b"),
        order(credential=new_id("dev")), order(more=1), order(id=new_id("doc")),
    ]  # fmt: skip
    for one in bad:
        assert await world.refused("credentials/order", order=one) == "order_invalid", one
    for when in (now - FRESH - second, now + AHEAD + second, now + timedelta(days=9000)):
        assert await world.refused("credentials/order", order=order(when=when)) == "order_not_fresh"
    for call in ({"order": good + "A" * 9000}, {"order": None}, {"order": [good]}, {}):
        assert await world.refused("credentials/order", **call) == "sam_bad_call"
    unknown = authority.holder_order("unblock", new_id("cred"), now, number=0)
    assert await world.refused("credentials/order", order=unknown) == "credential_unknown"
    assert await world.refused("credentials/standing", credential=new_id("cred")) == "credential_unknown"
    assert (await world.call("credentials/standing", credential=credential))["number"] == 1
    assert "credential.unblocked" not in await world.events()
    bia = Signer()  # pinned, and unpinned while we run
    authority.operators[bia.public.jkt] = bia.public
    await world.call("credentials/order", order=order(operator=bia))
    del authority.operators[bia.public.jkt]
    assert await world.refused("credentials/order", order=order(operator=bia)) == "order_invalid"


async def test_twenty_orders_at_once(world: World, authority: Authority) -> None:
    """Of twenty operators' orders about one block, one opens it; the others find it done, and one line says so."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    orders = [authority.holder_order("unblock", credential, world.clock.now(), number=1) for _ in range(20)]
    answers = await asyncio.gather(*(world.call("credentials/order", order=one) for one in orders))
    assert [one["changed"] for one in answers].count(True) == 1
    assert (await world.events()).count("credential.unblocked") == 1


def test_a_permit_is_not_made_by_hand() -> None:
    """Only the check mints it."""
    order = HolderOrder(v=1, type="holder", id=new_id("ord"), created=1, act="block", credential=new_id("cred"),
                        number=0, binding=None, reason="by-law", case="1")  # fmt: skip
    with pytest.raises(TypeError):
        HolderPermit(order, "jkt", "hash", object())
