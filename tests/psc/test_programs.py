"""Applications without a page: VIDaaS's push and polling, BirdID's asynchronous signature; nobody learns who exists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from foundation.web import SlidingWindow
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.psc.ports import CallAnswer
from hsm_service.psc.web import programs
from hsm_service.psc.web.answers import pem
from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.norm import Refused
from tests.psc.integrators.vidaas import VidaasApplication
from tests.psc.people import CALLBACK, COMPANY, MARIA, application, ring, verify
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP
STRANGER = "11144477735"


async def vidaas(world: World) -> VidaasApplication:
    """Registered by an operator."""
    app: VidaasApplication = await application(world, VidaasApplication, "/psc/vidaas")
    return app


async def birdid(world: World) -> BirdIdApplication:
    """Registered by an operator."""
    app: BirdIdApplication = await application(world, BirdIdApplication, "/psc/birdid")
    return app


async def refused(call: Any) -> tuple[int, str]:
    """Status and error of a call that fails."""
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.status, caught.value.body["error"]


async def test_push_then_signature(world: World) -> None:
    """The phone is asked who is there, the poll gives the code, the signature is asked for by itself."""
    credential = await world.credential(number=MARIA)
    app = await vidaas(world)
    code, verifier = await app.ring(MARIA)
    await world.background.done()
    call = world.calls.last
    assert (call.client, call.client_name, call.scope) == (app.client_id, "Contratos SA", "single_signature")
    assert await app.poll(code) is None
    assert app.pending == 304
    call.answer = CallAnswer("approved", (credential,))
    told = await app.poll(code)
    assert told is not None
    assert await app.poll(code) == told, "a lost answer costs nothing"
    token = await app.redeem(told["authorizationToken"], verifier)
    assert token["authorized_identification"] == MARIA
    assert (await refused(app.sign([("a", b"a")])))[0] == 503
    world.sam.approve(ring(world))
    (signature,) = await app.sign([("a", b"a")])
    assert signature
    assert (await refused(app.poll(code)))[0] == 400


async def test_push_for_a_session(world: World) -> None:
    """One ring, for the session itself; the poll gives the code when it is approved."""
    credential = await world.credential("P-256", number=COMPANY)
    app = await vidaas(world)
    code, verifier = await app.ring("12.ABC.345/01DE-35", "signature_session", lifetime="3600")
    await world.background.done()
    assert not world.calls.calls
    assert await app.poll(code) is None
    world.sam.approve(ring(world))
    told = await app.poll(code)
    assert told is not None
    await app.redeem(told["authorizationToken"], verifier)
    certificate = (await app.certificates())[0]["certificate"]
    (signature,) = await app.sign([("a", b"a")])
    verify(certificate, b"a", signature)
    assert world.doorbell.rings[0][1] == credential
    assert len(world.doorbell.rings) == 1


@pytest.mark.parametrize("scope", ["single_signature", "signature_session"])
async def test_a_stranger_is_answered_like_a_holder(world: World, scope: str) -> None:
    """Same answer, same polls, same end: nobody learns who is a customer."""
    await world.credential(number=MARIA)
    app = await vidaas(world)
    codes = [(await app.ring(number, scope))[0] for number in (MARIA, STRANGER)]
    await world.background.done()
    for _ in range(2):
        assert [await app.poll(code) for code in codes] == [None, None]
    if world.calls.calls:
        world.calls.last.answer = CallAnswer("dead")
        assert await app.poll(codes[0]) is None
    world.clock.advance(timedelta(minutes=5, seconds=30))  # what the phone was asked is over
    for _ in range(2):
        assert [await app.poll(code) for code in codes] == [None, None]
    world.clock.advance(timedelta(seconds=31))
    for _ in range(2):
        assert [await refused(app.poll(code)) for code in codes] == [(400, "authorization_timeout")] * 2


async def test_push_refused_on_the_phone(world: World) -> None:
    """user_denied, then and again; there is no code."""
    await world.credential(number=MARIA)
    app = await vidaas(world)
    code, _ = await app.ring(MARIA)
    await world.background.done()
    world.calls.last.answer = CallAnswer("refused")
    assert await refused(app.poll(code)) == (400, "user_denied")
    assert (await refused(app.poll(code)))[0] == 400
    session, _ = await app.ring(MARIA, "signature_session")
    await world.background.done()
    world.sam.refuse(ring(world))
    assert await refused(app.poll(session)) == (400, "user_denied")


async def test_another_holders_phone_is_no_answer(world: World) -> None:
    """The phone that says yes must have a certificate of the holder that was named."""
    await world.credential(number=MARIA)
    other = await world.credential(number=COMPANY)
    app = await vidaas(world)
    code, _ = await app.ring(MARIA)
    await world.background.done()
    world.calls.last.answer = CallAnswer("approved", (other,))
    assert await refused(app.poll(code)) == (400, "user_denied")


async def test_strangers_leave_an_application_its_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may ring in an application's name: those of one network, a customer of IPv6 too, have their own share of
    its requests, and the application's own server has another."""
    app = await vidaas(world)
    server: Any = world.client.server
    handlers = (route.handler for route in server.app.router.routes())
    service: Any = next(one.__self__._pushes for one in handlers if getattr(one, "__name__", "") == "poll")
    monkeypatch.setattr(service, "_of_network", SlidingWindow(2, timedelta(minutes=1)))

    async def rung(address: str, number: str) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(programs, "client_address", lambda *_: address)
            await app.ring(number)

    for address in ("2001:db8::1", "2001:db8::2"):
        await rung(address, STRANGER)
    assert (await refused(rung("2001:db8::3", MARIA)))[0] == 429
    await rung("203.0.113.7", MARIA)
    monkeypatch.setattr(service, "_of_application", SlidingWindow(1, timedelta(minutes=1)))
    await rung("2001:db8:1::1", MARIA)
    assert (await refused(rung("203.0.113.8", MARIA)))[0] == 429  # of all networks together there is an end too


