""" "Bloquear tudo": one press and nothing is signed, until it is undone by the way that there is for that."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.encoding import b64u
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.blocks.domain import WAIT
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.errors import NotBlocked
from tests.sam.world import Signer, World, open_world

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


async def _unblock(world: World, phone: Signer, credential: str, **named: Any) -> dict[str, Any]:
    made = await world.call("documents/unblock", device=phone.id, credential=credential)
    return await world.decide(phone, made, **named)


async def test_one_press_shuts_everything(world: World) -> None:
    """Every certificate of the phone: nothing is asked, approved, paired, associated or signed any more, sessions end,
    what waited is withdrawn, what was approved is void and stays so."""
    credential, other = await world.credential("P-256"), await world.credential("P-256")
    phone = await world.phone(credential)
    await world.phone(other, phone)
    session = await world.session(credential, phone)
    approved = await world.ask(credential, **ASK)
    activation = (await world.approve(phone, approved))["activation"]
    waiting = await world.ask(other, **ASK)
    answer = await world.call("credentials/block", device=phone.id)
    assert {(one["credential"], one["new"]) for one in answer["blocks"]} == {(credential, True), (other, True)}
    assert await world.refused("signatures/sign", **approved.call(activation)) == "activation_expired"
    assert await world.refused("signatures/use", **session.body(1, [secrets.token_bytes(32)])) == "activation_expired"
    assert (await world.call("sessions/list", device=phone.id))["sessions"] == []
    assert (await world.call("documents/state", document=waiting.id))["state"] == "withdrawn"
    body = phone.decision(waiting.statement)
    assert await world.refused("documents/decide", document=waiting.id, device=phone.id, **body) == "document_decided"
    for ask in (world.ask(credential, **ASK), world.ask_session(other), world.pair(other, Signer())):
        with pytest.raises(Exception, match="credential_blocked"):
            await ask
    with pytest.raises(Exception, match="credential_blocked"):
        await world.computer(credential, phone)
    assert (await world.events()).count("credential.blocked") == 2
    # An operator opens one at once: what was void stays void, and a new approval signs.
    assert await world.turn("unblock", credential)
    assert await world.refused("signatures/sign", **approved.call(activation)) == "activation_expired"
    request = await world.ask(credential, **ASK)
    assert len(await world.sign(request, (await world.approve(phone, request))["activation"])) == 1
    assert [one["credential"] for one in (await world.call("credentials/blocks", device=phone.id))["blocks"]] == [other]


async def test_the_way_back(world: World) -> None:
    """The phone that blocked unblocks: not before the wait is over, and with the password, whose wrong tries count as
    any. No other phone does. Then it signs again."""
    credential = await world.credential("P-256")
    phone, thief = await world.phone(credential), await world.phone(credential)
    assert await world.refused("documents/unblock", device=phone.id, credential=credential) == "not_blocked"
    first = await world.call("credentials/block", device=phone.id)
    later = await world.call("credentials/block", device=thief.id)  # whoever comes second takes nothing over
    assert [one["new"] for one in later["blocks"]] == [False]
    assert later["blocks"][0]["since"] == first["blocks"][0]["since"]
    assert (first["blocks"][0]["from"], later["blocks"][0]["from"]) == (first["blocks"][0]["since"] + 3600, None)
    world.clock.advance(WAIT - timedelta(seconds=1))
    assert await world.refused("documents/unblock", device=phone.id, credential=credential) == "unblock_too_early"
    world.clock.advance(timedelta(seconds=1))
    assert await world.refused("documents/unblock", device=thief.id, credential=credential) == "blocked_elsewhere"
    assert await world.refused("documents/unblock", device=new_id("dev"), credential=credential) == "binding_unknown"
    made = await world.call("documents/unblock", device=phone.id, credential=credential)
    body = thief.decision(world.open(made["statement"]))
    other = {"document": made["document"], "device": thief.id, **body}
    assert await world.refused("documents/decide", **other) == "document_unknown"
    forged = {"document": made["document"], "device": phone.id, **body}
    assert await world.refused("documents/decide", **forged) == "decision_invalid"
    for lies in ({"purpose": "sign"}, {"password": None}):
        body = phone.decision(world.open(made["statement"]), **lies)
        refused = await world.refused("documents/decide", document=made["document"], device=phone.id, **body)
        assert refused == "proof_invalid"
    wrong = phone.decision(world.open(made["statement"]), "Errada999")
    assert await world.refused("documents/decide", document=made["document"], device=phone.id, **wrong) == (
        "password_wrong"
    )
    rows = await world.sql("SELECT total - forgiven AS count FROM sam.attempts WHERE purpose = 'sign'")
    assert [row["count"] for row in rows] == [1]
    right = {"document": made["document"], "device": phone.id, **phone.decision(world.open(made["statement"]))}
    told = {"state": "approved", "type": "unblock", "credential": credential, "blocked": first["blocks"][0]["since"]}
    assert await world.call("documents/decide", **right) == told
    assert await world.call("documents/decide", **right) == told  # its answer was lost
    assert (await world.call("credentials/blocks", device=phone.id))["blocks"] == []
    request = await world.ask(credential, **ASK)
    assert len(await world.sign(request, (await world.approve(phone, request))["activation"])) == 1
    assert "credential.unblocked" in await world.events()


async def test_a_yes_to_one_block_does_not_undo_the_next(world: World) -> None:
    """The document names its block: after an operator opened the certificate and its holder shut it again, the old yes
    opens nothing."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    world.clock.advance(WAIT)
    made = await world.call("documents/unblock", device=phone.id, credential=credential)
    await world.turn("unblock", credential)
    world.clock.advance(timedelta(seconds=2))
    await world.call("credentials/block", device=phone.id)
    body = {"document": made["document"], "device": phone.id, **phone.decision(world.open(made["statement"]))}
    assert await world.refused("documents/decide", **body) == "document_decided"  # the new block withdrew it
    # Had that document come through all the same: 7f looks once more whose block it is, and of when.
    [block] = (await world.call("credentials/blocks", device=phone.id))["blocks"]
    for device, since in ((phone.id, block["since"] - 2), (new_id("dev"), block["since"])):
        with pytest.raises(NotBlocked):
            async with world.sam.database.transaction() as connection:
                await world.sam.rooms.blocks.undo(connection, credential, device, since)
    assert (await world.call("credentials/blocks", device=phone.id))["blocks"] == [block]


