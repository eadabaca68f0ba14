"""BirdID's /oauth/start and /oauth/notify: who is rung, what is posted to whom, and what a thief of any of it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import encode_basic_auth, web
from aiohttp.test_utils import TestServer

from foundation.errors import Unavailable
from foundation.web import SlidingWindow
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.psc.domain.start import START_LIFE
from hsm_service.psc.ports import CallAnswer
from linkid.joins import PostsOfPsc
from push.adapters.webhooks import WebhookCarrier
from push.domain.outbox import Kind
from push.domain.sealing import Seal
from push.domain.webhooks import WebhookSigner
from push.service.outbox import OutboxService, OutboxWorker
from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.norm import Refused
from tests.psc.people import CALLBACK, COMPANY, MARIA, application, ring
from tests.psc.test_consent_posts import Receiver
from tests.psc.test_programs import STRANGER, refused
from tests.support.psc_routes import Call
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP
PREFIX = "/psc/birdid"
MEMBERS = {
    "challenge", "client_name", "short_token", "ws_token", "can_notify", "notified", "qr_code", "environment",
    "auth_ttl",
}  # fmt: skip


@dataclass
class Starting:
    """An application of BirdID's, a receiver at its registered address, and the outbox carried by the real carrier."""

    world: World
    app: BirdIdApplication
    receiver: Receiver
    worker: OutboxWorker
    credential: str

    async def start(self, scope: str = "single_signature", **more: Any) -> dict[str, Any]:
        """As the application does it; whoever is to be rung was."""
        started = await self.app.start(scope, self.receiver.url, **more)
        await self.world.background.done()
        return started

    async def answers(self, state: str, *credentials: str, call: Call | None = None) -> None:
        """The phone's part: its yes (for these certificates) or no, of which pairing tells."""
        calls = self.world.calls.calls
        link, asked = next(one for one in reversed(calls.items()) if call is None or one[1] is call)
        asked.answer = CallAnswer(state, credentials)
        await self.world.bells.answered(link)

    async def carried(self) -> list[Any]:
        """What is due has left; everything that was posted so far."""
        await self.world.bells.look()
        await self.worker.work()
        return self.receiver.bodies

    async def told(self, started: dict[str, Any], app: BirdIdApplication | None = None) -> tuple[int, dict[str, Any]]:
        """The outcome, asked for."""
        app = app or self.app
        headers = {"Authorization": encode_basic_auth(app.client_id, app.client_secret)}
        query = {"short_token": started["short_token"]}
        async with self.world.client.get(PREFIX + "/oauth/start", params=query, headers=headers) as response:
            return response.status, await response.json()

    async def everything(self) -> str:
        """What a thief of the database reads; bytes are in hex there."""
        tables = ("psc.starts", "psc.authorizations", "push.outbox", "psc.tokens")
        return repr([
            row["said"]
            for table in tables
            for row in await self.world.owner.fetch(f"SELECT row_to_json(t)::text AS said FROM {table} t")
        ])  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def starting(world: World) -> AsyncIterator[Starting]:
    receiver, server = Receiver(), web.Application()
    server.router.add_route("*", "/{path:.*}", receiver.take)
    credential = await world.credential(number=MARIA)
    carrier = WebhookCarrier(WebhookSigner(bytes(32)), world.clock, development=True, deadline=5.0)
    async with TestServer(server, host="127.0.0.1") as running:
        receiver.url = f"http://127.0.0.1:{running.port}/callback"
        app = await application(world, BirdIdApplication, PREFIX, redirects=[receiver.url, CALLBACK])
        app.redirect_uri = receiver.url
        worker = OutboxWorker(world.database, world.clock, Seal(bytes(32)), {Kind.WEBHOOK: carrier}, random=bytes)
        yield Starting(world, app, receiver, worker, credential)
        await carrier.close()


