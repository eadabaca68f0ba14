"""authorize-ca's outcome, posted to the registered address: as published, once, and to nobody inside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from foundation.encoding import strict_json
from foundation.errors import Unavailable
from hsm_service.psc.service.outcomes import SILENCE, Outcomes
from linkid.joins import PostsOfPsc
from protocol.documents import LIFE
from push.adapters.webhooks import WebhookCarrier
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.domain.webhooks import WebhookSigner
from push.service.outbox import OutboxService, OutboxWorker
from tests.psc.people import CALLBACK, MARIA, application, ring
from tests.psc.test_password_grant import call
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP
STRANGER = "11144477735"


@dataclass
class Receiver:
    """An application's server: what it got, and what it answers next (204 when nothing is said)."""

    url: str = ""
    got: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    script: list[web.StreamResponse] = field(default_factory=list)
    silent: bool = False

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((request.path, headers, strict_json(await request.read(), max_bytes=10_000)))
        if self.silent:
            await asyncio.Event().wait()
        return self.script.pop(0) if self.script else web.Response(status=204)

    @property
    def bodies(self) -> list[Any]:
        return [body for _, _, body in self.got]


@dataclass
class Asking:
    """An application with a receiver, and the world's outbox carried by the real carrier."""

    world: World
    app: Any
    receiver: Receiver
    worker: OutboxWorker

    async def ask(self, prefix: str = "", **changes: Any) -> tuple[int, Any]:
        wish = {"client_id": self.app.client_id, "client_secret": self.app.client_secret, "login_hint": MARIA,
                "redirect_uri": self.receiver.url, "state": "abc", **changes}  # fmt: skip
        wish = {name: value for name, value in wish.items() if value is not None}
        async with self.world.client.post(f"{prefix}/v0/oauth/authorize-ca", json=wish) as response:
            answer = response.status, await response.json()
        await self.world.background.done()
        return answer

    async def decide(self, yes: bool) -> str:
        """The phone's answer, as the gateway hears of it."""
        document = ring(self.world)
        (self.world.sam.approve if yes else self.world.sam.refuse)(document)
        await self.world.decided(document)
        return document

    async def carried(self) -> None:
        """What is due has left."""
        await self.world.outcomes.look(self.world.signing)
        await self.worker.work()

    async def rows(self) -> int:
        return int(await self.world.owner.fetchval("SELECT count(*) FROM psc.outcomes"))

    async def everything(self) -> str:
        """What a thief of the database reads; bytes are in hex there."""
        return repr(
            [
                row["said"]
                for table in ("psc.outcomes", "push.outbox", "psc.tokens")
                for row in await self.world.owner.fetch(f"SELECT row_to_json(t)::text AS said FROM {table} t")
            ]
        )

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.world.owner.fetch("SELECT state FROM push.outbox ORDER BY id")]


@pytest_asyncio.fixture(loop_scope="module")
async def asking(world: World) -> AsyncIterator[Asking]:
    receiver, app = Receiver(), web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    world.allow_factors()
    await world.credential(number=MARIA)
    carrier = WebhookCarrier(WebhookSigner(bytes(32)), world.clock, development=True, deadline=5.0)
    async with TestServer(app, host="127.0.0.1") as server:
        receiver.url = f"http://127.0.0.1:{server.port}/callback"
        client = await application(world, redirects=[receiver.url, CALLBACK])
        worker = OutboxWorker(world.database, world.clock, Seal(bytes(32)), {Kind.WEBHOOK: carrier}, random=bytes)
        yield Asking(world, client, receiver, worker)
        await carrier.close()