async def test_holders_are_left_in_peace(world: World) -> None:
    """Five rings of one application in ten minutes; counted for strangers as well."""
    await world.credential(number=MARIA)
    for number in (MARIA, STRANGER):
        app = await vidaas(world)
        seen = [(await refused(app.ring(number)))[0] if turn == 5 else await app.ring(number) for turn in range(6)]
        assert seen[-1] == 429


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"login_hint": ""}, (400, "invalid_request")),
        ({"login_hint": "1"}, (400, "invalid_request")),
        ({"code_challenge_method": "plain"}, (400, "invalid_request")),
        ({"scope": "everything"}, (400, "invalid_scope")),
        ({"client_id": "cli_" + "0" * 26}, (401, "invalid_client")),
        ({"response_type": "token"}, (400, "unsupported_response_type")),
    ],
)
async def test_push_that_cannot_be(world: World, more: dict[str, str], expected: tuple[int, str]) -> None:
    """In the dialect's words; nobody is rung."""
    app = await vidaas(world)
    app.redirect_uri = "push://"
    begun = app.begin(**{"login_hint": MARIA, **more})
    async with app.session.get(begun.address) as response:
        body = await response.json()
    assert (response.status, body["error"]) == expected
    assert not world.calls.calls


async def test_polls_that_find_nothing(world: World) -> None:
    """Made up, too long, missing, or the secret of a page: no such thing."""
    app = await vidaas(world)
    for code in ("x", "0" * 100, "00000000-0000-4000-8000-000000000000", "'; DROP TABLE"):
        assert (await refused(app.poll(code)))[0] == 404
    assert (await refused(app.poll("")))[0] == 400


async def test_an_asynchronous_signature(world: World) -> None:
    """The phone shows the hashes with the message; approved, the signatures come in their order, again and again."""
    credential = await world.credential("P-256", number=MARIA)
    app = await birdid(world)
    token = await app.ask(MARIA, "Contrato de locação", [b"um", b"dois"])
    assert await app.collect(token) is None
    await world.background.done()
    assert await app.collect(token) is None
    document = world.sam.held[ring(world)].document
    assert [one["label"] for one in document.objects("documents")] == [
        "Contrato de locação (1/2)", "Contrato de locação (2/2)",
    ]  # fmt: skip
    world.sam.approve(ring(world))
    made = await app.collect(token)
    assert made is not None
    (found,) = await world.credentials.known([credential])
    for content, signature in zip((b"um", b"dois"), made, strict=True):
        verify(pem(found.chain[0]), content, signature)
    assert await app.collect(token) == made
    app.token = {"access_token": token}
    assert await refused(app.sign([("a", b"a")])) == (403, "insufficient_scope")


async def test_an_asynchronous_signature_that_is_none(world: World) -> None:
    """Refused, not decided, nobody's: each in the dialect's words, and a stranger like a holder who is away."""
    await world.credential(number=MARIA)
    app = await birdid(world)
    token = await app.ask(MARIA, "Contrato", [b"um"])
    await world.background.done()
    world.sam.refuse(ring(world))
    assert await refused(app.collect(token)) == (400, "user_denied")
    away, stranger = await app.ask(MARIA, "Contrato", [b"um"]), await app.ask(STRANGER, "Contrato", [b"um"])
    await world.background.done()
    assert [await app.collect(one) for one in (away, stranger)] == [None, None]
    world.clock.advance(timedelta(minutes=4))  # what the phone was asked is over
    for _ in range(2):
        assert [await app.collect(one) for one in (away, stranger)] == [None, None]
    world.clock.advance(timedelta(seconds=61))
    assert [await refused(app.collect(one)) for one in (away, stranger)] == [(400, "authorization_timeout")] * 2
    assert (await refused(app.collect("pst_x")))[0] == 401
    other = await app.own_token()
    assert await refused(app.collect(other["access_token"])) == (403, "insufficient_scope")
    changes: tuple[dict[str, Any], ...] = (
        {"message": "x" * 201}, {"message": 7}, {"hashes": []}, {"hashes": [7]}, {"hashes": ["x"]}, {"hashes": "x"},
        {"hashes": ["0" * 64] * 101}, {"username": "1"}, {"lifetime": "x"}, {"lifetime": True},
    )  # fmt: skip
    for change in changes:
        body = {
            "client_id": app.client_id, "client_secret": app.client_secret, "username": MARIA, "message": "m",
            "hashes": ["0" * 64], **change,
        }  # fmt: skip
        async with app.session.post(app.base + "/async-signature", json=body) as response:
            assert response.status == 400, change


async def test_an_application_without_a_secret_rings_nobody(world: World) -> None:
    """Anybody could ring in its name and redeem the answer: refused, whoever is named."""
    await world.credential(number=MARIA)
    made = await world.register(method=ClientMethod.NONE, grants=[GrantType.CODE], redirects=[CALLBACK])
    app = await vidaas(world)
    app.client_id = made.client.id
    for number in (MARIA, STRANGER):
        assert await refused(app.ring(number)) == (400, "unauthorized_client")
    assert not world.calls.calls
