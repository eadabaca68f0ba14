"""`kill -9` of SAM, gateway and PostgreSQL at each of the design's steps 7d to 9.

Whatever dies wherever: nothing unapproved is signed, an occurrence gets at most one signature, a consumed approval is
never lost, and the audit chains verify.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, get_args

import asyncpg
import pytest
import pytest_asyncio

from demo.computer import Ask, CallRefused
from demo.world import World
from desktop_agent.errors import NoConnection
from foundation.audit import verify
from foundation.database import Database, open_pool
from hsm_service.sam.settings import FaultPoint
from sandbox_phone.errors import GatewayRefused, GatewayUnreachable

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

POINTS = get_args(FaultPoint)
APPROVING = [point for point in POINTS if point.startswith("7")]
SIGNING = [point for point in POINTS if not point.startswith("7")]
VICTIMS = ["gateway", "database"]

T = TypeVar("T")


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def whole(world: World, fault_folder: Path) -> AsyncIterator[None]:
    """Each case begins and ends with everything up, and no fault planted; at its end the chains verify."""
    await world.stack.ready()
    yield
    for file in fault_folder.iterdir():
        file.unlink()
    await world.stack.ready()
    await chains_verify(world)


@pytest.mark.parametrize("point", APPROVING)
async def test_sam_dies_while_it_takes_an_approval(world: World, fault_folder: Path, point: str) -> None:
    """The holder approves once, or once more when nobody answered; one approval, one signature."""
    ask = await world.computer.ask(world.credential)
    planted = plant(fault_folder, point, "die")
    with suppress(GatewayRefused, GatewayUnreachable):
        await approve(world, ask)
    planted.unlink()
    await world.stack.ready()
    await approve_again(world, ask)
    await signed_once(world, ask)


@pytest.mark.parametrize("point", SIGNING)
async def test_sam_dies_while_it_signs(world: World, fault_folder: Path, point: str) -> None:
    """The approval was consumed and is not lost: the same call again gets the signature, the same every time."""
    ask = await world.computer.ask(world.credential)
    sad = await world.approved(ask)
    planted = plant(fault_folder, point, "die")
    with suppress(CallRefused, NoConnection):
        await world.computer.sign(world.credential, sad, ask.hashes)
    planted.unlink()
    await world.stack.ready()
    await signed_once(world, ask)


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", APPROVING)
async def test_another_dies_while_the_sam_takes_an_approval(
    world: World, fault_folder: Path, point: str, victim: str
) -> None:
    """Gateway or database end while the SAM stands exactly there; then it goes on, as best it can."""
    ask = await world.computer.ask(world.credential)
    held = plant(fault_folder, point, "hold")
    approving = asyncio.create_task(quietly(approve(world, ask), GatewayRefused, GatewayUnreachable))
    await kill_when_reached(world, held, victim)
    await approving
    await approve_again(world, ask)
    await signed_once(world, ask)


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", SIGNING)
async def test_another_dies_while_the_sam_signs(world: World, fault_folder: Path, point: str, victim: str) -> None:
    """Likewise between reservation and release."""
    ask = await world.computer.ask(world.credential)
    sad = await world.approved(ask)
    held = plant(fault_folder, point, "hold")
    signing = asyncio.create_task(
        quietly(world.computer.sign(world.credential, sad, ask.hashes), CallRefused, NoConnection)
    )
    await kill_when_reached(world, held, victim)
    await signing
    await signed_once(world, ask)


async def test_nothing_is_signed_when_the_sam_dies_before_any_approval(world: World, fault_folder: Path) -> None:
    """A request that the holder never approved stays unsigned, whatever died meanwhile, and whoever asks."""
    ask = await world.computer.ask(world.credential)
    world.stack.kill("sam-0")
    await world.stack.ready()
    with pytest.raises(CallRefused) as refused:
        await world.computer.sad(ask, wait=0)
    assert refused.value.reply.status == 202
    forged = ask.handle.replace("hdl_", "sad_")
    with pytest.raises(CallRefused):
        await world.computer.sign(world.credential, forged, ask.hashes)
    await world.phone.refuse(await world.phone.fetch(ask.request))
    with pytest.raises(CallRefused):
        await world.computer.sign(world.credential, forged, ask.hashes)
    assert await stored(world, ask) == []


# --- what every case does --------------------------------------------------------------------------------------------


def plant(folder: Path, point: str, what: str) -> Path:
    """Tell the SAM."""
    file = folder / f"{point}.{what}"
    file.touch()
    return file


async def kill_when_reached(world: World, held: Path, victim: str) -> None:
    """Wait until the SAM stands there; kill the victim; let the SAM go on; wait until everybody is back."""
    reached = held.with_suffix(".reached")
    for _ in range(500):
        if reached.exists():
            break
        await asyncio.sleep(0.02)
    assert reached.exists(), "the SAM never came there"
    before = world.stack.pid(victim)
    world.stack.kill(victim)
    await asyncio.sleep(0.2)
    reached.unlink()
    held.unlink()
    for _ in range(500):
        if world.stack.pid(victim) not in (before, None):
            break
        await asyncio.sleep(0.02)
    await world.stack.ready()


async def approve(world: World, ask: Ask) -> None:
    """The holder's yes."""
    await world.phone.approve(await world.phone.fetch(ask.request), world.holder.password)