async def test_a_yes_is_posted_as_published_and_once(asking: Asking) -> None:
    """identifierCA, state, expirationDate, serialNumber and nothing else; signed as events are; sealed until it leaves;
    to whoever polls the same is told, and nothing is posted again."""
    world, receiver = asking.world, asking.receiver
    status, begun = await asking.ask(lifetime=86_400)
    assert status == 202
    await asking.carried()
    assert receiver.got == []
    before = await asking.everything()
    document = await asking.decide(yes=True)
    gateways = [Outcomes(world.database, world.clock, world.outcomes._posts, bytes(32)) for _ in range(4)]
    await asyncio.gather(*(one.look(world.signing) for one in gateways))
    after = await asking.everything()
    await asking.carried()
    ((path, headers, body),) = receiver.got
    until = (world.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    _, told = await call(world, "GET", "/authorize-ca", token=begun["identifierCA"])
    assert (path, headers["content-type"]) == ("/callback", "application/json")
    assert headers["webhook-id"].startswith("evt_")
    assert headers["webhook-signature"].startswith("v1a,")
    assert body == {
        "identifierCA": begun["identifierCA"], "state": "abc", "expirationDate": until,
        "serialNumber": told["serialNumber"],
    }  # fmt: skip
    assert (told["consent"], told["expirationDate"]) == (document, until)
    assert ("sealed" in before, "sealed" in after) == (True, True)
    for secret in (begun["identifierCA"].rpartition("_")[2], "127.0.0.1"):
        for written in (secret, secret.encode().hex()):
            assert written not in before
            assert written not in after
    await world.decided(document)
    await asking.carried()
    assert (len(receiver.got), await asking.rows(), await asking.states()) == (1, 0, ["sent"])


async def test_a_no_and_silence_are_posted_in_the_vendors_words(asking: Asking) -> None:
    """user_denied at once; a holder who does not answer and one whom nobody knows alike, at the same moment."""
    world, receiver = asking.world, asking.receiver
    await asking.ask(prefix="/psc/safeid")
    await asking.decide(yes=False)
    await asking.carried()
    assert receiver.bodies == [{"error": "user_denied", "state": "abc"}]
    receiver.got.clear()
    world.clock.advance(timedelta(minutes=11))
    assert max(LIFE.values()) < SILENCE
    for hint in (MARIA, STRANGER):
        assert (await asking.ask(login_hint=hint, state=hint))[0] == 202
    assert len(world.doorbell.rings) == 2
    world.clock.advance(SILENCE - timedelta(seconds=1))
    await world.signing.follow_up()
    await asking.carried()
    assert receiver.got == []
    world.clock.advance(timedelta(seconds=1))
    await asking.carried()
    assert sorted(body["state"] for body in receiver.bodies) == sorted((MARIA, STRANGER))
    assert {body["error"] for body in receiver.bodies} == {"authorization_timeout"}
    assert all(set(body) == {"error", "state"} for body in receiver.bodies)
    await asking.carried()
    assert (len(receiver.got), await asking.rows()) == (2, 0)
    world.clock.advance(timedelta(minutes=11))
    await asking.ask(state=None)
    await asking.decide(yes=False)
    await asking.carried()
    assert receiver.bodies[-1] == {"error": "user_denied"}


async def test_only_to_an_address_of_ones_own(asking: Asking) -> None:
    """Somebody else's, one letter more, another port, none at all, what is no address: nobody rings, nothing waits."""
    world, url = asking.world, asking.receiver.url
    await application(world, redirects=["https://other.test/callback"])
    portless = await application(world, redirects=["http://127.0.0.1/callback"])
    wrongs: list[Any] = [
        "https://other.test/callback", url + "/", url + "?a=1", url.upper(), url.replace("callback", "Callback"),
        "http://169.254.169.254/", "push://", "x" * 3000, ["x"], {"a": 1}, 7,
    ]  # fmt: skip
    for wrong in wrongs:
        status, body = await asking.ask(redirect_uri=wrong)
        assert (status, body["error"]) == (400, "invalid_request"), wrong
    status, body = await Asking(world, portless, asking.receiver, asking.worker).ask()
    assert (status, body["error"]) == (400, "invalid_request")  # a browser's loopback may have any port; ours not
    assert (world.doorbell.rings, await asking.rows()) == ([], 0)
    status, begun = await asking.ask(redirect_uri=None)
    assert (status, await asking.rows()) == (202, 0)
    await asking.decide(yes=True)
    assert (await call(world, "GET", "/authorize-ca", token=begun["identifierCA"]))[0] == 200
    await asking.carried()
    assert asking.receiver.got == []


async def test_production_posts_to_no_machine_inside(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is registered for browsers is no address for us: refused when asked, and once more when sent."""
    world = asking.world
    queue = OutboxService(world.database, world.clock, Seal(bytes(32)), asking.worker)
    inside = ["https://10.0.0.1/x", "https://localhost/x", "http://127.0.0.1:8/x", "com.example.app:/callback"]
    asking.app = await application(world, redirects=[*inside, asking.receiver.url])
    with monkeypatch.context() as patched:
        patched.setattr(world.outcomes, "_posts", PostsOfPsc(queue, development=False))
        for url in [*inside, asking.receiver.url]:
            status, body = await asking.ask(redirect_uri=url)
            assert (status, body["error"]) == (400, "invalid_request"), url
    assert world.doorbell.rings == []
    await asking.ask()
    await asking.decide(yes=True)
    carrier = WebhookCarrier(WebhookSigner(bytes(32)), world.clock)
    asking.worker._carriers[Kind.WEBHOOK] = carrier
    await asking.carried()
    await carrier.close()
    assert (asking.receiver.got, await asking.states()) == ([], ["dead"])


async def test_a_receiver_that_is_down_redirects_or_floods(asking: Asking) -> None:
    """Tried again, the same body under the same id, until it takes it; where a redirect leads is not asked, a huge
    answer is not read, one that never answers is left."""
    receiver, worker = asking.receiver, asking.worker
    await asking.ask()
    await asking.decide(yes=True)
    receiver.script = [
        web.Response(status=503),
        web.Response(status=302, headers={"Location": "/inside"}),
        web.Response(status=500, body=b"x" * 5_000_000),
    ]
    for tries in (1, 2, 3):
        await asking.carried()
        assert (len(receiver.got), await asking.states()) == (tries, ["queued"])
        asking.world.clock.advance(timedelta(hours=1))
    silence = WebhookCarrier(WebhookSigner(bytes(32)), asking.world.clock, development=True, deadline=0.2)
    usual, worker._carriers[Kind.WEBHOOK] = worker._carriers[Kind.WEBHOOK], silence
    receiver.silent = True
    await worker.work()
    assert await asking.states() == ["queued"]
    asking.world.clock.advance(timedelta(hours=1))
    receiver.silent, worker._carriers[Kind.WEBHOOK] = False, usual
    await worker.work()
    await silence.close()
    assert await asking.states() == ["sent"]
    assert {path for path, _, _ in receiver.got} == {"/callback"}
    assert len({json.dumps(body) for body in receiver.bodies}) == 1
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    asking.world.clock.advance(timedelta(hours=1))
    await asking.carried()
    assert await asking.states() == ["sent"]


async def test_who_does_not_want_it_any_more_is_posted_nothing(asking: Asking) -> None:
    """Shut out, another address since, or the identifier given back: the outcome is dropped, and waits nowhere."""
    world = asking.world
    _, begun = await asking.ask()
    given = {"client_id": asking.app.client_id, "client_secret": asking.app.client_secret}
    assert (await call(world, "POST", "/revoke", {**given, "token": begun["identifierCA"]}))[0] == 200
    world.clock.advance(timedelta(minutes=11))
    await asking.carried()
    assert await asking.rows() == 0
    await asking.ask()
    await asking.decide(yes=True)
    await world.owner.execute("UPDATE oauth.clients SET redirects = $1", [CALLBACK])
    await asking.carried()
    await world.owner.execute("UPDATE oauth.clients SET redirects = $1", [asking.receiver.url])
    world.clock.advance(timedelta(minutes=11))
    await asking.ask()
    await asking.decide(yes=False)
    await world.clients.disable(asking.app.client_id)
    await asking.carried()
    assert (asking.receiver.got, await asking.states(), await asking.rows()) == ([], [], 0)


async def test_a_hint_that_was_lost_is_made_good(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody told the gateway of the yes; or the phone was faster than the row; or the SAM was away at the time: the
    outcome is posted all the same, and is the phone's."""
    world, receiver = asking.world, asking.receiver
    await asking.ask(lifetime=86_400)
    world.sam.approve(ring(world))
    world.clock.advance(SILENCE)

    async def away(*_: Any) -> None:
        raise Unavailable("the SAM is away")

    with monkeypatch.context() as patched:
        patched.setattr(world.signing._sam, "verdict", away)
        await asking.carried()
    assert (receiver.got, await asking.rows()) == ([], 1)
    world.clock.advance(timedelta(seconds=5))
    await asking.carried()
    assert set(receiver.bodies[-1]) == {"identifierCA", "state", "expirationDate", "serialNumber"}
    world.clock.advance(timedelta(minutes=11))
    store = world.outcomes._store
    kept = store.asked

    async def late(token: str, document: str, sealed: bytes) -> None:
        await asking.decide(yes=False)
        await kept(token, document, sealed)

    with monkeypatch.context() as patched:
        patched.setattr(store, "asked", late)
        await asking.ask(state="fast")
    await asking.carried()
    assert receiver.bodies[-1] == {"error": "user_denied", "state": "fast"}