async def test_push_by_start(starting: Starting) -> None:
    """Every published member; the number is demanded of whoever is rung; the yes is posted as a code, once, and asked
    for it is the same; the code serves once, and then the token signs what the phone approves."""
    world, app = starting.world, starting.app
    started = await starting.start(username=MARIA, lifetime=600)
    assert set(started) == MEMBERS
    assert (started["client_name"], started["can_notify"], started["notified"]) == ("Contratos SA", True, True)
    assert (started["ws_token"], started["qr_code"], started["environment"]) == (None, None, "development")
    assert started["auth_ttl"] == START_LIFE.total_seconds() == 300
    call = world.calls.last
    assert (call.client, call.client_name, call.scope) == (app.client_id, "Contratos SA", "single_signature")
    assert call.numbered is not None
    assert call.numbered.until == world.clock.now() + START_LIFE
    assert started["challenge"] == world.calls.number(call.secret)
    assert await starting.carried() == []
    assert await starting.told(started) == (202, {"status": "pending"})
    await starting.answers("approved", starting.credential)
    (posted,) = await starting.carried()
    assert set(posted) == {"code", "short_token"}
    assert posted["short_token"] == started["short_token"]
    assert await starting.told(started) == (200, posted)
    ((path, headers, _),) = starting.receiver.got
    assert (path, headers["webhook-signature"][:4]) == ("/callback", "v1a,")
    token = await app.called_back(posted)
    assert (token["authorized_identification"], token["scope"]) == (MARIA, "single_signature")
    assert (await refused(app.sign([("a", b"a")])))[0] == 503
    world.sam.approve(ring(world))
    assert await app.sign([("a", b"a")])
    assert await refused(app.called_back(posted)) == (400, "invalid_grant")
    assert await refused(app.sign([("a", b"a")])) == (401, "invalid_token")  # whoever came twice stole one of them
    assert (await starting.told(started))[0] == 400
    assert len(await starting.carried()) == 1


