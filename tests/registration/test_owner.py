"""An owner's way: signed in with the phone, registered, let in by an operator, looked after."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest

from foundation.dpop import thumbprint
from foundation.ids import new_id
from hsm_service.registration.errors import NotAsSeen, NothingWaits
from hsm_service.registration.store import forget
from push.errors import CarrierBusy
from tests.registration.owners import (
    HOME,
    JOAO,
    WISH,
    Browser,
    admission,
    in_use,
    operator,
    owner,
    registered,
    seen_in,
    token_status,
    turned_on,
)
from tests.support.client_certificates import Identity
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP

CALLBACK = "https://contratos.test/callback"
PUBLIC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


async def test_from_nothing_to_a_token(world: World) -> None:
    """The phone is told that somebody only wants to know who it is; id and secret open nothing until an operator says
    the name; then they do, and the page says so each time."""
    await turned_on(world)
    maria = await owner(world)
    link = world.links.last
    assert (link.client_name, link.scope) == ("Link ID: página de integradores", "authentication_session")
    client, secret = await registered(world, maria)
    assert secret is not None
    assert "Aguardando o operador" in maria.text
    assert f"linkid application admit {client} --name 'Contratos SA'" in maria.text
    assert await token_status(world, client, secret) == 401
    listed = await operator(world, "list")
    assert all(word in listed for word in (client, "Contratos SA", "MARIA DA SILVA", "ti@contratos.test", CALLBACK))
    assert secret not in listed
    assert secret not in await maria.get(f"{HOME}/{client}"), "shown once"
    await operator(world, "admit", client, "--name", "Contratos SA")
    assert await operator(world, "list") == ""
    assert world.sam.integrators[client] == "Contratos SA"
    assert await token_status(world, client, secret) == 200
    assert "Liberada" in await maria.get(f"{HOME}/{client}")
    assert "Liberada" in await maria.get(HOME)


async def test_every_way_of_proving_oneself(world: World) -> None:
    """Key, certificates, nothing: each becomes a client with exactly that; with signed asks the SAM has the key."""
    await turned_on(world)
    maria = await owner(world)
    own = Identity("CN=erp", now=world.clock.now())
    cases: dict[str, dict[str, Any]] = {
        "key": {"keys": json.dumps({"keys": [PUBLIC_KEY]}), "signs_asks": "1"},
        "tls": {"tls_subject": "dn:CN=erp,O=Contratos SA,C=BR"},
        "self_signed": {"certificates": own.pem.decode()},
        "none": {"itself": None},
    }
    for method, changes in cases.items():
        client, secret = await in_use(world, maria, method=method, name=f"Teste {method}", **changes)
        assert secret is None
        row = await world.owner.fetchrow("SELECT * FROM oauth.clients WHERE id = $1", client)
        assert row is not None
        assert row["method"] == method
        assert (client in world.sam.signers) == (method == "key")
        assert (row["tls_subject"], [bytes(one) for one in row["certificates"]]) == (
            changes.get("tls_subject"),
            [own.der] if method == "self_signed" else [],
        )
        assert json.loads(row["keys"]) == ([PUBLIC_KEY] if method == "key" else [])


async def test_whether_it_may_draw_codes_is_told(world: World) -> None:
    """Its owner reads it on the page, as the operator last said it, with what an operator would type; not where it
    could not begin by a page of its own, and not while it waits or is shut out."""
    await turned_on(world)
    maria = await owner(world)
    title, command = "QR Code na sua página", "linkid integrator show-codes"
    client, _ = await registered(world, maria)
    assert title not in maria.text
    await operator(world, "admit", client, "--name", WISH["name"])
    for allowed in (False, True, False):
        await world.clients.show_codes(client, allowed)
        await maria.get(f"{HOME}/{client}")
        assert title in maria.text
        assert ("Permitido pelo operador" in maria.text, f"{command} {client}" in maria.text) == (allowed, not allowed)
    await world.clients.show_codes(client, True)
    await world.clients.disable(client)
    assert title not in await maria.get(f"{HOME}/{client}")
    for wish in (
        {"method": "none", "itself": None},
        {"method": "key", "keys": json.dumps(PUBLIC_KEY)},
        {"people": None, "redirects": None},
    ):
        await in_use(world, maria, name="Outra", **wish)
        assert "Liberada" in maria.text
        assert title not in maria.text


async def test_an_operator_sees_the_keys_they_let_in(world: World) -> None:
    """Thumbprints of keys and certificates, in the list and after the act: what an operator signs can be compared."""
    await turned_on(world)
    maria = await owner(world)
    own = Identity("CN=erp", now=world.clock.now())
    wishes = {
        thumbprint(PUBLIC_KEY): {"method": "key", "keys": json.dumps(PUBLIC_KEY), "signs_asks": "1"},
        hashlib.sha256(own.der).hexdigest(): {"method": "self_signed", "certificates": own.pem.decode()},
    }
    for print_, wish in wishes.items():
        client, _ = await registered(world, maria, **wish)
        assert print_ in await operator(world, "list")
        assert print_ in await operator(world, "admit", client, "--name", WISH["name"])


async def test_a_secret_is_renewed_without_a_gap(world: World) -> None:
    """Both are good for a day, or until the owner ends the old one; an operator's new secret ends both at once."""
    await turned_on(world)
    maria = await owner(world)
    client, first = await in_use(world, maria)
    await maria.post(f"{HOME}/{client}/segredo")
    second = maria.secret
    assert second not in (None, first)
    assert [await token_status(world, client, one) for one in (first, second, "cls_x")] == [200, 200, 401]
    world.clock.advance(timedelta(days=1))
    assert [await token_status(world, client, one) for one in (first, second)] == [401, 200]
    maria = await owner(world)
    await maria.get(f"{HOME}/{client}")
    await maria.post(f"{HOME}/{client}/segredo")
    third = maria.secret
    assert "ainda vale" in maria.text
    await maria.post(f"{HOME}/{client}/segredo-anterior")
    assert "não vale mais" in maria.text
    assert [await token_status(world, client, one) for one in (second, third)] == [401, 200]
    await maria.post(f"{HOME}/{client}/segredo-anterior")
    assert maria.status == 409, "there is none any more"
    await maria.get(f"{HOME}/{client}")
    await maria.post(f"{HOME}/{client}/segredo")
    fourth = await world.clients.new_secret(client)
    assert [await token_status(world, client, one) for one in (third, maria.secret, fourth)] == [401, 401, 200]


