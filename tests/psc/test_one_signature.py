"""The dialect's stories as applications see them, with the phone's part played by hand."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.psc.integrators.birdid import BirdIdApplication
from tests.psc.integrators.neoid import NeoIdApplication
from tests.psc.integrators.norm import Application, Refused
from tests.psc.people import CALLBACK, COMPANY, MARIA, application, granted, identified, ring, verify, visit
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

CONTRACT = [("contrato.pdf", b"contrato")]


async def pending(call: Any) -> None:
    """The answer while the holder has not decided."""
    with pytest.raises(Refused) as refused:
        await call
    assert (refused.value.status, refused.value.body["error"]) == (503, "authorization_pending")


async def dead(call: Any) -> None:
    """The answer to a token that is over."""
    with pytest.raises(Refused) as refused:
        await call
    assert (refused.value.status, refused.value.body["error"]) == (401, "invalid_token")


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        (Application, ""),
        (Application, "/psc/safeid"),
        (BirdIdApplication, "/psc/birdid"),
        (NeoIdApplication, "/psc/neoid"),
    ],
)
async def test_a_single_signature_in_every_variant(world: World, kind: type[Application], prefix: str) -> None:
    """Authorize, token, certificate, signature: the phone is asked for exactly this, and the token dies with it."""
    credential = await world.credential(number=MARIA)
    app = await application(world, kind, prefix)
    token = await granted(world, app, "single_signature", credential)
    assert (token["scope"], token["authorized_identification_type"]) == ("single_signature", "CPF")
    assert token["authorized_identification"] == MARIA
    assert 0 < token["expires_in"] <= 300
    (listed,) = await app.certificates()

    await pending(app.sign(CONTRACT))
    held = world.sam.held[ring(world)]
    assert [one["label"] for one in held.document.objects("documents")] == ["contrato.pdf"]
    world.sam.approve(ring(world))
    (signature,) = await app.sign(CONTRACT)
    verify(listed["certificate"], b"contrato", signature)

    assert await app.sign(CONTRACT) == [signature], "a lost answer costs nothing"
    await dead(app.sign([("outro.pdf", b"outro")]))
    await dead(app.certificates())
    assert len(world.doorbell.rings) == 1


async def test_many_in_one_request(world: World) -> None:
    """multi_signature: a hundred hashes in one call, one ring, answers in their order."""
    credential = await world.credential("P-256", number=MARIA)
    app = await application(world)
    await granted(world, app, "multi_signature", credential)
    certificate = (await app.certificates())[0]["certificate"]
    documents = [(f"nota {number}.xml", f"nota {number}".encode()) for number in range(100)]
    await pending(app.sign(documents))
    world.sam.approve(ring(world))
    for (_, content), signature in zip(documents, await app.sign(documents), strict=True):
        verify(certificate, content, signature)
    await dead(app.sign(documents[:1]))


async def test_rivals_ring_once(world: World) -> None:
    """Twenty identical calls at once are one request to the holder; another body at the same time is none."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "multi_signature", credential)
    calls = [app.sign(CONTRACT) for _ in range(20)] + [app.sign([("outro", b"outro")]) for _ in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, Refused) for one in answers), answers
    assert len(world.doorbell.rings) == len(world.sam.held) == 1
    kept = {one["label"] for one in world.sam.held[ring(world)].document.objects("documents")}
    world.sam.approve(ring(world))
    won = CONTRACT if kept == {"contrato.pdf"} else [("outro", b"outro")]
    made = await asyncio.gather(*(app.sign(won) for _ in range(20)))
    assert all(one == made[0] for one in made)


async def test_a_refusal_is_the_norms_own_word(world: World) -> None:
    """Refused on the phone: user_denied, and the token is over; in every body the three texts."""
    credential = await world.credential(number=MARIA)
    app = await application(world, NeoIdApplication, "/psc/neoid")
    await granted(world, app, "single_signature", credential)
    await pending(app.sign(CONTRACT))
    world.sam.refuse(ring(world))
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await app.sign(CONTRACT)
        assert (refused.value.status, refused.value.body["error"]) == (400, "user_denied")
        assert set(refused.value.body) >= {"error", "error_description", "message", "code", "msg"}
        assert app.said(refused.value)[0] == "user_denied"
    assert len(world.doorbell.rings) == 1


