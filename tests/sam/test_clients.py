"""Integrators are known to the SAM by an operator's signed order, and by nothing else."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.hsm.facade import Hsm
from hsm_service.sam.clients.domain import AHEAD, FRESH
from hsm_service.sam.recall import WINDOW
from protocol.activation import activation_key
from protocol.orders import sign_order
from tests.sam.world import Authority, Signer, World, digest, open_world

pytestmark = pytest.mark.asyncio

ECDSA: dict[str, Any] = {"algorithm": "ECDSA-SHA256"}


def shown(world: World, made: dict[str, Any]) -> Any:
    """Who asks, as the phone shows it."""
    return world.open(made["statement"]).document.object("caller")


def asking(credential: str, client: str, **changes: Any) -> dict[str, Any]:
    """The body of documents/sign, as a gateway writes it."""
    return {
        "credential": credential, "caller": {"kind": "integrator", "id": client}, "hashes": [b64u(digest("one"))],
        "hash_algorithm": "SHA-256", "sign_algorithm": "ECDSA-SHA256",
        "documents": [{"label": "contrato.pdf", "size": 48213}], "activation_key": b64u(activation_key(bytes(32))),
        **changes,
    }  # fmt: skip


async def rung(world: World) -> int:
    """Requests that phones were shown."""
    return len(await world.sql("SELECT id FROM sam.documents WHERE type = 'sign'"))


@pytest.fixture
async def credential(world: World) -> str:
    made = await world.credential("P-256")
    await world.phone(made)
    return made


# ---- the name ------------------------------------------------------------------------------------------------------


async def test_the_name_is_the_orders(world: World, credential: str) -> None:
    """Whatever name the gateway sends along, the phone shows the one that the operator signed."""
    client = await world.register(name="Contratos SA")
    lie = {**client, "name": "Notebook da Maria"}
    made = await world.call("documents/sign", **asking(credential, client["id"], caller=lie))
    assert shown(world, made) == {"kind": "integrator", "id": client["id"], "name": "Contratos SA"}


async def test_who_is_not_registered_rings_nothing(world: World, credential: str) -> None:
    """Neither request nor identification, an audit line, and a registered one beside it changes nothing."""
    await world.register()
    stranger = new_id("cli")
    assert await world.refused("documents/sign", **asking(credential, stranger)) == "caller_unknown"
    assert (await world.events())[-1] == "ask.refused"
    phone = await world.phone(credential)
    body = {"device": phone.id, "integrator": {"id": stranger, "name": "Contratos SA"}, "scope": "s", "address": "a"}
    assert await world.refused("documents/identify", **body) == "caller_unknown"
    assert await rung(world) == 0
    assert (await world.call("documents/waiting", device=phone.id))["items"] == []


async def test_a_new_name_by_a_newer_order(world: World, credential: str) -> None:
    """The newest order counts; the audit names each, and the row says which one it came from."""
    client = await world.register(name="Antigo Ltda")
    world.clock.advance(timedelta(seconds=1))
    await world.register(client["id"], name="Novo Ltda", id="ord_0123456789abcdefghjkmnpqrs")
    made = await world.call("documents/sign", **asking(credential, client["id"]))
    assert shown(world, made)["name"] == "Novo Ltda"
    (row,) = await world.sql("SELECT order_id, operator FROM sam.clients")
    assert row["order_id"] == "ord_0123456789abcdefghjkmnpqrs"
    assert row["operator"] == world.authority.operator.public.jkt
    assert (await world.events()).count("client.registered") == 2


# ---- orders --------------------------------------------------------------------------------------------------------


async def test_orders_of_nobody_we_know(world: World, authority: Authority) -> None:
    """Another's key, another order, another signature, something huge: nothing is registered."""
    client, now = new_id("cli"), world.clock.now()
    good = authority.order(client, now)
    head, body, tail = good.split(".")
    revoke: dict[str, Any] = {"v": 1, "type": "revoke", "id": new_id("ord"), "created": 1, "serial": "01",
              "reason": "unspecified"}  # fmt: skip
    bad = [
        authority.order(client, now, Signer()),
        sign_order(revoke, authority.operator.key),
        f"{head}.{authority.order(client, now, name='Outro').split('.')[1]}.{tail}",
        f"{head}.{body}.{b64u(bytes(64))}", f"{head}.{body}.", "", "a.b.c",
        authority.order(new_id("cmp"), now), authority.order(client, now, state="king"),
        authority.order(client, now, name="Dois\u202enomes"), authority.order(client, now, name="n" * 61),
        authority.order(client, now, more=1),
    ]  # fmt: skip
    for order in bad:
        assert await world.refused("clients/register", order=order) == "order_invalid", order
    for call in ({"order": good + "A" * 9000}, {"order": None}, {"order": [good]}, {}):
        assert await world.refused("clients/register", **call) == "sam_bad_call"
    assert await world.sql("SELECT id FROM sam.clients") == []
    await world.call("clients/register", order=good)


