"""What a holder is shown of their certificates: phones, computers, what was asked and what became of it, tries left."""

import secrets
from datetime import timedelta
from typing import Any

from foundation.encoding import b64u
from foundation.ids import new_id
from protocol.evidence import open_evidence
from tests.sam.world import Signer, World

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


async def test_phones_and_computers_of_a_certificate(world: World) -> None:
    """Every phone and computer of what this phone is actively bound to, whichever phone brought them, and no others;
    another phone takes back only what it shares, and its sessions end with it."""
    credential, other = await world.credential("P-256"), await world.credential("P-256")
    old, new, stranger = await world.phone(credential), await world.phone(credential), await world.phone(other)
    await world.phone(other, old)
    computer = await world.computer(credential, old)
    session = await world.session(credential, old, caller=computer)
    trial = Signer()
    await world.pair(credential, trial)

    phones = (await world.call("bindings/phones", device=new.id))["phones"]
    assert {(one["device"], one["credential"], one["state"]) for one in phones} == {
        (old.id, credential, "active"), (new.id, credential, "active"), (trial.id, credential, "trial"),
    }  # fmt: skip
    assert (await world.call("bindings/phones", device=trial.id))["phones"] == []
    assert (await world.call("bindings/phones", device=new_id("dev")))["phones"] == []
    [told] = (await world.call("associations/of", device=new.id))["associations"]
    assert (told["computer"], told["credential"], told["name"]) == (computer["id"], credential, "Notebook")
    assert (await world.call("associations/of", device=stranger.id))["associations"] == []

    for nobody in (stranger.id, trial.id, new_id("dev")):
        ended = (await world.call("bindings/end", device=new.id, by=nobody))["ended"]
        assert ended == 0
    assert (await world.call("bindings/end", device=old.id, by=new.id))["ended"] == 1
    assert await world.refused("signatures/use", **session.body(1, [secrets.token_bytes(32)])) == "activation_expired"
    left = (await world.call("bindings/list", device=old.id))["bindings"]
    assert [one["credential"] for one in left] == [other]  # what the two did not share
    await world.ask(credential, caller=computer, **ASK)  # the holder's computer goes on, by the phone that is left


async def test_tries_left_before_they_are_needed(world: World) -> None:
    """Three, two, one, none while it is locked, three again after that."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)

    async def left() -> Any:
        [one] = (await world.call("bindings/list", device=phone.id))["bindings"]
        return one["tries_left"]

    assert await left() == 3
    for expected in (2, 1, 0):
        request = await world.ask(credential, **ASK)
        body = phone.decision(request.statement, "Errada999")
        await world.refused("documents/decide", document=request.id, device=phone.id, **body)
        await world.call("documents/withdraw", document=request.id)
        assert await left() == expected
    world.clock.advance(timedelta(hours=3))
    assert await left() == 3
    await world.sql("UPDATE sam.attempts SET total = forgiven")
    assert await left() == 3  # a row that does not hold does not count for less than is remembered


async def test_history(world: World) -> None:
    """Approved, refused, lapsed, withdrawn, a session without a key: the newest first, in pages, on whichever phone of
    the holder; what waits is not in it. Of each that was decided there is evidence that verifies."""
    credential = await world.credential("P-256")
    phone, other = await world.phone(credential), await world.phone(credential)
    signed = await world.ask(credential, [secrets.token_bytes(32) for _ in range(7)], **ASK)
    await world.sign(signed, (await world.approve(phone, signed))["activation"])
    world.clock.advance(timedelta(seconds=1))
    session = await world.session(credential, other, caller=world.integrator)
    await world.use(session, 1, [secrets.token_bytes(32)])
    world.clock.advance(timedelta(seconds=1))
    refused = await world.ask(credential, **ASK)
    await world.approve(phone, refused, word="refuse:wrong-content")
    world.clock.advance(timedelta(seconds=1))
    gone = await world.ask(credential, **ASK)
    await world.call("documents/withdraw", document=gone.id)
    world.clock.advance(timedelta(seconds=1))
    lapsed = await world.ask(credential, **ASK)
    world.clock.advance(timedelta(seconds=200))
    await world.ask(credential, **ASK)
    answer = await world.call("documents/history", device=other.id)
    assert answer["more"] is False
    found = answer["requests"]
    assert [(one["request"], one["state"], one["decision"], one["device"]) for one in found] == [
        (lapsed.id, "expired", None, None), (gone.id, "withdrawn", None, None),
        (refused.id, "refused", "refuse:wrong-content", phone.id),
        (session.id, "approved", "approve:without-key", other.id),
        (signed.id, "approved", "approve", phone.id),
    ]  # fmt: skip
    assert (found[3]["maximum"], found[3]["used"], found[4]["count"], found[4]["signed"]) == (10, 1, 7, 7)
    assert [one["label"] for one in found[4]["documents"]] == [f"contrato {n}.pdf" for n in range(5)]
    assert found[4]["caller"]["name"] == "Cartório Exemplo"
    page = await world.call("documents/history", device=other.id, before=refused.id)
    assert [one["request"] for one in page["requests"]] == [session.id, signed.id]
    for one in found[2:]:
        jws = (await world.call("documents/evidence", document=one["request"], device=other.id))["evidence"]
        assert open_evidence(jws, world.roots, now=world.clock.now()).word == one["decision"]
    # Bytes that somebody changed are not shown, and an alarm says so.
    await world.sql("UPDATE sam.documents SET data = data || ' ' WHERE id = $1", refused.id)
    again = (await world.call("documents/history", device=other.id))["requests"]
    assert refused.id not in [one["request"] for one in again]
    assert "row.forged" in await world.events()


async def test_nobody_sees_another_holders_history(world: World) -> None:
    """A phone of another certificate, one on trial, one that is gone; another's request as the cursor ends the list."""
    mine, theirs = await world.credential("P-256"), await world.credential("P-256")
    phone, stranger, trial = await world.phone(mine), await world.phone(theirs), Signer()
    await world.pair(mine, trial)
    requests = {}
    for credential, by in ((mine, phone), (theirs, stranger)):
        requests[credential] = await world.ask(credential, **ASK)
        await world.approve(by, requests[credential], word="refuse:changed-mind")
    for one, expected in ((phone, [requests[mine].id]), (stranger, [requests[theirs].id]), (trial, []), (Signer(), [])):
        found = (await world.call("documents/history", device=one.id))["requests"]
        assert [entry["request"] for entry in found] == expected
    for cursor in (requests[mine].id, new_id("req")):
        found = await world.call("documents/history", device=stranger.id, before=cursor)
        assert found == {"requests": [], "more": False}
    for bad in ("x", 7, new_id("doc"), b64u(bytes(9)), ["req"]):
        assert await world.refused("documents/history", device=stranger.id, before=bad) == "sam_bad_call"
    # A row that was moved to another's credential by its column only: its bytes say whose it is.
    await world.sql("UPDATE sam.documents SET credential = $1 WHERE id = $2", theirs, requests[mine].id)
    found = (await world.call("documents/history", device=stranger.id))["requests"]
    assert [entry["request"] for entry in found] == [requests[theirs].id]


async def test_bodies_that_are_none(world: World) -> None:
    """Every new call, without a phone's id."""
    for call in ("documents/history", "bindings/phones", "associations/of", "credentials/block", "credentials/blocks"):
        for body in ({}, {"device": None}, {"device": "dev_x"}, {"device": 7}, {"device": ["dev"]}):
            assert await world.refused(call, **body) == "sam_bad_call"
