"""Who calls: many at one moment, each told what it would be told alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from foundation.ids import new_token
from hsm_service.oauth.domain.grant import TOKEN_LIFE
from hsm_service.oauth.errors import TokenInvalid
from hsm_service.oauth.service.callers import CallerService
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.store import Bearer, Shown
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


async def test_callers_at_one_moment_share_a_look_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right tokens are their own clients', whoever is beside them; another's secret under a known name, a token that
    was given back and one that never was are nobody's; all of them in one statement. Nothing is kept for later."""
    none: Any = None
    callers = CallerService(
        world.database, world.clock, dpop=none, computers=none, pace=CallPace(world.database, world.clock)
    )
    looked: list[int] = []
    look = callers._store.bearers

    async def counted(shown: Sequence[Shown], now: datetime) -> dict[Shown, Bearer]:
        looked.append(len(shown))
        return await look(shown, now)

    monkeypatch.setattr(callers._store, "bearers", counted)

    async def who(token: str) -> str:
        try:
            return (await callers.identify([f"Bearer {token}"], [], method="POST", url="https://x.example/")).name
        except TokenInvalid:
            return "nobody"

    mine, theirs, gone = [await world.integrator(name=name) for name in ("Um", "Dois", "Tres")]
    await world.owner.execute("UPDATE oauth.tokens SET revoked_at = now() WHERE id = $1", gone.token.rpartition("_")[0])
    mixed = mine.token.rpartition("_")[0] + "_" + theirs.token.rpartition("_")[2]
    asked = [mine.token, mixed, theirs.token, gone.token, new_token("at").text, mine.token, mixed]
    assert await asyncio.gather(*map(who, asked)) == ["Um", "nobody", "Dois", "nobody", "nobody", "Um", "nobody"]
    assert looked == [5], "each token once"

    await world.owner.execute("UPDATE oauth.tokens SET revoked_at = now() WHERE id = $1", mine.token.rpartition("_")[0])
    assert [await who(mine.token), await who(theirs.token)] == ["nobody", "Dois"]
    world.clock.advance(TOKEN_LIFE)
    assert await who(theirs.token) == "nobody"