async def test_an_operator_who_was_unpinned_orders_nothing_more(world: World, authority: Authority) -> None:
    """The file is asked at each order; what was registered before stays."""
    second = Signer()
    authority.operators[second.public.jkt] = second.public
    client = new_id("cli")
    order = authority.order(client, world.clock.now(), second)
    answer = await world.call("clients/register", order=order)
    del authority.operators[second.public.jkt]
    assert await world.refused("clients/register", order=order) == "order_invalid"
    world.clock.advance(timedelta(seconds=1))
    assert answer == await world.call("clients/register", order=authority.order(client, world.clock.now()))


async def test_the_same_order_again_and_an_older_one(world: World, credential: str, authority: Authority) -> None:
    """A lost answer may be asked for again, however late; a replayed older order changes nothing, and says so."""
    client, first = new_id("cli"), authority.order
    registered = first(client, world.clock.now())
    answer = await world.call("clients/register", order=registered)
    world.clock.advance(FRESH + timedelta(hours=1))
    assert await world.call("clients/register", order=registered) == answer == {"client": client, "state": "registered"}
    disabled = first(client, world.clock.now(), state="disabled")
    same_second = first(client, world.clock.now(), name="Outro")
    assert (await world.call("clients/register", order=disabled))["state"] == "disabled"
    with pytest.raises(LinkIdError) as refused:
        await world.call("clients/register", order=registered)
    assert (refused.value.code, refused.value.data) == (
        "order_outdated", {"newest": int(world.clock.now().timestamp())}
    )  # fmt: skip
    assert await world.refused("clients/register", order=same_second) == "order_outdated"
    assert await world.refused("documents/sign", **asking(credential, client)) == "caller_unknown"
    assert (await world.events()).count("client.disabled") == 1


async def test_orders_of_long_ago_and_of_the_future(world: World, authority: Authority) -> None:
    """An order that was never handed in is worth nothing later: whoever finds it registers nobody."""
    now, second = world.clock.now(), timedelta(seconds=1)
    for when in (now - FRESH - second, now + AHEAD + second, now + timedelta(days=10_000)):
        assert await world.refused("clients/register", order=authority.order(new_id("cli"), when)) == "order_not_fresh"
    for when in (now - FRESH, now + AHEAD):
        await world.call("clients/register", order=authority.order(new_id("cli"), when))
    assert FRESH + AHEAD <= WINDOW


async def test_twenty_orders_at_once(world: World, authority: Authority) -> None:
    """Of orders about one integrator at once, the newest that was taken stands; of ten of one second, one at most."""
    client, now = new_id("cli"), int(world.clock.now().timestamp())
    created = [now + n for n in range(10)] + [now + 9] * 10
    orders = [
        authority.order(client, world.clock.now(), created=when, name=f"Nome {n}") for n, when in enumerate(created)
    ]
    outcomes = await asyncio.gather(
        *(world.call("clients/register", order=order) for order in orders), return_exceptions=True
    )
    assert {one.code for one in outcomes if isinstance(one, LinkIdError)} <= {"order_outdated"}
    taken = [when for when, one in zip(created, outcomes, strict=True) if isinstance(one, dict)]
    assert taken
    assert len(set(taken)) == len(taken)
    (row,) = await world.sql("SELECT extract(epoch FROM ordered_at)::bigint AS at FROM sam.clients")
    assert row["at"] == max(taken)
    assert (await world.events()).count("client.registered") == len(taken)


