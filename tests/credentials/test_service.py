"""Holders and their credentials, on a real database."""

import asyncio
from typing import Any

import pytest

from foundation.ids import new_id
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.credentials.errors import BadHolder, NoSuchCredential
from hsm_service.credentials.service import Identifications
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

MARIA: dict[str, Any] = {"name": "Maria", "phone": "+5511987654321", "email": "m@example.com", "kind": "person"}


async def test_a_holder_is_recorded_once(world: World) -> None:
    """Repeating after a lost answer changes nothing, and a second credential of the same person joins the first."""
    one, two = await world.credential(), await world.credential("P-256")
    holder = await world.credentials.record_holder(credential=one, **MARIA)
    assert await world.credentials.record_holder(credential=one, **MARIA) == holder
    assert await world.credentials.record_holder(credential=two, **MARIA) == holder
    other = await world.credentials.record_holder(credential=new_id("cred"), **{**MARIA, "name": "João"})
    assert other != holder
    found = await world.credentials.for_number(MARIA["phone"])
    assert {held.credential.id for held in found} == {one, two}  # João's has no certificate yet


async def test_a_credential_keeps_its_holder(world: World) -> None:
    """A later claim that it is somebody else's is answered with whose it is, and changes nothing."""
    credential = await world.credential()
    holder = await world.credentials.record_holder(credential=credential, **MARIA)
    claim = {**MARIA, "name": "Mallory", "phone": "+5521987654321"}
    assert await world.credentials.record_holder(credential=credential, **claim) == holder
    stored = await world.credentials.holder_of(credential)
    assert stored is not None
    assert stored.data.name == "Maria"
    assert await world.credentials.for_number("+5521987654321") == []


async def test_twenty_at_once_make_one_holder(world: World) -> None:
    """Emissions of one person at the same moment find one holder between them."""
    credentials = [await world.credential() for _ in range(20)]
    holders = await asyncio.gather(*(world.credentials.record_holder(credential=one, **MARIA) for one in credentials))
    assert len(set(holders)) == 1
    assert len(await world.credentials.for_number(MARIA["phone"])) == 20


async def test_facts_come_from_the_sam(world: World) -> None:
    """What the SAM's view does not show does not exist; what waits for its certificate neither."""
    waiting = await world.credential(state="bound", chain=())
    active, revoked = await world.credential(), await world.credential("P-256", state="revoked")
    assert (await world.credentials.info(active)).subject == "MARIA DA SILVA"
    for unknown in (new_id("cred"), waiting, "cred_x", "", "x" * 10_000, "a\0"):
        with pytest.raises(NoSuchCredential):
            await world.credentials.info(unknown)
        with pytest.raises(NoSuchCredential):
            await world.credentials.facts(unknown)
    whole, facts = await asyncio.gather(world.credentials.info(revoked), world.credentials.facts(revoked))
    assert vars(whole) == {**vars(facts), "chain": whole.chain}
    asked = await asyncio.gather(*(world.credentials.facts(one) for one in (active, revoked, active)))
    assert [one.id for one in asked] == [active, revoked, active], "each its own, asked for at one moment"
    known = await world.credentials.known([active, revoked, waiting, new_id("cred")])
    assert {one.id for one in known} == {active, revoked}
    assert [one.id for one in await world.credentials.known([active, revoked], only_valid=True)] == [active]


async def test_what_cannot_be_recorded(world: World) -> None:
    """A holder without a number, a credential that is none."""
    with pytest.raises(BadHolder):
        await world.credentials.record_holder(credential=new_id("cred"), **{**MARIA, "phone": ""})
    with pytest.raises(NoSuchCredential):
        await world.credentials.record_holder(credential="cmp_x", **MARIA)
    assert await world.credentials.holder_of(new_id("cred")) is None


async def test_held_names_the_kind_of_holder(world: World) -> None:
    """Those that belong to somebody, and to what kind of holder."""
    one, orphan = await world.credential(), await world.credential()
    await world.credentials.record_holder(credential=one, **{**MARIA, "kind": "company"})
    assert [(held.credential.id, held.kind) for held in await world.credentials.held([one, orphan])] == [
        (one, "company")
    ]


async def test_credentials_from_before_are_found_by_their_number(world: World) -> None:
    """Noted once, by a digest that is not the number; those without one are looked at once as well."""
    person = await world.credential(number="52998224725")
    company = await world.credential(number="12ABC34501DE35")
    await world.credential()
    await world.owner.execute("TRUNCATE credentials.identifications")
    assert await world.identifications.catch_up() == 3
    assert await world.identifications.catch_up() == 0
    for number, credential in (("529.982.247-25", person), ("12abc34501de35", company)):
        digest = world.identifications.digest(read_identification(number))
        assert await world.identifications.credentials(digest) == [credential]
        assert number.encode() not in digest
    other = Identifications(world.database, bytes([1]) * 32)
    assert await other.credentials(other.digest(read_identification("52998224725"))) == []


async def test_a_new_credential_is_found_at_once(world: World) -> None:
    """When its holder is recorded."""
    credential = await world.credential(number="52998224725")
    await world.owner.execute("TRUNCATE credentials.identifications")
    await world.credentials.record_holder(credential=credential, **MARIA)
    digest = world.identifications.digest(read_identification("52998224725"))
    assert await world.identifications.credentials(digest) == [credential]