async def test_return_addresses(world: World) -> None:
    """At hosts that an operator saw they change at once; a new host changes nothing until an operator admits exactly
    the list that was read."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await in_use(world, maria)

    async def now() -> list[str]:
        return list(await world.owner.fetchval("SELECT redirects FROM oauth.clients WHERE id = $1", client))

    same = ["https://contratos.test/callback", "https://contratos.test/outra"]
    await maria.post(f"{HOME}/{client}/retornos", redirects="\r\n".join(["", *same, same[0], "  "]))
    assert "gravados" in maria.text
    assert await now() == same
    other = "https://novo.contratos.test/volta"
    await maria.post(f"{HOME}/{client}/retornos", redirects=f"{same[0]}\n{other}")
    assert "aguarda o operador" in maria.text
    assert await now() == same
    listed = await operator(world, "list")
    first = listed.split()[0]
    assert other in listed
    assert client in listed
    # The owner thinks again: what the operator read cannot be admitted any more.
    await maria.post(f"{HOME}/{client}/retornos", redirects="https://terceiro.test/")
    with pytest.raises(NothingWaits):
        await operator(world, "admit", first, "--name", "Contratos SA")
    second = (await operator(world, "list")).split()[0]
    with pytest.raises(NothingWaits):
        await operator(world, "admit", second, "--name", "Outro nome")
    assert await now() == same
    await operator(world, "admit", second, "--name", "Contratos SA")
    assert await now() == ["https://terceiro.test/"]
    with pytest.raises(NothingWaits):
        await operator(world, "admit", second, "--name", "Contratos SA")
    await maria.get(f"{HOME}/{client}")
    await maria.post(f"{HOME}/{client}/retornos", redirects="com.example.app:/volta")
    await maria.post(f"{HOME}/{client}/retornos/desistir")
    assert "desfeita" in maria.text
    assert await operator(world, "list") == ""


async def test_being_told(world: World) -> None:
    """A webhook is set, tested and dropped; the page shows what became of each event, and a bad address is refused."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await in_use(world, maria)
    await maria.post(f"{HOME}/{client}/avisos/teste")
    assert "Grave um endereço antes" in maria.text
    for bad in (
        "http://contratos.test/x",
        "https://10.0.0.1/x",
        "javascript:alert(1)",
        "https://contratos.test/" + "a" * 500,
    ):
        await maria.post(f"{HOME}/{client}/avisos", webhook=bad)
        assert (maria.status, 'aria-invalid="true"' in maria.text) == (400, True), bad
    await maria.post(f"{HOME}/{client}/avisos", webhook="https://contratos.test/link-id")
    await maria.post(f"{HOME}/{client}/avisos/teste")
    assert "na fila" in maria.text
    await world.outbox.work()
    (where, event), *_ = world.told.events
    assert where == "https://contratos.test/link-id"
    assert {**event, "id": "", "created": ""} == {"id": "", "type": "test", "created": "", "application": client}
    text = await maria.get(f"{HOME}/{client}")
    assert "entregue (1 tentativa)" in text
    assert event["id"] in text
    world.told.away = CarrierBusy("status 500")
    await maria.post(f"{HOME}/{client}/avisos/teste")
    await world.outbox.work()
    assert "o endereço não respondeu 2xx a tempo" in await maria.get(f"{HOME}/{client}")
    for _ in range(6):
        await maria.get(f"{HOME}/{client}")
        await maria.post(f"{HOME}/{client}/avisos/teste")
    assert maria.status == 429
    assert int(maria.headers["Retry-After"]) > 0
    await maria.get(f"{HOME}/{client}")
    await maria.post(f"{HOME}/{client}/avisos", webhook=None)
    assert await world.owner.fetchval("SELECT count(*) FROM webhooks.addresses") == 0


