"""What an application opened ends with it: on the phone's list, at the SAM, and in the gateway's rows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import pytest

from hsm_service.psc.service.endings import SessionEndings
from hsm_service.signing.errors import SamNotAvailable
from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.norm import Application, Begun, Refused
from tests.psc.people import MARIA, application, granted, identified, ring, session
from tests.support.signing_sam import Held
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP
WAIT = "/v0/oauth/authorize/wait"


async def sweep(world: World) -> int:
    """The gateway's chore."""
    return await SessionEndings(world.database, world.clock, world.signing).sweep(world.clock.now())


def ended(held: Held) -> bool:
    """Its caller gave it back."""
    return held.ended


async def asked(world: World, app: Application, credential: str) -> tuple[Begun, dict[str, str]]:
    """The phone is asked for a session; what its page waits with."""
    begun = app.begin("signature_session", lifetime="7200")
    async with await identified(world, begun.address, credential) as response:
        return begun, {"page": (await response.text()).split('data-token="')[1].split('"')[0]}


async def led_to(world: World, page: dict[str, str]) -> str:
    """Where the page that waits leads."""
    async with world.client.post(WAIT, json=page) as response:
        told: dict[str, Any] = await response.json()
        return str(told["redirect"])


async def test_giving_the_token_back_ends_its_session(world: World) -> None:
    """At the SAM, at once; again and by ten at once it is the same. Another application's word ends nothing."""
    credential = await world.credential(number=MARIA)
    app, other = await application(world), await application(world)
    other.token = await session(world, app, credential)
    held = world.sam.held[ring(world)]
    await other.revoke()
    assert not ended(held)
    assert len(await app.sign([("a", b"a")])) == 1
    await asyncio.gather(*(app.revoke() for _ in range(10)))
    assert ended(held)
    with pytest.raises(Refused) as refused:
        await app.sign([("a", b"a")])
    assert refused.value.status == 401
    assert await sweep(world) == 0
    rows = await world.owner.fetchval("SELECT count(*) FROM psc.authorizations WHERE ended_at IS NOT NULL")
    assert rows == 1


async def test_a_sam_that_is_away_ends_it_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is worth nothing at once, and the gateway's chore goes on asking until the session is over."""
    app = await application(world)
    await session(world, app, await world.credential(number=MARIA))
    held = world.sam.held[ring(world)]

    async def away(*_: object) -> None:
        raise SamNotAvailable()

    with monkeypatch.context() as patched:
        patched.setattr(world.signing._sam, "give_back", away)
        await app.revoke()
        assert await sweep(world) == 1
    assert not ended(held)
    with pytest.raises(Refused):
        await app.sign([("a", b"a")])
    assert await sweep(world) == 1
    assert ended(held)
    assert await sweep(world) == 0


async def test_a_code_that_comes_twice_ends_it(world: World) -> None:
    """Whoever stole the code had the session as well: it ends with the token."""
    app = await application(world)
    begun, page = await asked(world, app, await world.credential(number=MARIA))
    world.sam.approve(ring(world))
    back = await led_to(world, page)
    await app.finish(begun, back)
    held = world.sam.held[ring(world)]
    assert not ended(held)
    with pytest.raises(Refused):
        await app.redeem(dict(parse_qsl(urlsplit(back).query))["code"], begun.verifier)
    assert ended(held)


async def test_a_token_ends_with_its_session(world: World) -> None:
    """Ended on the phone: the next signature is refused, and then the token tells nothing of the holder any more."""
    app = await application(world)
    await session(world, app, await world.credential(number=MARIA))
    world.sam.held[ring(world)].until = 0
    assert len(await app.certificates()) == 1
    for call in (app.sign([("a", b"a")]), app.certificates(), app.sign([("a", b"a")])):
        with pytest.raises(Refused) as refused:
            await call
        assert (refused.value.status, refused.value.body["error"]) == (401, "invalid_token")


@pytest.mark.parametrize("heard", [True, False], ids=["code-not-fetched", "page-closed"])
async def test_a_session_that_nobody_comes_for(world: World, heard: bool) -> None:
    """The application lost the code, or the browser was closed before the phone's yes: it ends a minute after nobody
    can come any more, not before; one that is used goes on."""
    credential = await world.credential(number=MARIA)
    app, used = await application(world), await application(world)
    await session(world, used, credential)
    used_one = world.sam.held[ring(world)]
    _, page = await asked(world, app, credential)
    world.sam.approve(ring(world))
    held = world.sam.held[ring(world)]
    if heard:
        await led_to(world, page)
    assert await sweep(world) == 0
    world.clock.advance(timedelta(minutes=7, seconds=1))
    assert await sweep(world) == 1
    assert ended(held)
    assert not ended(used_one)
    assert await sweep(world) == 0


async def test_a_question_that_nobody_needs_answered(world: World) -> None:
    """A token given back while its request waits on the phone: the phone stops showing it; so does a session's question
    whose page was closed."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "single_signature", credential)
    with pytest.raises(Refused):
        await app.sign([("a", b"a")])
    await app.revoke()
    assert world.sam.held[ring(world)].state == "withdrawn"
    bird: BirdIdApplication = await application(world, BirdIdApplication, "/psc/birdid")
    bird.token = {"access_token": await bird.ask(MARIA, "Contrato", [b"a"])}
    await world.background.done()
    await bird.revoke()
    assert world.sam.held[ring(world)].state == "withdrawn"
    await asked(world, app, credential)
    world.clock.advance(timedelta(minutes=7, seconds=1))
    assert await sweep(world) == 1
    assert world.sam.held[ring(world)].state in ("withdrawn", "expired")


async def test_what_the_database_promises(world: World) -> None:
    """A token is of its authorization's application and scope, and lives no longer than the norm allows, whoever writes
    the row; a session's authorization names what the phone was asked."""
    app, other = await application(world), await application(world)
    await granted(world, app, "multi_signature", await world.credential(number=MARIA))
    for change in (
        f"client = '{other.client_id}'",
        "scope = 'single_signature'",
        "expires_at = issued_at + interval '721 hours'",
        "used_at = now()",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await world.owner.execute(f"UPDATE psc.tokens SET {change}")
    for change in ("redirect = 'push://'", "step = 'waiting'", "calls = '{lnk}'", "ended_at = now()", "until = now()"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await world.owner.execute(f"UPDATE psc.authorizations SET {change}")
