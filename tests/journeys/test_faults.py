"""What breaks around a whole running Link ID, and how it heals: the token's files are taken away, and what integrators
hear over HTTP; of two gateways on one database either is killed, and every listener, while somebody waits.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.flows import HttpCaller
from bench.million import superuser
from bench.people import Crowd, Lane, integrator
from bench.second_gateway import Gateway, first_gateway, second_gateway
from bench.wire import WireError
from demo.computer import CallRefused
from demo.stack import Stack
from demo.world import World
from sandbox_phone.domain import keys

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

WAIT = "Prefer: wait=25\r\n"
PATIENCE = 20.0
"""Seconds; a call that is held ends by itself after 25, and nothing here may need that."""
KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ANY ($1)"


@pytest_asyncio.fixture(loop_scope="module")
async def token(world: World) -> AsyncIterator[Path]:
    """The slot's folder of the SAM; back in its place afterwards."""
    slot = world.stack.settings.places.tokens / "sam" / "slot"
    yield slot
    if away(slot).exists():
        away(slot).rename(slot)
    await world.stack.ready()


_CALLERS: list[HttpCaller] = []


def away(slot: Path) -> Path:
    return slot.with_name("away")


async def looked_at(stack: Stack, path: str) -> tuple[int, str]:
    """Status and text of the gateway's private listener."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{health_port(stack)}{path}") as got:
        return got.status, await got.text()


def health_port(stack: Stack) -> int:
    return stack.settings.health.port


async def until(done: Callable[[], Any], seconds: float = 30.0) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await done()):
            await asyncio.sleep(0.1)
        return found


async def test_an_outage_of_the_hsm_over_http(world: World, token: Path) -> None:
    """Every call answers at once: 503 with Retry-After, in CSC's words. Health and metrics say why. When the token is
    back the same SAM process goes on, and the approval that waited is signed: nothing was lost."""
    stack, computer = world.stack, world.computer
    ask = await computer.ask(world.credential)
    sad = await world.approved(ask)
    pid = stack.pid("sam-0")
    token.rename(away(token))
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(CallRefused) as refused:
            await computer.sign(world.credential, sad, ask.hashes)
        seconds.append(time.monotonic() - began)
        reply = refused.value.reply
        assert reply.status == 503
        assert reply.retry_after is not None
        assert 1 <= reply.retry_after <= 5
        assert reply.content["error"] == "temporarily_unavailable"  # the standard has no word of its own
    assert max(seconds) < 3.0

    async def told() -> bool:
        status, text = await looked_at(stack, "/health/ready")
        return status == 503 and '"sam": "hsm_unavailable"' in text

    await until(told)
    _, metrics = await looked_at(stack, "/metrics")
    assert 'linkid_sam_not_ready{sam="unix:' in metrics
    assert 'why="hsm_unavailable"} 1.0' in metrics
    assert number(metrics, "linkid_sam_ready") == 0.0
    assert number(metrics, "linkid_sam_hsm", "suspect") >= 1.0
    assert number(metrics, "linkid_sam_hsm", "renewals_failed") >= 1.0

    away(token).rename(token)
    await stack.ready()
    (signature,) = await computer.sign(world.credential, sad, ask.hashes)
    world.verify(ask.hashes[0], signature)
    assert stack.pid("sam-0") == pid
    _, metrics = await looked_at(stack, "/metrics")
    assert number(metrics, "linkid_sam_ready") == 1.0
    assert number(metrics, "linkid_sam_hsm", "renewals") >= 1.0
    assert "linkid_sam_not_ready{" not in metrics


def number(metrics: str, name: str, what: str = "") -> float:
    """The first sample of that name, with that label if one is named."""
    return next(
        float(line.rsplit(" ", 1)[1])
        for line in metrics.splitlines()
        if line.startswith(name + "{") and (not what or f'what="{what}"' in line)
    )


# --- two gateways -----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lane(world: World) -> Lane:
    """An integrator that signs what it asks, and the holder's phone."""
    client = await integrator(world.stack, "Contratos SA", world.credential)
    kept = world.phone._storage.load()
    public = world.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Lane(
        credential=world.credential,
        algorithm="RSA-2048",
        public_key=public.decode(),
        device=str(world.phone.device),
        device_key=str(kept["key"]),
        device_token=str(kept["token"]),
        integrator=client.id,
        integrator_key=keys.to_pem(client.key),
        password=world.holder.password,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second(world: World) -> AsyncIterator[Gateway]:
    """Beside the one of `linkid serve`."""
    async with second_gateway(world.stack) as gateway:
        yield gateway


@pytest_asyncio.fixture(loop_scope="module")
async def first(world: World) -> AsyncIterator[Gateway]:
    """That of `linkid serve`, up at the beginning and at the end; who called whichever gateway hangs up."""
    await world.stack.ready()
    yield first_gateway(world.stack)
    while _CALLERS:
        for line in _CALLERS.pop().lines:
            line.close()
    await world.stack.ready()


async def at(gateway: Gateway, world: World, lane: Lane) -> HttpCaller:
    """The application and the phone, both at this gateway."""
    caller = HttpCaller(Crowd(world.stack.gateway, [], [lane]), lane, 0)
    caller.port = gateway.port
    await caller.prepare()
    _CALLERS.append(caller)
    return caller


async def held(gateway: Gateway, caller: HttpCaller, handle: str) -> asyncio.Task[str]:
    """A call of authorizeCheck that the gateway holds back."""
    polling = asyncio.create_task(caller.check(handle, WAIT))

    async def answering() -> bool:
        return (await gateway.numbers())["linkid_http_requests_open"] >= 1

    await until(answering)
    return polling


async def test_approved_at_one_and_waited_for_at_the_other(
    world: World, lane: Lane, first: Gateway, second: Gateway
) -> None:
    """Either way round; signed wherever."""
    for here, there in ((first, second), (second, first)):
        caller, phone = await at(here, world, lane), await at(there, world, lane)
        digests = [secrets.token_bytes(32)]
        handle, document = await caller.authorize(digests)
        polling = await held(here, caller, handle)
        await phone.approve(document)
        async with asyncio.timeout(PATIENCE):
            assert await phone.sign(await polling, digests) == 1


async def test_every_listener_is_killed_while_somebody_waits(
    world: World, lane: Lane, first: Gateway, second: Gateway
) -> None:
    """The call is answered all the same."""
    caller, phone = await at(first, world, lane), await at(second, world, lane)
    digests = [secrets.token_bytes(32)]
    handle, document = await caller.authorize(digests)
    polling = await held(first, caller, handle)
    root: asyncpg.Connection = await superuser(world.stack)
    try:
        assert await root.fetchval(KILL, ["linkid-wakeups", "linkid-live"]) >= 2
    finally:
        await root.close()
    await phone.approve(document)
    async with asyncio.timeout(PATIENCE):
        assert await caller.sign(await polling, digests) == 1


async def test_the_gateway_that_holds_the_call_is_killed(
    world: World, lane: Lane, first: Gateway, second: Gateway
) -> None:
    """The caller's next call, at the other one, waits for the same answer."""
    caller, other = await at(first, world, lane), await at(second, world, lane)
    digests = [secrets.token_bytes(32)]
    handle, document = await caller.authorize(digests)
    polling = await held(first, caller, handle)
    os.kill(first.pid, signal.SIGKILL)
    with pytest.raises(WireError):
        await polling
    again = await at(second, world, lane)
    polling = await held(second, again, handle)
    await other.approve(document)
    async with asyncio.timeout(PATIENCE):
        assert await again.sign(await polling, digests) == 1


async def test_the_gateway_that_carries_the_decision_is_killed(
    world: World, lane: Lane, first: Gateway, fault_folder: Path
) -> None:
    """The SAM has it, nobody is left who would tell: the other gateway's call finds it by itself."""
    async with second_gateway(world.stack, number=2) as doomed:
        caller, phone = await at(first, world, lane), await at(doomed, world, lane)
        digests = [secrets.token_bytes(32)]
        handle, document = await caller.authorize(digests)
        polling = await held(first, caller, handle)
        stands = fault_folder / "7f-before-commit.hold"
        reached = stands.with_suffix(".reached")
        stands.touch()
        deciding = asyncio.create_task(phone.approve(document))

        async def there() -> bool:
            return reached.exists()

        await until(there)
        os.kill(doomed.pid, signal.SIGKILL)
        with pytest.raises(WireError):
            await deciding
        reached.unlink()
        stands.unlink()
        async with asyncio.timeout(PATIENCE):
            assert await caller.sign(await polling, digests) == 1