async def test_nobody_decides(world: World) -> None:
    """The request lapsed: an error that says what to do, and no second ring under this token."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    await granted(world, app, "single_signature", credential, lifetime="3600")
    await pending(app.sign(CONTRACT))
    world.clock.advance(timedelta(minutes=6))
    with pytest.raises(Refused) as refused:
        await app.sign(CONTRACT)
    assert (refused.value.status, refused.value.body["error"]) == (400, "authorization_timeout")
    assert "new authorization" in refused.value.body["error_description"]
    assert len(world.doorbell.rings) == 1


async def test_a_session_asks_once(world: World) -> None:
    """signature_session: approved on the phone before there is a code; then it signs without ringing, until revoked."""
    credential = await world.credential(number=COMPANY)
    app = await application(world)
    begun = app.begin("signature_session", lifetime="7200")
    async with await identified(world, begun.address, credential) as response:
        assert response.status == 200
        page = {"page": page_token_of(await response.text())}
    wait = "/v0/oauth/authorize/wait"
    async with world.client.post(wait, json=page) as response:
        assert (await response.json())["state"] == "waiting"
    document = world.sam.held[ring(world)].document
    assert (document.type, document.number("maximum")) == ("session", 1000)
    world.sam.approve(ring(world))
    async with world.client.post(wait, json=page) as response:
        told = await response.json()
    assert told["state"] == "done"
    async with world.client.post(wait, json=page) as response:
        assert await response.json() == told, "a lost answer costs nothing"
    token = await app.finish(begun, told["redirect"])
    assert (token["scope"], token["authorized_identification_type"]) == ("signature_session", "CNPJ")
    assert token["authorized_identification"] == COMPANY
    assert 7100 < token["expires_in"] <= 7200
    certificate = (await app.certificates())[0]["certificate"]
    for text in (b"a", b"b"):
        (signature,) = await app.sign([("x", text)])
        verify(certificate, text, signature)
    assert len(await app.sign([("1", b"1"), ("2", b"2")])) == 2
    assert len(world.doorbell.rings) == 1
    await app.revoke()
    await dead(app.sign(CONTRACT))


def page_token_of(html: str) -> str:
    """As its script reads it."""
    return html.split('data-token="')[1].split('"')[0]


async def test_a_session_refused(world: World) -> None:
    """The person's browser goes back with user_denied; there is no code."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    begun = app.begin("signature_session")
    async with await identified(world, begun.address, credential) as response:
        page = {"page": page_token_of(await response.text())}
    world.sam.refuse(ring(world))
    async with world.client.post("/v0/oauth/authorize/wait", json=page) as response:
        told = await response.json()
    assert told["state"] == "over"
    with pytest.raises(Refused) as refused:
        await app.finish(begun, told["redirect"])
    assert refused.value.body["error"] == "user_denied"
    async with world.client.post("/v0/oauth/authorize/wait", json=page) as response:
        assert response.status == 400


async def test_authentication_signs_nothing(world: World) -> None:
    """authentication_session says who, shows the certificate, and rings nobody; at most 7 days, 30 of a company."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    token = await granted(world, app, "authentication_session", credential, lifetime=str(10**9))
    assert token["expires_in"] == 7 * 86400
    assert len(await app.certificates()) == 1
    company = await world.credential("P-256", number=COMPANY)
    token = await granted(world, app, "authentication_session", company, lifetime=str(10**9))
    assert token["expires_in"] == 30 * 86400
    with pytest.raises(Refused) as refused:
        await app.sign(CONTRACT)
    assert (refused.value.status, refused.value.body["error"]) == (403, "insufficient_scope")
    assert not world.doorbell.rings


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("single_signature", "Ela só acontece se você aprovar no celular."),
        ("multi_signature", "Elas só acontecem se você aprovar no celular."),
        ("signature_session", "O celular mostra em seguida quantas assinaturas e até quando: só vale se você aprovar."),
        ("authentication_session", "Nada é assinado."),
    ],
)
async def test_the_page_says_what_the_scope_allows(world: World, scope: str, told: str) -> None:
    """What the holder allows by identifying, in the words of this scope and of no other."""
    app = await application(world, prefix="/psc/vidaas")
    async with await visit(world, app.begin(scope).address) as response:
        page = await response.text()
    assert told in page
    assert "Cada uma só acontece" not in page


async def test_the_person_leaves_the_page(world: World) -> None:
    """Cancelled on OAuth's page: the application hears user_denied and its own state."""
    app = await application(world)
    begun = app.begin()
    async with await visit(world, begun.address) as response:
        page = page_token_of(await response.text())
    async with world.client.post("/oauth2/authorize/cancel", json={"page": page}) as response:
        back = (await response.json())["redirect"]
    async with await visit(world, back) as response:
        address = response.headers["Location"]
    assert address.startswith(CALLBACK)
    with pytest.raises(Refused) as refused:
        await app.finish(begun, address)
    assert refused.value.body["error"] == "user_denied"


async def test_the_hint_chooses_the_holder(world: World) -> None:
    """A phone with certificates of two holders: login_hint says whose the token is; another's phone is a refusal."""
    person, company = await world.credential(number=MARIA), await world.credential("P-256", number=COMPANY)
    app = await application(world)
    token = await granted(world, app, "single_signature", person, company, login_hint="12.ABC.345/01DE-35")
    assert (token["authorized_identification_type"], token["authorized_identification"]) == ("CNPJ", COMPANY)
    assert [one["alias"] for one in await app.certificates()] == [company]
    begun = app.begin(login_hint=MARIA)
    async with await identified(world, begun.address, company) as response:
        with pytest.raises(Refused) as refused:
            await app.finish(begun, response.headers["Location"])
    assert refused.value.body["error"] == "user_denied"


async def test_who_is_a_customer(world: World) -> None:
    """user-discovery: S with aliases, N for anybody else, and not too often; names and numbers stay here."""
    credential = await world.credential(number=MARIA)
    app = await application(world)
    found = await app.known(MARIA)
    assert found == {"status": "S", "slots": [{"slot_alias": credential, "label": "Certificado em nuvem 1"}]}
    assert await app.known("11144477735") == {"status": "N", "slots": []}
    for _ in range(3):
        await app.known(MARIA)
    with pytest.raises(Refused) as refused:
        await app.known(MARIA)
    assert refused.value.status == 429


async def test_an_applications_own_token(world: World) -> None:
    """client_token: two hours, and it is no holder's."""
    app = await application(world)
    token = await app.own_token()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 7200)
    app.token = token
    with pytest.raises(Refused) as refused:
        await app.certificates()
    assert (refused.value.status, refused.value.body["error"]) == (403, "insufficient_scope")
    bird = await application(world, BirdIdApplication, "/psc/birdid")
    assert (await bird.own_token())["token_type"] == "bearer"
