"""The verification code ties a phone's screen to a computer's, as long as no other request shows the same one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hsm_service.sam.documents import requests
from hsm_service.sam.documents.requests import CODE_REST
from tests.sam.world import Request, World, digest

ASK: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


def code_of(request: Request) -> str:
    return request.statement.document.text("verification_code")


async def ask_and_withdraw(world: World, credential: str, **changes: Any) -> str:
    request = await world.ask(credential, **ASK, **changes)
    await world.call("documents/withdraw", document=request.id)
    return code_of(request)


async def test_a_shown_code_cannot_be_had_again(world: World) -> None:
    """A gateway withdraws the computer's request and asks for its own hash until that has the same code: it never has.

    With a hundred tries every code of two digits would have come by.
    """
    credential = await world.credential("P-256")
    shown = await world.ask(credential, [digest("contrato")], **ASK)
    await world.call("documents/withdraw", document=shown.id)
    seen = [code_of(shown), *[await ask_and_withdraw(world, credential) for _ in range(100)]]
    assert len(set(seen)) == len(seen)
    assert all(code.isdigit() and 2 <= len(code) <= 6 for code in seen)


async def test_requests_at_the_same_moment_have_codes_of_their_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two callers whose requests are fixed at once, though both chose the same code first."""
    credential = await world.credential("P-256")
    integrators = [await world.register() for _ in range(2)]
    draws: list[int] = []
    room: Any = world.sam.rooms.requests
    both, real, first = asyncio.Barrier(2), room._commits, iter((True, True))

    class Together:
        """Neither writes before both have chosen."""

        @staticmethod
        async def run(work: Any) -> Any:
            if next(first, False):
                await both.wait()
            return await real.run(work)

    def alike(count: int, _random: Any) -> str:
        draws.append(count)
        return "27" if count == 2 else str(10 ** (count - 1) + len(draws))

    monkeypatch.setattr(room, "_commits", Together)
    monkeypatch.setattr(requests, "_digits", alike)
    one, two = await asyncio.gather(*(world.ask(credential, **ASK, caller=caller) for caller in integrators))
    assert draws.count(6) == 3 * 2  # two chose, and the second again
    assert code_of(one) != code_of(two)
    assert "27" in (code_of(one), code_of(two))


async def test_a_code_comes_back_when_it_has_rested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its rest a code is free again; another credential's codes were never in the way."""
    mine, other = await world.credential("P-256"), await world.credential("P-256")
    monkeypatch.setattr(requests, "_digits", lambda count, random: str(10 ** (count - 1)))  # always the least number
    assert [await ask_and_withdraw(world, mine) for _ in range(5)] == ["10", "100", "1000", "10000", "100000"]
    with pytest.raises(Exception, match="too_many_pending"):
        await world.ask(mine, **ASK)
    assert await ask_and_withdraw(world, other) == "10"
    world.clock.advance(CODE_REST + timedelta(seconds=1))
    assert await ask_and_withdraw(world, mine) == "10"
