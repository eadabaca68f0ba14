"""Attacker 4 of docs/threats.md, in integrators' names: what he may put on a phone's screen, and for whom he may ask.

The SAM shows the names of operators' orders only, and asks for an integrator with keys only what one of them signed.
Left to him, and tried here too: an integrator without keys, whose hashes are his word, under its true name.
"""

import hashlib
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from demo.stack import Stack
from demo.world import World
from foundation.clock import SystemClock
from foundation.encoding import b64u
from foundation.ids import new_id
from linkid.operators import context
from protocol import asks
from protocol.activation import activation_key
from protocol.keys import sign_raw
from protocol.orders import sign_order
from tests.attacks.conftest import Sql
from tests.attacks.hostile import Inside, own_key

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVIL, GOOD = (hashlib.sha256(text).digest() for text in (b"something the holder never saw", b"contrato"))
HIS, HIS_PUBLIC = own_key()


def body_of(maria: World, caller: Any, digest: bytes = EVIL, **changes: Any) -> dict[str, Any]:
    """documents/sign, as he writes it."""
    return {
        "credential": maria.credential, "caller": caller, "hashes": [b64u(digest)],
        "hash_algorithm": "SHA-256", "sign_algorithm": "RSA-PKCS1-SHA256",
        "documents": [{"label": "contrato.pdf", "size": 48213}],
        "activation_key": b64u(activation_key(secrets.token_bytes(32))), **changes,
    }  # fmt: skip


def signed(body: dict[str, Any], key: ec.EllipticCurvePrivateKey, caller: str | None = None) -> dict[str, Any]:
    """With an ask by a key."""
    documents = [{**one, "hash": hash_} for one, hash_ in zip(body["documents"], body["hashes"], strict=True)]
    nonce, created = secrets.token_bytes(16), int(SystemClock().now().timestamp())
    said = asks.message(caller or body["caller"]["id"], body["credential"], body["hash_algorithm"], documents,
                        nonce=nonce, created=created)  # fmt: skip
    return {**body, "ask": asks.SignedAsk(nonce, created, sign_raw(key, said)).members()}


async def rings(maria: World) -> list[str]:
    """Requests on Maria's phone."""
    return [one.id for one in await maria.phone.waiting() if one.type == "sign"]


async def test_he_chooses_no_name(maria: World, inside: Inside, superuser: Sql) -> None:
    """An integrator that no order made known rings nothing, whatever it is called; a known one is shown as ordered."""
    device = str(maria.phone.device)
    banco = await inside.integrator("Banco do Brasil")
    for stranger in (
        {"kind": "integrator", "id": new_id("cli"), "name": "Banco do Brasil"},
        {"kind": "integrator", "id": new_id("cli"), "name": "Notebook da Maria"},
    ):
        assert await inside.refused("sam", "documents/sign", **body_of(maria, stranger)) == "caller_unknown"
        said = {"device": device, "integrator": stranger, "scope": "service", "address": "192.0.2.1"}
        assert await inside.refused("sam", "documents/identify", **said) == "caller_unknown"
    for crossed in ({"kind": "computer", "id": banco["id"]}, {"kind": "integrator", "id": maria.computer.id}):
        assert await inside.refused("sam", "documents/sign", **body_of(maria, crossed)) == "sam_bad_call"
    assert await rings(maria) == []
    lie = {**banco, "name": "Notebook da Maria"}
    made = await inside.call("sam", "documents/sign", **body_of(maria, lie))
    shown = await maria.phone.fetch(made["document"])
    assert shown.content["caller"] == {"kind": "integrator", "id": banco["id"], "name": "Banco do Brasil"}
    await inside.call("sam", "documents/withdraw", document=made["document"])
    said = {"device": device, "integrator": lie, "scope": "service", "address": "192.0.2.1"}
    made = await inside.call("sam", "documents/identify", **said)
    (data,) = await superuser("SELECT data FROM sam.documents WHERE id = $1", made["document"])
    assert b"Notebook" not in bytes(data["data"])
    assert b"Banco do Brasil" in bytes(data["data"])
    await inside.call("sam", "documents/withdraw", document=made["document"])