async def test_notify_rings_later_and_once(starting: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start without a name rings nobody; its token names a holder once, however many try at the same time, and never
    after its time. It proves nobody: however often it comes, it takes one place of the holder's, and none of those that
    its application has for starting."""
    world, app = starting.world, starting.app
    service: Any = world.bells._look.__self__  # type: ignore[union-attr]
    monkeypatch.setattr(service, "_of_application", SlidingWindow(6, timedelta(minutes=1)))
    started = await starting.start()
    assert (started["notified"], world.calls.calls) == (False, {})
    body = {"username": MARIA, "short_token": started["short_token"]}

    async def notify() -> int:
        async with world.client.post(PREFIX + "/oauth/notify", json=body) as response:
            return response.status

    statuses = await asyncio.gather(*(notify() for _ in range(50)))
    await world.background.done()
    assert (statuses.count(200), len(world.calls.calls)) == (1, 1)
    assert set(statuses) == {200, 400}
    for _ in range(4):
        await starting.start(username=MARIA)
    assert (await refused(starting.start(username=MARIA)))[0] == 429
    world.clock.advance(timedelta(minutes=11))
    late = await starting.start()
    world.clock.advance(START_LIFE)
    assert (await refused(app.notify(MARIA, late["short_token"])))[0] == 400
    again = await starting.start()
    await app.notify(MARIA, again["short_token"])
    await world.background.done()
    assert await refused(app.notify(STRANGER, again["short_token"])) == (400, "invalid_request")
    await starting.answers("approved", starting.credential)
    (posted,) = [one for one in await starting.carried() if one["short_token"] == again["short_token"]]
    assert (await app.called_back(posted))["authorized_identification"] == MARIA
    assert (await refused(app.notify(MARIA, again["short_token"])))[0] == 400


async def test_a_code_to_draw_is_an_operators_word(starting: Starting) -> None:
    """Without it there is none, with it whoever reads the code first is asked, and a named holder beside them; of
    another holder than the one named there is no code."""
    world, app = starting.world, starting.app
    company = await world.credential(number=COMPANY)
    await world.clients.show_codes(app.client_id, True)
    started = await starting.start()
    assert started["qr_code"].startswith("https://app.linkid.test/l#2.")
    (shown,) = world.calls.calls.values()
    assert (shown.credential, shown.numbered is not None) == ("", True)
    await starting.answers("approved", company)
    assert (await app.called_back((await starting.carried())[-1]))["authorized_identification"] == COMPANY
    both = await starting.start(username=MARIA)
    *_, shown, rung = world.calls.calls.values()
    assert (shown.secret, shown.credential, rung.credential) == (rung.secret, "", starting.credential)
    assert rung.numbered is not None
    assert rung.numbered.calls == 1
    await starting.answers("approved", company, call=shown)
    assert (await starting.carried())[-1] == {"error": "user_denied", "short_token": both["short_token"]}
    await world.clients.show_codes(app.client_id, False)
    assert (await starting.start())["qr_code"] is None


async def test_a_session_asks_twice(starting: Starting) -> None:
    """Who it is, and then expressly the session: before the second yes nothing is posted, and however many gateways
    look the phone is asked once; a no to it is a no."""
    world, app = starting.world, starting.app
    await starting.start("signature_session", username=MARIA, lifetime=3600)
    await starting.answers("approved", starting.credential)
    assert world.bells._look is not None
    await asyncio.gather(*(world.bells._look() for _ in range(4)))
    assert (await starting.carried(), len(world.doorbell.rings)) == ([], 1)
    assert world.sam.held[ring(world)].document.type == "session"
    world.sam.approve(ring(world))
    await world.decided(ring(world))
    token = await app.called_back((await starting.carried())[-1])
    assert token["scope"] == "signature_session"
    for content in (b"um", b"dois"):
        assert await app.sign([("a", content)])
    assert len(world.doorbell.rings) == 1
    refusing = await starting.start("signature_session", username=MARIA)
    await starting.answers("approved", starting.credential)
    await starting.carried()
    world.sam.refuse(ring(world))
    await world.decided(ring(world))
    assert (await starting.carried())[-1] == {"error": "user_denied", "short_token": refusing["short_token"]}
    assert await starting.told(refusing) == (400, {**(await starting.told(refusing))[1], "error": "user_denied"})


async def test_a_no_at_once_and_silence_alike(starting: Starting) -> None:
    """user_denied at once; a holder who does not answer, one whose phone's asking died, and one whom nobody knows have
    the same answers, now and at the end, and the same post at the same moment."""
    world = starting.world
    no = await starting.start(username=MARIA)
    await starting.answers("refused")
    assert await starting.carried() == [{"error": "user_denied", "short_token": no["short_token"]}]
    starting.receiver.got.clear()
    begun = [await starting.start(username=one) for one in (MARIA, STRANGER)]
    known, unknown = ({**one, "short_token": 0, "challenge": 0} for one in begun)
    assert known == unknown
    assert {len(one["short_token"]) for one in begun} == {len(begun[0]["short_token"])}
    assert all(len(one["challenge"]) == 4 for one in begun)
    await starting.answers("dead")
    for minutes in (0, 5):
        world.clock.advance(timedelta(minutes=minutes))
        assert [(await starting.told(one))[0] for one in begun] == [202, 202]
        assert await starting.carried() == []
    world.clock.advance(timedelta(minutes=1, seconds=10))
    assert sorted(one["error"] for one in await starting.carried()) == ["authorization_timeout"] * 2
    assert [(await starting.told(one))[1]["error"] for one in begun] == ["authorization_timeout"] * 2


async def test_holders_are_left_in_peace(starting: Starting) -> None:
    """Five starts of one application that name a holder in ten minutes, by either way; counted for strangers too."""
    for number in (MARIA, STRANGER):
        for _ in range(4):
            await starting.start(username=number)
        started = await starting.start()
        await starting.app.notify(number, started["short_token"])
        assert (await refused(starting.start(username=number)))[0] == 429
        another = await starting.start()
        assert (await refused(starting.app.notify(number, another["short_token"])))[0] == 429


async def test_who_may_start_and_where_to(starting: Starting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who proves itself, to an address that it registered, letter for letter, and in production to none inside:
    all others ring nobody and leave nothing."""
    world, url = starting.world, starting.receiver.url
    who = {"client_id": starting.app.client_id, "client_secret": starting.app.client_secret}
    good = {**who, "scope": "single_signature", "callback_url": url, "lifetime": 300, "username": MARIA}

    async def said(**changed: Any) -> tuple[int, str]:
        body = {name: value for name, value in {**good, **changed}.items() if value is not None}
        async with world.client.post(PREFIX + "/oauth/start", json=body) as response:
            return response.status, (await response.json())["error"]

    await application(world, redirects=["https://other.test/callback"])
    addresses: Sequence[Any] = (
        None, "https://other.test/callback", url + "/", url + "?a=1", url.upper(), "http://169.254.169.254/", "push://",
        "x" * 3000, ["x"], {"a": 1}, 7,
    )  # fmt: skip
    for address in addresses:
        assert await said(callback_url=address) == (400, "invalid_request"), address
    assert await said(client_secret="cls_wrong") == (401, "invalid_client")
    assert await said(client_secret=None) == (401, "invalid_client")
    assert await said(scope="everything") == (400, "invalid_scope")
    for wrong in ({"username": "1"}, {"username": [MARIA]}, {"lifetime": 0}, {"lifetime": "x"}, {"lifetime": True}):
        assert await said(**wrong) == (400, "invalid_request"), wrong
    for made in (
        await world.register(method=ClientMethod.NONE, grants=[GrantType.CODE], redirects=[url]),
        await world.register(grants=[GrantType.CLIENT]),
    ):
        status, error = await said(client_id=made.client.id, client_secret=made.secret)
        assert (status, error) in ((400, "unauthorized_client"), (401, "invalid_client"))
    queue = OutboxService(world.database, world.clock, Seal(bytes(32)), starting.worker)
    assert world.bells._look is not None
    service = world.bells._look.__self__  # type: ignore[attr-defined]
    with monkeypatch.context() as patched:
        patched.setattr(service, "_posts", PostsOfPsc(queue, development=False))
        assert await said() == (400, "invalid_request")
    for text in ("", "x", "pss_x", "pss_" + "0" * 26 + "_x", "x" * 3000):
        status, error = await refused(starting.app.notify(MARIA, text))
        assert (status, error) in ((404, "invalid_request"), (400, "invalid_request")), text
    assert world.calls.calls == {}
    assert await world.owner.fetchval("SELECT count(*) FROM psc.starts") == 0


async def test_nothing_of_it_is_anothers(starting: Starting) -> None:
    """Another application neither learns the outcome by a stolen short token nor redeems a stolen code; a code with a
    verifier, for which there was no challenge, or with another address is refused and used up."""
    world, app = starting.world, starting.app
    thief: BirdIdApplication = await application(world, BirdIdApplication, PREFIX, redirects=[starting.receiver.url])
    thief.redirect_uri = starting.receiver.url

    async def code() -> dict[str, Any]:
        await starting.start(username=MARIA)
        await starting.answers("approved", starting.credential)
        posted: dict[str, Any] = (await starting.carried())[-1]
        return posted

    posted = await code()
    assert (await starting.told(posted, thief))[0] == 404
    query = {"short_token": posted["short_token"]}
    async with world.client.get(PREFIX + "/oauth/start", params=query) as response:
        assert response.status == 401
    query |= {"client_id": app.client_id, "client_secret": app.client_secret}  # an address is no place for a secret
    async with world.client.get(PREFIX + "/oauth/start", params=query) as response:
        assert response.status == 401
    assert await refused(thief.called_back(posted)) == (400, "invalid_grant")
    assert await app.called_back(posted)
    posted = await code()
    assert await refused(app.redeem(posted["code"], "v" * 43)) == (400, "invalid_grant")
    assert await refused(app.called_back(posted)) == (400, "invalid_grant")
    posted = await code()
    app.redirect_uri = CALLBACK
    assert await refused(app.called_back(posted)) == (400, "invalid_grant")
    posted = await code()
    world.clock.advance(timedelta(seconds=121))
    app.redirect_uri = starting.receiver.url
    assert await refused(app.called_back(posted)) == (400, "invalid_grant")


async def test_what_a_thief_of_the_database_has(starting: Starting) -> None:
    """Neither number, nor short token, nor code, nor what they follow from; and the table refuses a code without a
    challenge that is not only posted."""
    world = starting.world
    started = await starting.start(username=MARIA)
    secret = world.calls.last.secret
    before = await starting.everything()
    await starting.answers("approved", starting.credential)
    world.clock.advance(timedelta(seconds=1))
    await world.bells.look()
    after = await starting.everything()
    await starting.worker.work()
    (posted,) = starting.receiver.bodies
    kept = (secret, started["short_token"].rpartition("_")[2], posted["code"].rpartition("_")[2])
    for one in kept:
        for written in (one, one.encode().hex()):
            assert written not in before
            assert written not in after
    with pytest.raises(asyncpg.CheckViolationError):
        await world.owner.execute("UPDATE psc.authorizations SET started = false")


async def test_who_hears_of_it_no_more(starting: Starting) -> None:
    """Shut out, or another address since: nothing is posted, and nobody looks again. A SAM that is away is waited
    for."""
    world = starting.world
    await starting.start(username=MARIA)
    await starting.answers("approved", starting.credential)
    await world.owner.execute("UPDATE oauth.clients SET redirects = $1", [CALLBACK])
    assert await starting.carried() == []
    await world.owner.execute("UPDATE oauth.clients SET redirects = $1", [starting.receiver.url])
    waiting = await starting.start("signature_session", username=MARIA)
    await starting.answers("approved", starting.credential)
    with pytest.MonkeyPatch.context() as patched:

        async def away(*_: Any) -> None:
            raise Unavailable("the SAM is away")

        patched.setattr(world.signing._sam, "fix_session_document", away)
        assert await starting.carried() == []
    world.clock.advance(timedelta(seconds=31))
    assert (await starting.carried(), world.sam.held[ring(world)].document.type) == ([], "session")
    world.sam.approve(ring(world))
    world.clock.advance(timedelta(seconds=10))  # nobody told of it
    assert (await starting.carried())[-1]["short_token"] == waiting["short_token"]
    last = await starting.start(username=MARIA)
    await starting.answers("approved", starting.credential)
    await world.clients.disable(starting.app.client_id)
    assert len(await starting.carried()) == 1
    assert (await starting.told(last))[0] == 401
    with pytest.raises(Refused):
        await starting.app.notify(MARIA, last["short_token"])
    assert await world.owner.fetchval("SELECT count(*) FROM psc.starts WHERE due_at IS NOT NULL") == 0
