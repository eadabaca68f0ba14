"""How often a client may call: one bucket for all gateways, of who proved to be it, said in each dialect's words."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from foundation.ids import new_id
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.domain.pace import bite_of
from hsm_service.oauth.errors import BadClientData, TooManyCalls
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.store import forget
from hsm_service.psc.domain.vendors import VENDORS
from tests.psc.people import application
from tests.support.oauth_requests import CALLBACK
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


@pytest.mark.parametrize(
    ("per_minute", "calls", "wait"),
    [(1, 1, 60), (7, 1, 9), (20, 1, 3), (100, 5, 3), (6000, 300, 3), (10_000_000, 500_000, 3)],
)
async def test_a_bite_is_a_twentieth(per_minute: int, calls: int, wait: int) -> None:
    """And never less than one call; it flows in again in the time that an empty bucket says."""
    bite = bite_of(per_minute)
    assert (bite.calls, bite.wait) == (calls, wait)


async def passed(pace: CallPace, client: str, tries: int, own: int | None = None) -> int:
    """How many of so many calls at once got through."""

    async def call() -> bool:
        with contextlib.suppress(TooManyCalls):
            await pace.demand(client, own)
            return True
        return False

    return sum(await asyncio.gather(*(call() for _ in range(tries))))


async def test_gateways_share_one_bucket(world: World) -> None:
    """Rivals at three gateways get together what one would get alone, at once and as it flows in; a full bucket holds a
    minute's worth, and a clock that is behind takes nothing back."""
    gateways = [CallPace(world.database, world.clock, 100) for _ in range(3)]
    client = new_id("cli")

    async def all_of_them() -> int:
        return sum(await asyncio.gather(*(passed(one, client, 60) for one in gateways)))

    assert await all_of_them() == 100
    assert await all_of_them() == 0
    world.clock.advance(timedelta(seconds=3))
    assert await all_of_them() == 5
    world.clock.advance(timedelta(minutes=10))
    assert await all_of_them() == 100
    assert await passed(gateways[0], new_id("cli"), 10) == 10, "another one's bucket is another one"
    world.clock.advance(-timedelta(seconds=30))
    late = CallPace(world.database, world.clock, 100)
    assert await passed(late, client, 10) == 0
    world.clock.advance(timedelta(seconds=33))
    assert await passed(late, client, 10) == 5


async def test_what_counting_costs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement for each twentieth of a minute's worth; of who calls too often, one in the time that this takes."""
    pace = CallPace(world.database, world.clock, 200)
    asked = 0
    take = pace._store.take

    async def counted(*words: Any) -> bool:
        nonlocal asked
        asked += 1
        return await take(*words)

    monkeypatch.setattr(pace._store, "take", counted)
    client = new_id("cli")
    assert await passed(pace, client, 200) == 200
    assert asked == 20
    assert await passed(pace, client, 500) == 0
    assert asked == 21
    with pytest.raises(TooManyCalls) as refused:
        await pace.demand(client, None)
    assert refused.value.retry_after == 3
    world.clock.advance(timedelta(seconds=2))
    assert (await passed(pace, client, 500), asked) == (0, 21)
    world.clock.advance(timedelta(seconds=1))
    assert (await passed(pace, client, 500), asked) == (10, 23)
    world.clock.advance(timedelta(seconds=61))
    assert await passed(pace, client, 5) == 5
    world.clock.advance(timedelta(seconds=61))
    before = asked
    assert (await passed(pace, client, 5), asked - before) == (5, 1), "what was not used in a minute is given up"
    assert (await passed(pace, client, 10, own=0), await passed(CallPace(world.database, world.clock), client, 10)) == (
        10,
        10,
    )


