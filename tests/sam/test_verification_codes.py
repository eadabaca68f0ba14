"""The verification code ties a phone's screen to a computer's, as long as no other request shows the same one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hsm_service.sam.documents import service
from hsm_service.sam.documents.service import CODE_REST
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
    documents: Any = world.sam.rooms.documents
    choose, chosen = documents._code, list[str]()

    async def alike(of: str) -> str:
        if len(chosen) < 2:
            chosen.append("27")
            return "27"
        return str(await choose(of))

    monkeypatch.setattr(documents, "_code", alike)
    other = {"kind": "integrator", "id": "cli_0123456789abcdefghjkmnpqrs", "name": "x"}
    one, two = await asyncio.gather(world.ask(credential, **ASK), world.ask(credential, caller=other, **ASK))
    assert chosen == ["27", "27"]
    assert code_of(one) != code_of(two)
    assert "27" in (code_of(one), code_of(two))


async def test_a_code_comes_back_when_it_has_rested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its rest a code is free again; another credential's codes were never in the way."""
    mine, other = await world.credential("P-256"), await world.credential("P-256")
    monkeypatch.setattr(service, "_digits", lambda count, random: str(10 ** (count - 1)))  # always the least number
    assert [await ask_and_withdraw(world, mine) for _ in range(5)] == ["10", "100", "1000", "10000", "100000"]
    with pytest.raises(Exception, match="too_many_pending"):
        await world.ask(mine, **ASK)
    assert await ask_and_withdraw(world, other) == "10"
    world.clock.advance(CODE_REST + timedelta(seconds=1))
    assert await ask_and_withdraw(world, mine) == "10"
