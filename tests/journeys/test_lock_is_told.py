"""The holder shuts everything; wrong passwords lock it: phones, mailbox and audit say so."""

from __future__ import annotations

import asyncio

import pytest

from demo.computer import CallRefused
from demo.stack import Stack
from demo.world import World, paired
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.phone import SandboxPhone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def letter(stack: Stack, words: str) -> None:
    """Wait until the outbox has carried a letter to the holder that says this."""
    async with asyncio.timeout(15):
        while not any(one["to"] == "maria@example.com" and words in one["text"] for one in await stack.messages()):
            await asyncio.sleep(0.05)


async def test_a_holder_blocks_everything_and_an_operator_opens_it(world: World, stack: Stack) -> None:
    """Everything real: approved and not yet fetched, then "Bloquear tudo" on the phone: the computer gets nothing, and
    may ask for nothing; the phone cannot undo it before its time; `linkid unblock` does, and signing goes on."""
    ask = await world.computer.ask(world.credential)
    sad = await world.approved(ask)
    [block] = await world.phone.block()
    assert (block["credential"], block["here"]) == (world.credential, True)
    for refused in (world.computer.sign(world.credential, sad, ask.hashes), world.computer.ask(world.credential)):
        with pytest.raises(CallRefused):
            await refused
    with pytest.raises(GatewayRefused) as early:
        await world.phone.unblock(world.credential, world.holder.password)
    assert (early.value.reason, early.value.data["retry_after"] > 3500) == ("unblock_too_early", True)
    by = ("--identified", "by-video", "--case", "2026-17")
    assert "unblocked" in await stack.linkid("unblock", world.credential, *by)
    assert len(await world.signed()) == 1
    page = await world.phone.history()
    assert [(one["state"], one["signed"]) for one in page["requests"]] == [("approved", 1), ("approved", 0)]
    for one in page["requests"]:
        assert await world.phone.evidence(one["request"])
    assert [one["here"] for one in await world.phone.phones()] == [True]
    await letter(stack, "Bloquear tudo")


async def test_a_lock_is_told_on_every_phone(world: World, stack: Stack) -> None:
    """Everything real: three guesses on the old phone; the other one lists the warning and dismisses it."""
    async with await SandboxPhone.open(stack.app) as old:
        await paired(stack, world.holder, old, "Celular antigo")
        [binding] = (await old.about())["bindings"]
        assert (binding["state"], await old.waiting()) == ("waiting", [])  # it is not the first: it decides later
        assert old.device is not None
        await world.phone.admit(old.device, world.credential)
        ask = await world.computer.ask(world.credential)
        for left in (2, 1, 0):
            with pytest.raises(GatewayRefused) as wrong:
                await old.approve(await old.fetch(ask.request), "Chutando1")
            assert wrong.value.data["tries_left"] == left
        for phone, here in ((world.phone, False), (old, True)):
            answer = await phone._gateway.call("GET", "/phone/v1/warnings")
            [warning] = answer["items"]
            assert (warning["credential"], warning["phone"]) == (world.credential, "Celular antigo")
            assert warning["here"] is here
            assert warning["until"] > warning["since"]
        # The old phone is not where it should be: the new one sends it away, and keeps what the two had.
        assert [one["nickname"] for one in await world.phone.phones() if not one["here"]] == ["Celular antigo"]
        await world.phone.remove_phone(old.device)
        with pytest.raises(GatewayRefused, match="device_unknown"):
            await old.about()
        assert (len(await world.phone.phones()), len(await world.phone.computers())) == (1, 1)
    await world.phone._gateway.call("DELETE", f"/phone/v1/warnings/{warning['id']}")  # the other phone's: no effect
    assert len((await world.phone._gateway.call("GET", "/phone/v1/warnings"))["items"]) == 1
    await letter(stack, "no celular “Celular antigo”")
    said = await stack.linkid("audit", "show", "--credential", world.credential)
    assert said.count("attempt.failed") == 3
    assert "holder.warned" in said