# ---- keys ----------------------------------------------------------------------------------------------------------


async def test_an_integrator_with_keys_signs_what_it_asks(world: World, credential: str) -> None:
    """As a computer does: its own bytes, by any of its keys, once; anything else is refused and rings nothing."""
    mine, second = Signer(), Signer()
    client = (await world.register(signer=mine))["id"]
    world.clock.advance(timedelta(seconds=1))
    await world.register(client, keys=[mine.public.jwk, second.public.jwk])
    body = asking(credential, client)
    ask = world.signed_ask(body)
    other = await world.register(signer=Signer())
    wrong: list[dict[str, Any]] = [
        {"ask": None}, {}, {"ask": ask, "hashes": [b64u(digest("evil"))]},
        {"ask": ask, "documents": [{"label": "nota.pdf", "size": 48213}]},
        {"ask": world.signed_ask(body, Signer())}, {"ask": world.signed_ask(body, mine, caller="cmp" + client[3:])},
        {"ask": ask, "caller": other}, {"ask": world.signed_ask({**body, "caller": other})},
        {"ask": world.signed_ask(body, created=int(world.clock.now().timestamp()) - 121)},
    ]  # fmt: skip
    for change in wrong:
        assert await world.refused("documents/sign", **{**body, **change}) == "ask_invalid", change
        assert (await world.events())[-1] == "ask.refused"
    assert await rung(world) == 0
    for asked in (ask, world.signed_ask(body, second)):
        made = await world.call("documents/sign", **body, ask=asked)
        await world.call("documents/withdraw", document=made["document"])
        assert await world.refused("documents/sign", **body, ask=asked) == "ask_invalid"
    assert await rung(world) == 2


async def test_a_key_that_an_order_took_away_asks_no_more(world: World, credential: str) -> None:
    """And one without keys cannot be asked for with a signature, lest it takes itself for protected."""
    mine = Signer()
    client = (await world.register(signer=mine))["id"]
    body = asking(credential, client)
    world.clock.advance(timedelta(seconds=1))
    await world.register(client, keys=[Signer().public.jwk])
    assert await world.refused("documents/sign", **body, ask=world.signed_ask(body, mine)) == "ask_invalid"
    world.clock.advance(timedelta(seconds=1))
    await world.register(client, keys=[])
    with pytest.raises(LinkIdError) as refused:
        await world.call("documents/sign", **body, ask=world.signed_ask(body, mine))
    assert refused.value.data == {"why": "no_key"}
    await world.call("documents/sign", **body)


# ---- shut out ------------------------------------------------------------------------------------------------------


async def test_an_activation_opens_for_nobody_who_was_shut_out_meanwhile(world: World, credential: str) -> None:
    """Approved, then disabled: no signature; registered anew in time, it may fetch it."""
    client = await world.register()
    phone = await world.phone(credential)
    request = await world.ask(credential, caller=client, **ECDSA)
    decided = await world.approve(phone, request)
    world.clock.advance(timedelta(seconds=1))
    await world.register(client["id"], state="disabled")
    assert await world.refused("signatures/sign", **request.call(decided["activation"])) == "caller_unknown"
    assert await world.sql("SELECT * FROM sam.signatures") == []
    world.clock.advance(timedelta(seconds=1))
    await world.register(client["id"])
    assert len(await world.sign(request, decided["activation"])) == 1


# ---- whoever writes to the database --------------------------------------------------------------------------------


