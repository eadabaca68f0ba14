"""Attacker 4 of docs/threats.md while Maria associates a computer: he wants his key in its place, under its name."""

from typing import Any

import pytest
from joserfc.jwk import ECKey

from demo.stack import Stack
from demo.world import World
from desktop_agent.client.http import Caller
from desktop_agent.client.links import Links
from foundation.ids import new_id
from sandbox_phone.errors import Untrusted
from tests.attacks.hostile import HostileGateway, Inside
from tests.sam.world import Signer

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "Notebook novo da Maria"


async def false_association(maria: World, inside: Inside, thief: Signer) -> dict[str, Any]:
    """What the SAM fixes when he says that a computer of hers asks, with a key of his: genuine, and hers to approve."""
    computer = {"id": new_id("cmp"), "name": NAME, "os": "Linux", "key": thief.public.jwk, "address": "192.0.2.1"}
    made: dict[str, Any] = await inside.call(
        "sam", "documents/associate", device=maria.phone.device, credentials=[maria.credential], computer=computer
    )
    return {**made, "computer": computer["id"]}


async def test_a_frame_associates_the_computer_that_shows_it(
    stack: Stack, maria: World, hostile: HostileGateway, inside: Inside
) -> None:
    """Scanned from the computer's own screen, the frame carries its key: nothing else is shown for it."""
    made = await false_association(maria, inside, Signer())
    async with Caller(stack.gateway, ECKey.generate_key("P-256")) as caller:
        links = Links(caller, stack.app)
        await links.start(NAME, "Linux")
        frame = (await links.look()).frame
        assert frame is not None
        with hostile.answering("/phone/v1/scan", 200, {"statement": made["statement"]}), pytest.raises(Untrusted):
            await maria.phone.scan(frame)
        await links.give_up()
    await inside.call("sam", "documents/withdraw", document=made["document"])


async def test_what_is_left_a_code_typed_by_hand(
    stack: Stack, maria: World, hostile: HostileGateway, inside: Inside
) -> None:
    """Ten characters carry no key. He may then ask under that name; what he asks, Maria still approves or not."""
    thief = Signer()
    made = await false_association(maria, inside, thief)
    async with Caller(stack.gateway, ECKey.generate_key("P-256")) as caller:
        links = Links(caller, stack.app)
        await links.start(NAME, "Linux")
        code = (await links.look()).code
        assert code is not None
        with hostile.answering("/phone/v1/scan", 200, {"statement": made["statement"]}):
            shown = await maria.phone.scan(code)
        assert shown.content["computer"]["key"] == thief.public.jkt  # the phone cannot know better
        with hostile.answering("/decision", 200, {"state": "approved"}):
            await maria.phone.approve(shown)
        body = hostile.bodies(f"{made['document']}/decision")[-1]
        await inside.call("sam", "documents/decide", document=made["document"], device=maria.phone.device, **body)
        await links.give_up()
    listed = (await inside.call("sam", "associations/list", computer=made["computer"]))["associations"]
    assert [one["credential"] for one in listed] == [maria.credential]
    # An honest gateway would list it, and ends it like any other:
    await inside.call("sam", "associations/end", computer=made["computer"], device=maria.phone.device)
    assert (await inside.call("sam", "associations/list", computer=made["computer"]))["associations"] == []