async def approve_again(world: World, ask: Ask) -> None:
    """What a phone does when nobody answered: look whether it is still asked, and then answer again."""
    waiting = await until_answered(world.phone.waiting)
    for statement in waiting:
        if statement.id == ask.request:
            await until_answered(lambda: approve(world, ask))


async def until_answered(work: Callable[[], Awaitable[T]]) -> T:
    """Again while the service is not quite back."""
    for _ in range(100):
        try:
            return await work()
        except (GatewayUnreachable, NoConnection):
            pass
        except GatewayRefused as refused:
            if refused.status < 500:
                raise
        except CallRefused as refused:
            if refused.reply.status < 500:
                raise
        await asyncio.sleep(0.2)
    raise AssertionError("it did not come back")


async def signed_once(world: World, ask: Ask) -> None:
    """The approval is there, the signature verifies, asking again gives the same one, and there is one occurrence."""
    sad = await until_answered(lambda: world.computer.sad(ask))
    (first,) = await until_answered(lambda: world.computer.sign(world.credential, sad, ask.hashes))
    world.verify(ask.hashes[0], first)
    (again,) = await world.computer.sign(world.credential, sad, ask.hashes)
    assert again == first
    assert await stored(world, ask) == [first]


async def stored(world: World, ask: Ask) -> list[bytes]:
    """What was signed for one request, as the SAM keeps it."""
    connection = await asyncpg.connect(world.stack.settings.dsn("sam"))
    try:
        return [one for row in await connection.fetch(_STORED, ask.request) for one in row["signatures"]]
    finally:
        await connection.close()


_STORED = """
SELECT g.signatures FROM sam.signatures g JOIN sam.activations a ON a.id = g.activation WHERE a.document = $1
"""


async def chains_verify(world: World) -> None:
    """Every audit chain, line by line, up to the head kept outside the database."""
    settings = world.stack.settings
    for chain, role in (("sam-0", "sam"), ("ac", "ac"), ("gateway-0", "gateway")):
        database = Database(await open_pool(settings.dsn(role)))  # type: ignore[arg-type]
        try:
            report = await verify(database, chain)
            assert report.bad is None, report
            assert report.lines > 0 or chain == "gateway-0"
        finally:
            await database.close()


async def quietly(work: Awaitable[object], *errors: type[Exception]) -> None:
    """Whether it succeeds or not: somebody dies in the middle of it."""
    with suppress(*errors):
        await work
