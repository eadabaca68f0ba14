"""A gateway cannot ask in a computer's name: the SAM takes what the computer signed, for that alone, and once."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from hsm_service.sam.housekeeping import ASKS_KEPT, forget_asks
from protocol.asks import FRESH
from tests.sam.world import Signer, World, digest

pytestmark = pytest.mark.asyncio


@dataclass
class Desk:
    """Two computers of one holder, and an ask of the first."""

    world: World
    credential: str
    caller: dict[str, str]
    other: dict[str, str]

    @property
    def body(self) -> dict[str, Any]:
        """Two documents, unsigned."""
        return {
            "credential": self.credential,
            "caller": self.caller,
            "hashes": [b64u(digest("one")), b64u(digest("two"))],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": "ECDSA-SHA256",
            "documents": [{"label": "contrato.pdf", "size": 48213}, {"label": "anexo.pdf", "size": None}],
            "activation_key": b64u(bytes(31) + b"\x09"),
        }

    async def refused(self, body: dict[str, Any]) -> None:
        """With our code, an audit line, and nothing for a phone to show."""
        before = (await self.world.events()).count("ask.refused")
        assert await self.world.refused("documents/sign", **body) == "ask_invalid"
        assert (await self.world.events()).count("ask.refused") == before + 1
        assert await self.rung() == 0

    async def rung(self) -> int:
        """Requests that phones were, or are, shown."""
        return len(await self.world.sql("SELECT id FROM sam.documents WHERE type = 'sign'"))


@pytest.fixture
async def desk(world: World) -> Desk:
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    return Desk(world, credential, await world.computer(credential, phone), await world.computer(credential, phone))


async def test_what_it_signed_is_asked(desk: Desk) -> None:
    """The document lists exactly what the computer signed."""
    made = await desk.world.call("documents/sign", **desk.body, ask=desk.world.signed_ask(desk.body))
    assert desk.world.open(made["statement"]).document.objects("documents") == [
        {"label": "contrato.pdf", "size": 48213, "hash": b64u(digest("one"))},
        {"label": "anexo.pdf", "size": None, "hash": b64u(digest("two"))},
    ]


async def test_anything_else_is_not(desk: Desk) -> None:
    """Another hash, label, size, order or computer than was signed, nothing signed, half of it: refused, no request."""
    world, body = desk.world, desk.body
    ask = world.signed_ask(body)
    one, two = body["documents"]
    changes: list[dict[str, Any]] = [
        {"hashes": [b64u(digest("evil")), body["hashes"][1]]},
        {"hashes": body["hashes"][:1], "documents": [one]},
        {"hashes": [*body["hashes"], b64u(digest("more"))], "documents": [one, two, one]},
        {"hashes": body["hashes"][::-1]},
        {"hashes": body["hashes"][::-1], "documents": [two, one]},
        {"documents": [two, one]},
        {"documents": [{**one, "label": "nota.pdf"}, two]},
        {"documents": [{**one, "size": 1}, two]},
        {"caller": desk.other},
        {"ask": None},
        {"ask": []},
        {"ask": {**ask, "created": ask["created"] + 1}},
        {"ask": {**ask, "nonce": b64u(bytes(16))}},
        {"ask": {**ask, "nonce": b64u(bytes(17))}},
        {"ask": {**ask, "signature": b64u(bytes(64))}},
        {"ask": world.signed_ask(body, Signer())},
        {"ask": world.signed_ask(body, world.signers[desk.other["id"]])},
        {"ask": world.signed_ask(body, caller=desk.other["id"])},
        {"ask": world.signed_ask(body, hash_algorithm="SHA-384")},
    ]
    for change in changes:
        await desk.refused({**body, "ask": ask, **change})
    await desk.refused(body)
    await world.call("documents/sign", **body, ask=ask)


async def test_another_credential(desk: Desk) -> None:
    """What was signed for one certificate does not ask for another of the same holder."""
    phone = await desk.world.phone(desk.credential)
    second = await desk.world.credential("P-256")
    await desk.world.phone(second, phone)
    caller = await _again(desk, second, phone)
    ask = desk.world.signed_ask({**desk.body, "caller": caller, "credential": desk.credential})
    await desk.refused({**desk.body, "caller": caller, "credential": second, "ask": ask})


async def _again(desk: Desk, credential: str, phone: Signer) -> dict[str, str]:
    """The first computer, associated with one more credential."""
    id_ = desk.caller["id"]
    computer = {"id": id_, "name": "Notebook", "os": "Linux", "key": desk.world.signers[id_].public.jwk,
                "address": "192.0.2.1"}  # fmt: skip
    world = desk.world
    made = await world.call("documents/associate", device=phone.id, credentials=[credential], computer=computer)
    await world.decide(phone, made)
    return desk.caller


async def test_stale_and_early(desk: Desk) -> None:
    """Two minutes around the SAM's clock; a second more is refused."""
    now, most = int(desk.world.clock.now().timestamp()), int(FRESH.total_seconds())
    for created in (now - most - 1, now + most + 1, 0):
        await desk.refused({**desk.body, "ask": desk.world.signed_ask(desk.body, created=created)})
    early = await desk.world.call(
        "documents/sign", **desk.body, ask=desk.world.signed_ask(desk.body, created=now + most)
    )
    await desk.world.call("documents/withdraw", document=early["document"])
    await desk.world.call("documents/sign", **desk.body, ask=desk.world.signed_ask(desk.body, created=now - most))


async def test_an_ask_rings_once(desk: Desk) -> None:
    """The same ask again, after its request was withdrawn, is refused for as long as it would be fresh."""
    world, body = desk.world, {**desk.body, "ask": desk.world.signed_ask(desk.body)}
    made = await world.call("documents/sign", **body)
    await world.call("documents/withdraw", document=made["document"])
    assert await world.refused("documents/sign", **body) == "ask_invalid"
    await forget_asks(world.sam.database, world.clock.now())
    assert await world.refused("documents/sign", **body) == "ask_invalid"
    world.clock.advance(ASKS_KEPT)
    await forget_asks(world.sam.database, world.clock.now())
    assert await world.sql("SELECT * FROM sam.asks") == []
    assert await world.refused("documents/sign", **body) == "ask_invalid"
    assert max(2 * FRESH, timedelta(minutes=10)) <= ASKS_KEPT
    assert await desk.rung() == 1


async def test_twenty_at_once_ring_once(desk: Desk) -> None:
    """The database says who was first: one request, and nineteen refusals of ours."""
    body = {**desk.body, "ask": desk.world.signed_ask(desk.body)}
    calls = (desk.world.call("documents/sign", **body) for _ in range(20))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [one.code for one in outcomes if isinstance(one, LinkIdError)]
    assert refusals == ["ask_invalid"] * 19
    assert await desk.rung() == 1


async def test_what_was_refused_for_another_reason_may_be_asked_again(desk: Desk) -> None:
    """An ask that met a request in its way rang nowhere, and is not used up."""
    world = desk.world
    first = await world.call("documents/sign", **desk.body, ask=world.signed_ask(desk.body))
    body = {**desk.body, "ask": world.signed_ask(desk.body)}
    assert await world.refused("documents/sign", **body) == "too_many_pending"
    await world.call("documents/withdraw", document=first["document"])
    await world.call("documents/sign", **body)
