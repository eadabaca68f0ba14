"""Applications that register themselves: nothing opens until an operator lets them in, little changes without one."""

from __future__ import annotations

import argparse
import io
from typing import Any

import pytest

from foundation.audit import AuditChain
from foundation.errors import Unavailable
from foundation.ids import new_id
from hsm_service.psc.commands import Operator, arguments, perform
from hsm_service.psc.errors import BadPscRequest, RegistrationOff
from hsm_service.psc.service.applications import ApplicationService
from hsm_service.psc.settings import PscSettings
from tests.psc.integrators.norm import Application, Refused
from tests.psc.integrators.vidaas import VidaasApplication
from tests.psc.people import CALLBACK, MARIA, application, granted, visit
from tests.registration.owners import seen_in
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


def newcomer(world: World, kind: type[Application] = Application, prefix: str = "") -> Application:
    """Nobody yet."""
    return kind(world.client.session, str(world.client.make_url("")).rstrip("/") + prefix, "", "", CALLBACK)


def service(world: World, **settings: Any) -> ApplicationService:
    """As an operator's command has it."""
    audit = AuditChain(world.database, "gateway-operator", world.clock)
    return ApplicationService(world.database, world.clock, audit, PscSettings(**settings))


async def operator(world: World, *words: str) -> str:
    """`linkid application …`: what it says. What is let in without ``--seen`` was read just before."""
    if words[0] == "admit" and "--seen" not in words:
        words = (*words, "--seen", seen_in(await operator(world, "list"), words[1]))
    parser = argparse.ArgumentParser()
    arguments(parser)
    out = io.StringIO()
    assert await perform(parser.parse_args(words), Operator(service(world), world.clients, out)) == 0
    return out.getvalue()


async def refused(call: Any) -> tuple[int, str]:
    """Status and error of a call that fails."""
    with pytest.raises(Refused) as caught:
        await call
    return caught.value.status, caught.value.body["error"]


async def test_from_nobody_to_a_token(world: World) -> None:
    """Registered, listed, let in by name, and then like any other application; nothing of it works before."""
    credential = await world.credential(number=MARIA)
    app = newcomer(world)
    assert "success" in await app.register("ERP da Maria")
    for call in (app.own_token(), app.known(MARIA), app.redeem("psa_x", "v" * 43)):
        assert await refused(call) == (401, "invalid_client")
    async with await visit(world, app.begin().address) as response:
        assert response.status == 400, "nobody is sent there"
    assert not world.sam.integrators
    listed = await operator(world, "list")
    assert app.client_id in listed
    assert all(word in listed for word in ("ERP da Maria", "ti@erp.example", CALLBACK))
    assert app.client_secret not in listed
    assert app.client_id in await operator(world, "admit", app.client_id, "--name", "ERP da Maria")
    assert await operator(world, "list") == ""
    assert world.sam.integrators == {app.client_id: "ERP da Maria"}
    token = await granted(world, app, "single_signature", credential)
    assert token["authorized_identification"] == MARIA


async def test_the_name_is_the_operators_word(world: World) -> None:
    """Another name than the row's, or no such application: not let in. A SAM that is away leaves it waiting."""
    app = newcomer(world)
    await app.register("ERP da Maria")
    for client, name in ((app.client_id, "Banco do Brasil"), (new_id("cli"), "ERP da Maria"), ("x", "y")):
        with pytest.raises(BadPscRequest):
            await operator(world, "admit", client, "--name", name)
    seen = seen_in(await operator(world, "list"), app.client_id)
    await world.owner.execute("UPDATE psc.applications SET redirects = '{https://evil.test/}'")
    with pytest.raises(BadPscRequest, match="not what you read"):
        await operator(world, "admit", app.client_id, "--name", "ERP da Maria", "--seen", seen)
    assert not world.sam.integrators
    world.vouching.away = Unavailable()
    with pytest.raises(Unavailable):
        await operator(world, "admit", app.client_id, "--name", "ERP da Maria")
    assert await refused(app.own_token()) == (401, "invalid_client")
    world.vouching.away = None
    await operator(world, "admit", app.client_id, "--name", "ERP da Maria")
    assert (await app.own_token())["expires_in"] == 7200


async def test_each_variant_says_it_in_its_words(world: World) -> None:
    """VIDaaS's clients may compare its very spelling."""
    app = newcomer(world, VidaasApplication, "/psc/vidaas")
    assert await app.register("App") == "New Client Application registered with Sucess"


BAD: list[dict[str, Any]] = [
    {"name": ""}, {"name": 7}, {"name": "x" * 61}, {"name": "a\u202eb"}, {"name": "a\nb\x00"}, {"name": "---"},
    {"email": "x"}, {"email": 7}, {"email": "a@b" + "x" * 300}, {"comments": 7}, {"comments": "x" * 1001},
    {"redirect_uris": []}, {"redirect_uris": None}, {"redirect_uris": CALLBACK}, {"redirect_uris": [7]},
    {"redirect_uris": ["http://evil.test/"]}, {"redirect_uris": ["https://a.test/#x"]}, {"redirect_uris": ["x"] * 11},
    {"redirect_uris": ["javascript:alert(1)"]}, {"redirect_uris": ["https://u:p@a.test/"]},
]  # fmt: skip


async def test_what_is_no_application(world: World) -> None:
    """400, and nothing waits; in both endpoints."""
    app = newcomer(world)
    for change in BAD:
        assert await refused(app.register(**{"name": "ERP", **change})) == (400, "invalid_request"), change
    assert await world.owner.fetchval("SELECT count(*) FROM psc.applications") == 0
    known = await application(world)
    for change in BAD:
        assert (await refused(known.maintain(**{"name": "Contratos SA", **change})))[0] == 400, change


async def test_no_flood_of_them(world: World) -> None:
    """Five an hour of one address; and none at all unless the operator wants it."""
    app = newcomer(world)
    for number in range(5):
        await app.register(f"App {number}")
    assert (await refused(app.register("App 6")))[0] == 429
    with pytest.raises(RegistrationOff):
        await service(world).ask_in(name="A", comments="", email="", redirects=[CALLBACK], address="192.0.2.1")


async def test_changes_stay_with_what_was_vouched_for(world: World) -> None:
    """Other addresses of the same host: yes. Another host, another name, another application: no."""
    app = await application(world)
    other = await application(world)
    more = [CALLBACK, "https://contratos.test/other"]
    assert (await app.maintain(name="Contratos SA", redirect_uris=more))["status"] == "success"
    app.redirect_uri = more[1]
    async with await visit(world, app.begin().address) as response:
        assert response.status == 200
    for wrong in (
        {"redirect_uris": ["https://evil.test/callback"]},
        {"redirect_uris": [*more, "http://127.0.0.1/callback"]},
        {"client_id": other.client_id},
        {"client_id": 7},
    ):
        assert await refused(app.maintain(**{"name": "Contratos SA", **wrong})) == (400, "invalid_request"), wrong
    assert (await refused(app.maintain(name="Banco do Brasil")))[0] == 403
    await granted(world, other, "multi_signature", await world.credential(number=MARIA))
    holders, others = other.token["access_token"], {"client_id": other.client_id, "name": "Contratos SA"}
    for token, status in ((holders, 403), ("x", 401)):
        headers = {"Authorization": f"Bearer {token}"}
        body = {**others, "redirect_uris": [CALLBACK]}
        async with world.client.put("/v0/oauth/client_maintenance", json=body, headers=headers) as response:
            assert response.status == status