async def test_the_name_is_the_operators_word(world: World) -> None:
    """Another name, or nothing that waits: not let in. A secret that was renewed meanwhile is the one that counts."""
    await turned_on(world)
    maria = await owner(world)
    client, first = await registered(world, maria)
    for named, name in ((client, "Banco do Brasil"), (new_id("cli"), "Contratos SA"), (new_id("chg"), "Contratos SA")):
        with pytest.raises(NothingWaits):
            await operator(world, "admit", named, "--name", name)
    assert client not in world.sam.integrators
    told = world.vouching.registered
    try:

        async def meanwhile(*words: object) -> None:
            await told(*words)  # type: ignore[arg-type]
            await maria.post(f"{HOME}/{client}/segredo")

        world.vouching.registered = meanwhile  # type: ignore[method-assign, assignment]
        await operator(world, "admit", client, "--name", "Contratos SA")
    finally:
        world.vouching.registered = told  # type: ignore[method-assign]
    assert maria.secret is not None
    assert [await token_status(world, client, one) for one in (first, maria.secret)] == [401, 200]


async def test_what_is_let_in_is_what_was_read(world: World) -> None:
    """Whoever writes rows between an operator's reading and their yes gets nothing signed, and no address changed; what
    its owner takes back in that moment asks nobody."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await registered(world, maria, method="key", keys=json.dumps(PUBLIC_KEY), signs_asks="1")
    seen = seen_in(await operator(world, "list"), client)
    mine = await world.owner.fetchrow("SELECT name, redirects, keys::text FROM registration.applications")
    assert mine is not None
    other = json.dumps([{**PUBLIC_KEY, "x": PUBLIC_KEY["y"], "y": PUBLIC_KEY["x"]}])
    for change in ("redirects = '{https://evil.test/}'", f"keys = '{other}'", "signs_asks = false"):
        await world.owner.execute(f"UPDATE registration.applications SET {change}")
        with pytest.raises(NotAsSeen):
            await operator(world, "admit", client, "--name", "Contratos SA", "--seen", seen)
        await world.owner.execute(
            "UPDATE registration.applications SET redirects = $1, keys = $2, signs_asks = true",
            mine["redirects"], mine["keys"],
        )  # fmt: skip
    assert client not in world.sam.integrators
    told = world.vouching.registered
    try:

        async def meanwhile(*words: object) -> None:
            await told(*words)  # type: ignore[arg-type]
            await maria.get(f"{HOME}/{client}")
            await maria.post(f"{HOME}/{client}/desistir")

        world.vouching.registered = meanwhile  # type: ignore[method-assign, assignment]
        with pytest.raises(NothingWaits, match="withdrawn"):
            await operator(world, "admit", client, "--name", "Contratos SA", "--seen", seen)
    finally:
        world.vouching.registered = told  # type: ignore[method-assign]
    assert client not in world.sam.integrators
    assert await world.owner.fetchval("SELECT disabled_at IS NOT NULL FROM oauth.clients WHERE id = $1", client)


async def test_what_ends(world: World) -> None:
    """An owner withdraws what waits, and only that; what nobody let in is forgotten; what was shut out says so."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await registered(world, maria)
    await maria.post(f"{HOME}/{client}/desistir")
    assert maria.status == 303
    assert client not in await maria.get(HOME)
    used, secret = await in_use(world, maria)
    await maria.post(f"{HOME}/{used}/desistir")
    assert maria.status == 409
    waits, _ = await registered(world, maria)
    await forget(world.database, world.clock.now() + timedelta(days=31))
    found = [one.client for one in (await admission(world).waiting()).applications]
    assert found == []
    assert await world.owner.fetchval("SELECT count(*) FROM registration.sign_ins") == 0
    again = await owner(world)
    assert used in again.text
    assert waits not in again.text
    await world.clients.disable(used)
    assert await token_status(world, used, secret) == 401
    assert "Encerrada pelo operador" in await again.get(f"{HOME}/{used}")
    for act in ("segredo", "avisos/teste"):
        await again.post(f"{HOME}/{used}/{act}", version="2", _form=again.form)
        assert again.status == 409, act


