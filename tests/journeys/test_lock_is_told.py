"""Wrong passwords on one phone lock the certificate; the holder's other phone, their mailbox and the audit say so."""

from __future__ import annotations

import pytest

from demo.stack import Stack
from demo.world import World, paired
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.phone import SandboxPhone

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_a_lock_is_told_on_every_phone(world: World, stack: Stack) -> None:
    """Everything real: three guesses on the old phone; the other one lists the warning and dismisses it."""
    async with await SandboxPhone.open(stack.app) as old:
        await paired(stack, world.holder, old, "Celular antigo")
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
    await world.phone._gateway.call("DELETE", f"/phone/v1/warnings/{warning['id']}")  # the other phone's: no effect
    assert len((await world.phone._gateway.call("GET", "/phone/v1/warnings"))["items"]) == 1
    letters = [message for message in await stack.messages() if message["to"] == "maria@example.com"]
    assert any("no celular “Celular antigo”" in message["text"] for message in letters)
    said = await stack.linkid("audit", "show", "--credential", world.credential)
    assert said.count("attempt.failed") == 3
    assert "holder.warned" in said