async def test_each_dialect_says_so(world: World) -> None:
    """429 with Retry-After, in the words of whoever asks; counted together, whatever is called."""
    app = await application(world)
    basic = {"Authorization": "Basic " + base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()}
    form = {"grant_type": "client_credentials"}
    async with world.client.post("/oauth2/token", data=form, headers=basic) as response:
        bearer = {"Authorization": f"Bearer {(await response.json())['access_token']}"}
    own = {"Authorization": f"Bearer {(await app.own_token())['access_token']}"}
    await world.clients.limit_calls(app.client_id, 2)
    for path in ("/csc/v2/credentials/list", "/csc/v1/credentials/list"):
        async with world.client.post(path, json={}, headers=bearer) as response:
            assert response.status == 200
    secret = {"client_id": app.client_id, "client_secret": app.client_secret}
    psc = [vendor.prefix + "/v0/oauth" for vendor in VENDORS.values()]
    calls: list[tuple[str, dict[str, Any]]] = [
        *(
            (f"/csc/{version}/credentials/{call}", {"json": {}, "headers": bearer})
            for version in ("v1", "v2")
            for call in ("list", "info")
        ),
        *((path, {"data": form, "headers": basic}) for path in ("/oauth2/token", "/csc/v1/oauth2/token")),
        ("/oauth2/introspect", {"data": {"token": "x"}, "headers": basic}),
        ("/oauth2/pushed_authorize", {"data": {}, "headers": basic}),
        *((f"{root}/client_token", {"data": {**form, **secret}}) for root in psc),
        *((f"{root}/signature", {"json": {}, "headers": own}) for root in psc),
    ]
    for path, sent in calls:
        async with world.client.post(path, **sent) as response:
            body = await response.json()
            assert (response.status, response.headers["Retry-After"]) == (429, "30"), (path, body)
            assert body["error"] == "temporarily_unavailable", path
            if path.startswith("/csc/v") and "oauth2" not in path:
                assert body["linkid"] == {"why": "calls"}
    await world.clients.limit_calls(app.client_id, None)
    async with world.client.post("/csc/v2/credentials/list", json={}, headers=bearer) as response:
        assert response.status == 200


async def test_nobody_spends_anothers_calls(world: World) -> None:
    """Wrong secrets, tokens that are none, and a public client's bare name count for nobody; a computer has its own."""
    world.pace.per_minute = 3
    registered = await world.register()
    public = await world.register(method=ClientMethod.NONE, grants=[GrantType.CODE], redirects=[CALLBACK])
    for _ in range(5):
        form = {"grant_type": "client_credentials", "client_id": registered.client.id, "client_secret": "cls_x"}
        async with world.client.post("/oauth2/token", data=form) as response:
            assert response.status == 401
        headers = {"Authorization": f"Bearer {new_id('at')}_{'0' * 52}"}
        async with world.client.post("/csc/v2/credentials/list", json={}, headers=headers) as response:
            assert response.status == 401
        code = {"grant_type": "authorization_code", "client_id": public.client.id, "code": "x"}
        async with world.client.post("/oauth2/token", data=code) as response:
            assert response.status == 400
    assert await world.owner.fetchval("SELECT count(*) FROM oauth.calls") == 0
    form["client_secret"] = str(registered.secret)
    async with world.client.post("/oauth2/token", data=form) as response:
        assert response.status == 200
    computer = await world.computer()
    statuses = [(await computer.call("POST", "/csc/v2/credentials/list", {}))[0] for _ in range(4)]
    assert statuses == [200, 200, 429, 429]


async def test_what_an_operator_may_say(world: World) -> None:
    """One to ten million, of a client that there is; buckets that are full again are forgotten."""
    registered = await world.register()
    for wrong in (0, -1, 10_000_001):
        with pytest.raises(BadClientData):
            await world.clients.limit_calls(registered.client.id, wrong)
    with pytest.raises(BadClientData):
        await world.clients.limit_calls(new_id("cli"), 5)
    await world.pace.demand(registered.client.id, 5)
    await forget(world.database, world.clock.now() + timedelta(minutes=1))
    assert await world.owner.fetchval("SELECT count(*) FROM oauth.calls") == 1
    await forget(world.database, world.clock.now() + timedelta(minutes=3))
    assert await world.owner.fetchval("SELECT count(*) FROM oauth.calls") == 0