async def test_who_holds_which_certificate(world: World) -> None:
    """An owner is a CPF: a renewed certificate opens the same applications, another person's opens none of them."""
    await turned_on(world)
    maria = await owner(world)
    client, _ = await registered(world, maria)
    renewed = await owner(world)
    assert client in renewed.text
    joao = await owner(world, JOAO, "JOAO DE TESTE")
    assert client not in joao.text
    nobody = Browser(world)
    await nobody.get(f"{HOME}/entrar")
    await nobody.get(await nobody.approve(await world.credential(subject="SEM NUMERO")))
    assert (nobody.status, nobody.cookie) == (401, nobody.cookie)
    assert "Entrar com o celular" in await nobody.get(HOME)


async def test_off_until_an_operator_turns_it_on(world: World) -> None:
    """Without the operator's word the page says so and opens no authorize page; shut out again, likewise."""
    browser = Browser(world)
    assert "Desligada neste serviço" in await browser.get(HOME)
    await browser.get(f"{HOME}/entrar")
    assert (browser.status, len(world.links.links)) == (503, 0)
    said = await operator(world, "page")
    assert said == await operator(world, "page"), "again changes nothing"
    assert "Entrar com o celular" in await browser.get(HOME)
    await world.clients.disable(str(await world.owner.fetchval("SELECT client FROM registration.page")))
    assert "Desligada neste serviço" in await browser.get(HOME)
