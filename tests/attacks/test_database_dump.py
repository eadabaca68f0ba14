"""Attacker 1 of docs/threats.md: has every row, while an approval is open, and time."""

from typing import Any

import pytest

from foundation.encoding import b64u, unb64u
from protocol import activation as sealing
from protocol import custody
from protocol.errors import SealBroken
from tests.sam.world import PASSWORD, Request, Signer, World, stretched


async def dump(world: World) -> bytes:
    """Everything in our schemas, every value as its bytes."""
    tables = await world.sql(
        "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables"
        " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    found = b""
    for table in tables:
        for row in await world.sql(f"SELECT * FROM {table['name']}"):
            for value in row.values():
                parts = value if isinstance(value, list) else [value]
                found += b"\x00".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return found


@pytest.fixture
async def opened(world: World) -> tuple[World, Signer, Request, dict[str, Any], str]:
    credential = await world.credential("RSA-2048")
    phone = await world.phone(credential)
    request = await world.ask(credential)
    body = phone.decision(request.statement, PASSWORD)
    answer = await world.call("documents/decide", document=request.id, device=phone.id, **body)
    return world, phone, request, body, str(answer["activation"])


async def test_what_is_not_in_it(opened: tuple[World, Signer, Request, dict[str, Any], str]) -> None:
    """No wrapped key, no stretched password, no proof, no activation secret, no HMAC, in no table."""
    world, _, request, body, activation = opened
    row = (await world.sql("SELECT * FROM sam.credentials"))[0]
    sealed = (await world.sql("SELECT sealed FROM sam.activations"))[0]["sealed"]
    salt = bytes(row["salt"])
    aad = sealing.additional_data(activation, request.id, row["id"], request.digests, request.algorithm)
    wrapped = sealing.open_sealed(request.secret, bytes(sealed), aad)  # with the caller's secret, which is not in it
    k = await world.sam.hsm.hmac("pepper.1", custody.hmac_input(row["id"], stretched(PASSWORD, salt)))
    everything = await dump(world)
    assert bytes(row["bound"]) in everything  # the dump is one
    for name, secret in (
        ("wrapped", wrapped), ("wrapped, in part", wrapped[100:164]), ("stretched", stretched(PASSWORD, salt)),
        ("k", k),
        ("secret", request.secret), ("proof", body["proof"].encode()), ("password", PASSWORD.encode()),
    ):  # fmt: skip
        assert secret not in everything, name
        assert secret.hex().encode() not in everything, name


async def test_no_guessing_without_the_hsm(opened: tuple[World, Signer, Request, dict[str, Any], str]) -> None:
    """Knowing the very password does not open the blob: the key needs the pepper, which is in the HSM only."""
    world, *_ = opened
    row = (await world.sql("SELECT * FROM sam.credentials"))[0]
    aad = custody.additional_data(row["id"], bytes(row["spki"]), kek=row["kek"], pepper=row["pepper"])
    right = stretched(PASSWORD, bytes(row["salt"]))
    for key in (right, bytes(32)):
        with pytest.raises(custody.DoesNotOpen):
            custody.unbind(key, bytes(row["bound"]), aad)
    genuine = await world.sam.hsm.hmac("pepper.1", custody.hmac_input(row["id"], right))
    assert custody.unbind(genuine, bytes(row["bound"]), aad)


async def test_an_open_approval_does_not_sign(opened: tuple[World, Signer, Request, dict[str, Any], str]) -> None:
    """With everything that is stored of an open approval, nobody but its caller opens it."""
    world, _, request, _, activation = opened
    row = (await world.sql("SELECT * FROM sam.activations"))[0]
    aad = sealing.additional_data(activation, request.id, row["credential"], request.digests, request.algorithm)
    public = unb64u(request.statement.document.text("activation_key"), max_len=32)
    for secret in (public, bytes(row["sealed"])[:32], bytes(row["mac"])[1:], bytes(32)):
        with pytest.raises(SealBroken):
            sealing.open_sealed(secret, bytes(row["sealed"]), aad)
        body = {**request.call(activation), "secret": b64u(secret)}
        assert await world.refused("signatures/sign", **body) == "seal_broken"
