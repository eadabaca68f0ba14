"""Attacker 2 of docs/threats.md makes the gateway's rows his: number, phone, computer, token, request.

The gateway believes its rows; so he is Maria, as far as it goes. The SAM believes none of it.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from joserfc.jwk import ECKey

from demo.computer import RSA_SHA256, SHA256, CallRefused, ComputerProgram
from demo.stack import Stack
from demo.world import World
from desktop_agent.client.http import Caller
from desktop_agent.client.links import Links
from foundation.ids import new_id, new_token, secret_digest
from sandbox_phone.domain import decision as decisions
from sandbox_phone.domain import keys
from sandbox_phone.errors import GatewayRefused, Untrusted
from sandbox_phone.loopback import connector
from sandbox_phone.phone import SandboxPhone
from sandbox_phone.storage import MemoryStorage
from tests.attacks.conftest import Sql
from tests.attacks.hostile import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")

HIS_NUMBER = "+5531944443333"
EVIL = hashlib.sha256(b"something the holder never saw").digest()


@asynccontextmanager
async def rewritten(superuser: Sql, table: str, change: str, where: str, *values: Any) -> AsyncIterator[None]:
    """Rows as he likes them; as they were, afterwards."""
    saved = f"public.saved_{secrets.token_hex(4)}"
    await superuser(f"CREATE TABLE {saved} AS SELECT * FROM {table}")
    try:
        assert await superuser(f"UPDATE {table} SET {change} WHERE {where} RETURNING 1", *values)
        yield
    finally:
        await superuser(f"DELETE FROM {table}")
        await superuser(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {saved}")
        await superuser(f"DROP TABLE {saved}")


async def refused(work: Any) -> str:
    with pytest.raises((GatewayRefused, CallRefused)) as caught:
        await work
    error: Any = caught.value
    return error.reason if isinstance(error, GatewayRefused) else str(error.reply.content.get("error"))


async def test_her_number_becomes_his(maria: World, stack: Stack, superuser: Sql) -> None:
    """The code comes to his phone, the gateway shows him her certificate; without the password nothing is bound."""
    change = rewritten(superuser, "credentials.holders", "phone = $1", "phone = $2", HIS_NUMBER, maria.holder.number)
    async with change, await SandboxPhone.open(stack.app) as phone:
        await phone.ask_code(HIS_NUMBER)
        told = await phone.give_code(await stack.sms_code(HIS_NUMBER))
        assert [one["id"] for one in told] == [maria.credential]
        assert await refused(phone.bind(maria.credential, "Chutando1", "Meu")) == "password_wrong"
        assert (await phone.about())["bindings"] == []


async def test_her_phone_becomes_his(maria: World, stack: Stack, superuser: Sql) -> None:
    """Key and token of her device replaced by his: he sees what waits, and decides nothing, not even for a computer."""
    key, token = keys.new_key(), new_token("dvt")
    jwk = keys.public_jwk(key)
    storage = MemoryStorage()
    storage.save({
        "key": keys.to_pem(key), "trust": maria.phone.trust.source.decode(), "device": maria.phone.device,
        "token": token.text, "nickname": "x",
    })  # fmt: skip
    ask = await maria.computer.ask(maria.credential)
    change = rewritten(
        superuser, "pairing.devices", "jkt = $1, key = $2::text::jsonb, token = $3, token_digest = $4", "id = $5",
        keys.thumbprint(jwk), _json(jwk), token.public_id, secret_digest(token.secret), maria.phone.device,
    )  # fmt: skip
    async with change, await SandboxPhone.open(storage=storage) as his:
        (waiting,) = [one for one in await his.waiting() if one.id == ask.request]
        for password in ("Chutando1", maria.holder.password):
            assert await refused(his.approve(waiting, password)) == "decision_invalid"
        assert await refused(his.refuse(waiting)) == "decision_invalid"
        async with Caller(stack.gateway, ECKey.generate_key("P-256")) as caller:
            links = Links(caller, stack.app)
            await links.start("Notebook da Maria", "Linux")
            frame = (await links.look()).frame
            assert frame is not None
            with pytest.raises(Untrusted, match="another key"):  # the SAM names her key, and this program is honest
                await his.scan(frame)
    await maria.computer.call("linkid/withdraw", {"handle": ask.handle})


async def test_her_computer_and_her_request_become_his(maria: World, stack: Stack, superuser: Sql) -> None:
    """Her computer's key and the digest of an approved request's secret are his: a token, a SAD, and no signature."""
    ask = await maria.computer.ask(maria.credential)
    await maria.approved(ask)
    async with ComputerProgram(stack.gateway, stack.app) as his:
        his.id = maria.computer.id
        jwk = {name: his.key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
        name, mine = ask.handle.rpartition("_")[0], secrets.token_bytes(32)
        async with (
            rewritten(superuser, "pairing.computers", "jkt = $1, key = $2::text::jsonb", "id = $3",
                      his.key.thumbprint(), _json(jwk), his.id),
            rewritten(superuser, "signing.requests", "secret_digest = $1", "name = $2",
                      hashlib.sha256(mine).digest(), name),
        ):  # fmt: skip
            sad = await his.sad(replace(ask, handle=f"{name}_{mine.hex()}"))
            assert sad.endswith(mine.hex())
            for hashes in (ask.hashes, [EVIL]):
                code = await refused(his.sign(maria.credential, sad, hashes))
                assert code in ("invalid_request", "invalid_sad", "server_error"), code
            assert await refused(his.ask(maria.credential, [EVIL])) == "invalid_request"
    sad = await maria.computer.sad(ask)
    (signature,) = await maria.computer.sign(maria.credential, sad, ask.hashes)
    maria.verify(ask.hashes[0], signature)


async def test_a_token_from_nowhere_and_an_approval_that_nobody_gave(
    maria: World, superuser: Sql, stack: Stack, inside: Inside
) -> None:
    """An integrator of his own and its token, written into rows, ask nobody; nor with a row for it in the SAM's table.

    In the name of one that an operator registered he may ask, under the name in the order, and gets nothing for it.
    """
    earlier = await maria.computer.ask(maria.credential)
    await maria.approved(earlier)
    (activation,) = await superuser("SELECT id FROM sam.activations WHERE document = $1", earlier.request)
    client, token = new_id("cli"), new_token("at")
    await superuser(
        "INSERT INTO oauth.clients (id, name, method, secret_digest, grants, created_at)"
        " VALUES ($1, 'Notebook da Maria', 'secret', sha256('x'), '{client_credentials}', now())", client,
    )  # fmt: skip
    await superuser("INSERT INTO oauth.allowed VALUES ($1, $2, now())", client, maria.credential)
    await superuser(
        "INSERT INTO oauth.tokens (id, secret_digest, client_kind, client, scope, credentials, issued_at, expires_at)"
        " VALUES ($1, $2, 'integrator', $3, 'service', ARRAY[$4], now(), now() + interval '1 hour')",
        token.public_id, secret_digest(token.secret), client, maria.credential,
    )  # fmt: skip
    body = {"credentialID": maria.credential, "numSignatures": 1, "hashAlgorithmOID": SHA256,
            "hashes": [base64.b64encode(EVIL).decode()]}  # fmt: skip
    nobody = await _bearer(stack, token.text, "credentials/authorize", body)
    assert (nobody["status"], nobody["linkid"]) == (400, {"why": "caller_unknown"})
    await superuser(
        "INSERT INTO sam.clients VALUES ($1, 'Notebook da Maria', '{}', 'registered', $2, 'x', now(), $3)",
        client, new_id("ord"), b"\x01" + bytes(32),
    )  # fmt: skip
    forged = await _bearer(stack, token.text, "credentials/authorize", body)
    assert (forged["status"], forged["linkid"]) == (400, {"why": "caller_unknown"})
    assert [one for one in await maria.phone.waiting() if one.type == "sign"] == []
    await inside.integrator("Contratos SA", client=client)
    asked = await _bearer(stack, token.text, "credentials/authorize", body)
    assert asked["status"] == 202, asked
    shown = await maria.phone.fetch(asked["linkid"]["request"])
    assert shown.content["caller"] == {"kind": "integrator", "id": client, "name": "Contratos SA"}
    changed = await superuser(
        "UPDATE signing.requests SET state = 'approved', activation = $1, settled_at = now(),"
        " expires_at = now() + interval '1 hour' WHERE document = $2 RETURNING name", activation["id"], shown.id,
    )  # fmt: skip
    assert changed
    sad = asked["handle"].replace("hdl_", "sad_")
    for hashes in ([EVIL], earlier.hashes):
        coded = [base64.b64encode(one).decode() for one in hashes]
        wanted = {"credentialID": maria.credential, "SAD": sad, "hashAlgorithmOID": SHA256, "hashes": coded,
                  "signAlgo": RSA_SHA256}  # fmt: skip
        answer = await _bearer(stack, token.text, "signatures/signHash", wanted)
        assert answer["status"] >= 400
        assert "signatures" not in answer
    body = decisions.decide(keys.new_key(), shown, "approve", password=maria.holder.password)
    assert await refused(maria.phone._gateway.call("POST", f"/phone/v1/documents/{shown.id}/decision", body)) == (
        "decision_invalid"
    )
    await maria.phone.refuse(shown, "not-me")
    await superuser("DELETE FROM oauth.tokens WHERE client = $1", client)


async def _bearer(stack: Stack, token: str, method: str, body: dict[str, Any]) -> dict[str, Any]:
    url, headers = f"{stack.gateway}/csc/v2/{method}", {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        session.post(url, json=body, headers=headers) as answer,
    ):
        return {**(await answer.json()), "status": answer.status}


def _json(jwk: dict[str, Any]) -> str:
    return json.dumps(jwk)