async def test_pressed_while_the_password_is_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between 7e and 7f: the yes that was on its way leaves nothing that signs."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    request = await world.ask(credential, **ASK)
    custody: Any = world.sam.rooms.decisions._custody
    unbind = custody.unbind

    async def meanwhile(of: Credential, stretched: bytes) -> bytes:
        opened: bytes = await unbind(of, stretched)
        await world.call("credentials/block", device=phone.id)
        return opened

    monkeypatch.setattr(custody, "unbind", meanwhile)
    body = phone.decision(request.statement)
    assert await world.refused("documents/decide", document=request.id, device=phone.id, **body) == "document_decided"
    assert await world.sql("SELECT * FROM sam.activations") == []


async def test_what_was_asked_before_it_was_pressed(world: World) -> None:
    """A computer and a phone that were on their way: a yes that comes afterwards lets neither in."""
    credential, other = await world.credential("P-256"), await world.credential("P-256")
    phone = await world.phone(credential)
    await world.phone(other, phone)
    computer = {"id": new_id("cmp"), "name": "PC", "os": "Linux", "key": Signer().public.jwk, "address": "192.0.2.1"}
    asked = {"credentials": [credential, other], "computer": computer}
    associate = await world.call("documents/associate", device=phone.id, **asked)
    stranger = Signer()
    test = await world.call("documents/test", binding=(await world.pair(other, stranger))["binding"])
    await world.call("credentials/block", device=phone.id)
    assert await world.turn("unblock", credential)
    for made, by, code in ((associate, phone, "credential_blocked"), (test, stranger, "document_decided")):
        body = by.decision(world.open(made["statement"]), password=None)
        assert await world.refused("documents/decide", document=made["document"], device=by.id, **body) == code
    assert await world.sql("SELECT * FROM sam.associations") == []
    bound = (await world.call("bindings/list", device=stranger.id))["bindings"]
    assert [one["state"] for one in bound] == ["trial"]


async def test_pressed_by_many_at_once(world: World) -> None:
    """Two phones, twenty presses: one block, one line, and the revocation that comes with them is not lost."""
    credential = await world.credential("P-256")
    phones = [await world.phone(credential), await world.phone(credential)]
    answers = await asyncio.gather(*(world.call("credentials/block", device=phones[n % 2].id) for n in range(20)))
    assert sum(one["new"] for answer in answers for one in answer["blocks"]) == 1
    assert (await world.events()).count("credential.blocked") == 1
    certificate = (await world.sql("SELECT certificate_hash FROM sam.credentials"))[0]["certificate_hash"]
    await world.call("credentials/revoke", revocation=world.authority.revocation(b64u(certificate)))
    assert (await world.sql("SELECT state FROM sam.credentials"))[0]["state"] == "revoked"
    assert (await world.call("credentials/block", device=phones[0].id))["blocks"] == []


async def test_whom_nothing_is_bound_to(world: World) -> None:
    """A phone that the SAM does not know, or knows only on trial, blocks nothing."""
    credential = await world.credential("P-256")
    trial = Signer()
    await world.pair(credential, trial)
    assert await world.refused("credentials/block", device=new_id("dev")) == "binding_unknown"
    assert await world.refused("credentials/block", device=trial.id) == "binding_unknown"
    assert await world.refused("documents/unblock", device=trial.id, credential=credential) == "binding_unknown"
    assert "credential.blocked" not in await world.events()


_BEFORE = "SELECT blocks, blocked_at, blocked_by, mac FROM sam.credentials WHERE id = $1"
_BACK = "UPDATE sam.credentials SET blocks = $2, blocked_at = $3, blocked_by = $4, mac = $5 WHERE id = $1"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_row_turned_back_opens_nothing(world: World, hsm: Hsm, tmp_path: Path, restarted: bool) -> None:
    """Whoever owns the database puts the row back, MAC and all: the SAM remembers, or reads it in the audit."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    before = (await world.sql(_BEFORE, credential))[0]
    await world.call("credentials/block", device=phone.id)
    await world.sql(_BACK, credential, *before.values())
    if restarted:
        again = await open_world(hsm, world.database, tmp_path / "sam-0.head", world.clock, world.authority)
        await again.sam.watch.look()
        code = await again.refused("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="C",
                                   credential=credential)  # fmt: skip
        await again.close()
    else:
        code = await world.refused("documents/pair", device=phone.id, device_key=phone.public.jwk, nickname="C",
                                   credential=credential)  # fmt: skip
    assert code == "credential_unknown"
    assert "row.turned_back" in await world.events()


async def test_a_row_that_says_open_without_its_mac(world: World) -> None:
    """Columns rewritten without the HSM: the certificate does not exist, rather than being open."""
    credential = await world.credential("P-256")
    phone = await world.phone(credential)
    await world.call("credentials/block", device=phone.id)
    blocked = (await world.sql(_BEFORE, credential))[0]
    await world.sql(_BACK, credential, 0, None, None, blocked["mac"])
    with pytest.raises(Exception, match="credential_unknown"):
        await world.ask(credential, **ASK)
    assert "row.forged" in await world.events()