async def test_rows_that_no_order_wrote(world: World, credential: str) -> None:
    """Another name, other keys, back to registered, a row of his own, another's MAC: no such integrator."""
    client = (await world.register(name="Contratos SA", signer=Signer()))["id"]
    other = (await world.register(name="Cartório"))["id"]
    world.clock.advance(timedelta(seconds=1))
    shut = (await world.register())["id"]
    world.clock.advance(timedelta(seconds=1))
    await world.register(shut, state="disabled")
    assert await world.refused("documents/sign", **asking(credential, shut)) == "caller_unknown"
    good = await world.sql("SELECT * FROM sam.clients WHERE id = $1", client)
    for column, value in (
        ("name", "Banco do Brasil"), ("keys", []), ("keys", [Signer().public.point]),
        ("ordered_at", world.clock.now()), ("order_id", new_id("ord")), ("operator", "x"),
    ):  # fmt: skip
        await world.sql(f"UPDATE sam.clients SET {column} = $2 WHERE id = $1", client, value)
        assert await world.refused("documents/sign", **asking(credential, client)) == "caller_unknown", column
        await world.sql(f"UPDATE sam.clients SET {column} = $2 WHERE id = $1", client, good[0][column])
    await world.sql("UPDATE sam.clients SET state = 'registered' WHERE id = $1", shut)
    assert await world.refused("documents/sign", **asking(credential, shut)) == "caller_unknown"
    await world.sql("DELETE FROM sam.clients WHERE id = $1", client)
    await world.sql("UPDATE sam.clients SET id = $1 WHERE id = $2", client, other)
    assert await world.refused("documents/sign", **asking(credential, client)) == "caller_unknown"
    assert "row.forged" in await world.events()
    assert await rung(world) == 0


async def test_an_order_writes_over_a_forged_row(world: World, credential: str) -> None:
    """Whatever was written there, the operator's next order stands."""
    client = (await world.register(name="Contratos SA"))["id"]
    await world.sql("UPDATE sam.clients SET name = 'Banco', ordered_at = now() + interval '99 years'")
    world.clock.advance(timedelta(seconds=1))
    await world.register(client, name="Contratos SA")
    assert shown(world, await world.call("documents/sign", **asking(credential, client)))["name"] == "Contratos SA"


async def test_a_row_turned_back(world: World, credential: str, hsm: Hsm, authority: Authority, tmp_path: Path) -> None:
    """The row of before it was shut out, put back: refused here, and by a SAM that starts; an audit line."""
    client = (await world.register())["id"]
    before = (await world.sql("SELECT * FROM sam.clients"))[0]
    world.clock.advance(timedelta(seconds=1))
    await world.register(client, state="disabled")
    await world.sql(
        "UPDATE sam.clients SET state = $1, order_id = $2, ordered_at = $3, mac = $4",
        *(before[name] for name in ("state", "order_id", "ordered_at", "mac")),
    )
    assert await world.refused("documents/sign", **asking(credential, client)) == "caller_unknown"
    assert "row.turned_back" in await world.events()
    fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
    await fresh.sam.watch.look()
    try:
        assert await fresh.refused("documents/sign", **asking(credential, client)) == "caller_unknown"
    finally:
        await fresh.close()


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_old_order_over_a_row_that_is_gone(
    world: World, credential: str, hsm: Hsm, authority: Authority, restarted: bool
) -> None:
    """Deleting the row makes no replay of what came before it: the SAM remembers, and learns it again at its start."""
    client = new_id("cli")
    registered = authority.order(client, world.clock.now() + AHEAD)
    await world.call("clients/register", order=registered)
    world.clock.advance(timedelta(seconds=1))
    disabled = authority.order(client, world.clock.now() + AHEAD, state="disabled")
    await world.call("clients/register", order=disabled)
    await world.sql("DELETE FROM sam.clients")
    world.clock.advance(FRESH + AHEAD - timedelta(seconds=1))  # the last moment at which the first one is taken
    fresh = world
    if restarted:
        fresh = await open_world(hsm, world.database, world.head, world.clock, authority)
        await fresh.sam.watch.look()
    assert await fresh.refused("clients/register", order=registered) == "order_outdated"
    assert await fresh.refused("documents/sign", **asking(credential, client)) == "caller_unknown"
    if restarted:
        await fresh.close()
