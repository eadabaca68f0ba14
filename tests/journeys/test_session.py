"""A session on a running Link ID: one approval on the phone, many signatures, an end; and a SAM that dies between."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from demo.computer import CallRefused, Session
from demo.world import World
from desktop_agent.errors import NoConnection
from sandbox_phone.errors import GatewayRefused, Untrusted

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


async def opened(world: World, **terms: Any) -> Session:
    """Asked for by the computer, approved by the holder."""
    ask = await world.computer.ask_session(world.credential, **terms)
    statement = await world.phone.fetch(ask.request)
    assert statement.content["session_key"] == [world.computer.key.thumbprint()]
    await world.phone.approve(statement, world.holder.password)
    return await world.computer.session(ask)


async def use(world: World, session: Session, counter: int, *texts: str) -> list[bytes]:
    """One use; what comes out verifies."""
    made = await world.computer.use(world.credential, session, counter, [digest(text) for text in texts])
    for text, signature in zip(texts, made, strict=True):
        world.verify(digest(text), signature)
    return made


async def why(call: Any) -> str:
    """The sentence that a call is refused with."""
    with pytest.raises(CallRefused) as refused:
        await call
    return str(refused.value.reply.content["error_description"])


async def test_one_approval_many_signatures(world: World) -> None:
    """The phone rings once; uses in parallel are signed, and not one more than was allowed."""
    session = await opened(world, maximum=8)
    assert 3500 < session.expires_in <= 3600
    made = await asyncio.gather(*(use(world, session, number, f"{number}") for number in range(1, 7)))
    assert await use(world, session, 3, "3") == made[2]
    await use(world, session, 7, "a", "b")
    assert await why(use(world, session, 8, "c")) == "Numbers of signatures is too high"
    assert await why(use(world, session, 3, "other")) == "Invalid parameter clientData"


async def test_the_holder_sees_and_ends_it(world: World) -> None:
    """The phone lists who, what for, until when and how far; ended, the very next signature is refused."""
    session = await opened(world, purpose="Prontuários do plantão")
    await use(world, session, 1, "a")
    (told,) = [one for one in await world.phone.sessions() if one["activation"] == session.activation]
    assert (told["used"], told["maximum"], told["purpose"]) == (1, 10, "Prontuários do plantão")
    await world.phone.end_session(session.activation)
    assert await why(use(world, session, 2, "b")) == "SAD expired"
    assert session.activation not in [one["activation"] for one in await world.phone.sessions()]
    with pytest.raises(GatewayRefused, match="session_not_found"):
        await world.phone.end_session("act_" + "0" * 26)


async def test_the_other_yes_is_refused_by_the_phone(world: World) -> None:
    """A phone gives no session with a key the yes of those without."""
    ask = await world.computer.ask_session(world.credential)
    statement = await world.phone.fetch(ask.request)
    with pytest.raises(Untrusted):
        await world.phone.approve(statement, world.holder.password, without_key=True)
    await world.phone.refuse(statement)


@pytest.mark.parametrize("point", ["8-reserved", "8-signed-before-commit", "8-signed-after-commit"])
async def test_sam_dies_in_a_use(world: World, fault_folder: Path, point: str) -> None:
    """Killed between counting and releasing: the same use completes, counted once, and what remains is as before."""
    await world.stack.ready()
    session = await opened(world, maximum=3)
    await use(world, session, 1, "first")
    planted = fault_folder / f"{point}.die"
    planted.touch()
    with suppress(CallRefused, NoConnection):
        await use(world, session, 2, "cut")
    planted.unlink()
    await world.stack.ready()
    first = await use(world, session, 2, "cut")
    assert await use(world, session, 2, "cut") == first
    await use(world, session, 3, "third")
    assert await why(use(world, session, 4, "fourth")) == "Numbers of signatures is too high"