async def test_he_asks_nothing_for_an_integrator_with_keys(maria: World, inside: Inside) -> None:
    """He has what it signed for its own request, and keys of his own: no other hash, and that one once."""
    key, public = own_key()
    banco = await inside.integrator("Banco", public)
    other = await inside.integrator("Cartório", HIS_PUBLIC)
    genuine = signed(body_of(maria, banco, GOOD), key)
    evil = body_of(maria, banco)
    for lie in (
        evil, {**evil, "ask": genuine["ask"]}, signed(evil, HIS), signed(evil, HIS, other["id"]),
        {**genuine, "documents": [{"label": "nota.pdf", "size": 1}]}, {**genuine, "ask": None},
        {**genuine, "caller": other}, {**signed(evil, key, "cmp_" + banco["id"][4:])},
    ):  # fmt: skip
        assert await inside.refused("sam", "documents/sign", **lie) == "ask_invalid", lie
    assert await rings(maria) == []
    made = await inside.call("sam", "documents/sign", **genuine)
    await inside.call("sam", "documents/withdraw", document=made["document"])
    assert await inside.refused("sam", "documents/sign", **genuine) == "ask_invalid"
    assert await rings(maria) == []


async def test_he_registers_nobody(maria: World, inside: Inside, stack: Stack) -> None:
    """Orders by keys of his own, and a genuine one of before an integrator was shut out: nothing changes."""
    client, now = new_id("cli"), int(SystemClock().now().timestamp())
    order: dict[str, Any] = {
        "v": 1, "type": "client", "id": new_id("ord"), "created": now, "client": client, "name": "Notebook da Maria",
        "keys": [HIS_PUBLIC.jwk], "state": "registered",
    }  # fmt: skip
    assert await inside.refused("sam", "clients/register", order=sign_order(order, HIS)) == "order_invalid"
    genuine = sign_order({**order, "keys": [], "name": "Cartório"}, context(stack.settings).key())
    await inside.call("sam", "clients/register", order=genuine)
    await inside.integrator("Cartório", client=client, state="disabled")
    assert await inside.refused("sam", "clients/register", order=genuine) == "order_outdated"
    caller = {"kind": "integrator", "id": client}
    assert await inside.refused("sam", "documents/sign", **body_of(maria, caller)) == "caller_unknown"


async def test_who_was_shut_out_gets_nothing_that_was_approved(maria: World, inside: Inside, superuser: Sql) -> None:
    """Maria approved, the operator shut the integrator out: no signature; nor with the row of before put back."""
    secret = secrets.token_bytes(32)
    caller = await inside.integrator("Cartório")
    body = body_of(maria, caller, GOOD, activation_key=b64u(activation_key(secret)))
    made = await inside.call("sam", "documents/sign", **body)
    await maria.phone.approve(await maria.phone.fetch(made["document"]), maria.holder.password)
    activation = (await inside.call("sam", "documents/state", document=made["document"]))["activation"]
    (before,) = await superuser("SELECT * FROM sam.clients WHERE id = $1", caller["id"])
    await inside.integrator("Cartório", client=caller["id"], state="disabled")
    call = {
        "activation": activation, "secret": b64u(secret), "hashes": body["hashes"], "hash_algorithm": "SHA-256",
        "sign_algorithm": "RSA-PKCS1-SHA256", "caller": caller,
    }  # fmt: skip
    assert await inside.refused("sam", "signatures/sign", **call) == "caller_unknown"
    await superuser(
        "UPDATE sam.clients SET state = $2, order_id = $3, ordered_at = $4, mac = $5 WHERE id = $1",
        caller["id"], *(before[name] for name in ("state", "order_id", "ordered_at", "mac")),
    )  # fmt: skip
    assert await inside.refused("sam", "signatures/sign", **call) == "caller_unknown"


async def test_what_is_left_to_him(maria: World, inside: Inside) -> None:
    """For an integrator without keys the hash is his word: Maria sees its true name and a code, and must refuse.

    This is what docs/threats.md says is left.
    """
    made = await inside.call("sam", "documents/sign", **body_of(maria, await inside.integrator("Cartório")))
    shown = await maria.phone.fetch(made["document"])
    assert shown.content["caller"]["name"] == "Cartório"
    assert shown.content["documents"][0]["hash"] == b64u(EVIL)
    await inside.call("sam", "documents/withdraw", document=made["document"])
