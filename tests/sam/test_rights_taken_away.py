"""What the holder takes back is gone at once: between approval and signature too, and while a yes is on its way."""

from typing import Any

import pytest

from hsm_service.sam.credentials.domain import Credential
from protocol.errors import DecisionInvalid
from tests.sam.world import World

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


async def test_a_removed_computer_fetches_nothing(world: World) -> None:
    """An approval that a computer has not used when its association ends is of no use to it any more."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    computer = await world.computer(credential, phone)
    request = await world.ask(credential, caller=computer, **ASK)
    approved = await world.approve(phone, request)
    await world.call("associations/end", computer=computer["id"])
    code = await world.refused("signatures/sign", **request.call(approved["activation"]))
    assert code == "caller_not_associated"
    assert "signatures.made" not in await world.events()


async def test_not_me_stops_what_was_approved_before(world: World) -> None:
    """One request approved, the next called "not me": neither is signed, until that is lifted."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, **ASK)
    approved = await world.approve(phone, request)
    next_one = await world.ask(credential, **ASK)
    await world.approve(phone, next_one, word="refuse:not-me")
    assert await world.refused("signatures/sign", **request.call(approved["activation"])) == "caller_frozen"
    await world.sam.rooms.documents.lift_freeze(credential, "integrator", world.integrator["id"])
    assert len(await world.sign(request, approved["activation"])) == 1


async def test_a_refusal_of_another_kind_stops_nothing(world: World) -> None:
    """ "Changed my mind" about the next request does not touch the one that was approved."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, **ASK)
    approved = await world.approve(phone, request)
    await world.approve(phone, await world.ask(credential, **ASK), word="refuse:changed-mind")
    assert len(await world.sign(request, approved["activation"])) == 1


async def test_unpaired_while_a_computer_is_approved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between 7b and 7f of a document without a password: the computer is not associated."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    room: Any = world.sam.rooms.decisions
    repeated = room._repeated

    async def meanwhile(*given: Any) -> Any:
        await world.call("bindings/end", device=phone.id)
        return await repeated(*given)

    monkeypatch.setattr(room, "_repeated", meanwhile)
    with pytest.raises(DecisionInvalid):
        await world.computer(credential, phone)
    assert await world.sql("SELECT * FROM sam.associations") == []


async def test_unpaired_while_the_password_is_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The phone is unpaired between 7b and 7f: its yes counts for nothing, and its right password is forgiven."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, **ASK)
    custody: Any = world.sam.rooms.decisions._custody
    unbind = custody.unbind

    async def meanwhile(of: Credential, stretched: bytes) -> bytes:
        opened: bytes = await unbind(of, stretched)
        await world.call("bindings/end", device=phone.id)
        return opened

    monkeypatch.setattr(custody, "unbind", meanwhile)
    body = phone.decision(request.statement)
    assert await world.refused("documents/decide", document=request.id, device=phone.id, **body) == "decision_invalid"
    assert (await world.call("documents/state", document=request.id))["state"] == "waiting"
    assert await world.sql("SELECT * FROM sam.activations") == []
    rows = await world.sql("SELECT total - forgiven AS count FROM sam.attempts WHERE purpose = 'sign'")
    assert [row["count"] for row in rows] == [0]


async def test_unpaired_while_the_password_of_a_session_is_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a session, whose approval is written by another way."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask_session(credential)
    custody: Any = world.sam.rooms.decisions._custody
    unbind = custody.unbind

    async def meanwhile(of: Credential, stretched: bytes) -> bytes:
        opened: bytes = await unbind(of, stretched)
        await world.call("bindings/end", device=phone.id)
        return opened

    monkeypatch.setattr(custody, "unbind", meanwhile)
    body = phone.decision(request.statement, word="approve:without-key")
    assert await world.refused("documents/decide", document=request.id, device=phone.id, **body) == "decision_invalid"
    assert (await world.call("documents/state", document=request.id))["state"] == "waiting"
    assert await world.sql("SELECT * FROM sam.activations") == []
    rows = await world.sql("SELECT total - forgiven AS count FROM sam.attempts WHERE purpose = 'sign'")
    assert [row["count"] for row in rows] == [0]
