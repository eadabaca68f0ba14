"""Attacker 1 of docs/threats.md steals a running Link ID's database at its worst moment: rows, files and log.

At that moment an approval was given and not yet used, one was used, a code is on its way by SMS, a phone is being
paired, a computer associated, a certificate emitted. He searches for everything that anybody knows, and then sends what
he found to the public API.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey

from demo.computer import RSA_SHA256, SHA256, Ask
from demo.stack import Stack
from demo.world import Holder, World
from desktop_agent.client.http import Caller
from desktop_agent.client.links import Links
from foundation.encoding import b64u
from protocol.activation import activation_key
from sandbox_phone.domain import keys as phone_keys
from sandbox_phone.domain import proof
from sandbox_phone.emission import SandboxEmission
from sandbox_phone.errors import GatewayRefused
from sandbox_phone.gateway import Gateway
from sandbox_phone.phone import SandboxPhone
from tests.attacks.hostile import HostileGateway

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEWCOMER = Holder(name="Rui Costa", cpf="39053344705", number="+5531955554444", password="Kombi5vWxadrez")


@dataclass
class Moment:
    """The theft: every row as text and bytes, every file of the server, and what people knew then."""

    rows: dict[str, list[dict[str, Any]]]
    bytes_of_rows: bytes
    files: bytes
    open: Ask
    sad: str
    secrets: dict[str, bytes]
    code: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def moment(stack: Stack, maria: World, hostile: HostileGateway) -> AsyncIterator[Moment]:
    """Everything under way at once; then the copy is taken."""
    async with AsyncExitStack() as going_on:
        known: dict[str, bytes] = {}
        used = await maria.computer.ask(maria.credential)
        used_sad = await maria.approved(used)
        await maria.computer.sign(maria.credential, used_sad, used.hashes)
        opened = await maria.computer.ask(maria.credential)
        sad = await maria.approved(opened)
        phone = await going_on.enter_async_context(await SandboxPhone.open(stack.app))
        before = max(message["number"] for message in await stack.messages())
        await phone.ask_code(maria.holder.number)
        code = await stack.sms_code(maria.holder.number, after=before)
        caller = await going_on.enter_async_context(Caller(stack.gateway, ECKey.generate_key("P-256")))
        links = Links(caller, stack.app)
        await links.start("Notebook", "Linux")
        shown = await links.look()
        placed = await stack.new_request(**NEWCOMER.order)
        page = await going_on.enter_async_context(SandboxEmission(maria.phone.trust))
        await page.identify(
            await page.start(placed["protocol"]), cpf=NEWCOMER.cpf, install_password=placed["install_password"]
        )
        waiting = await maria.computer.ask(maria.credential)
        # Left waiting, it would stand in the way of whoever asks next.
        going_on.push_async_callback(maria.computer.call, "linkid/withdraw", {"handle": waiting.handle})
        statement = await maria.phone.fetch(waiting.request)
        assert statement.proof is not None
        password = maria.holder.password
        known |= {
            "usage password": password.encode(),
            "usage password, stretched": proof.stretch(password, statement.proof.salt, statement.proof.argon2),
            "installation password": placed["install_password"].encode(),
            "device token": str(maria.phone._gateway.token).rpartition("_")[2].encode(),
            "access token": str(maria.computer._token).rpartition("_")[2].encode(),
            "activation secret, unused": bytes.fromhex(sad.rpartition("_")[2]),
            "activation secret, used": bytes.fromhex(used_sad.rpartition("_")[2]),
            "phone's key": _scalar(maria.phone._key),
            "page's key": _scalar(page._key),
            "SMS": f"@{stack.app.partition('://')[2].partition(':')[0]} #{code}".encode(),
            "frame": str(shown.frame).split(".")[-2].encode(),  # its MAC; the last part is the computer's public key
            "gateway's secret": bytes.fromhex((stack.settings.places.secrets / "gateway").read_text()),
        }
        for role in ("owner", "gateway", "sam", "ac"):
            known[f"password of {role}"] = (stack.settings.places.secrets / f"db-{role}").read_bytes()
        proofs = [body["proof"] for body in hostile.bodies("/decision") + hostile.bodies("/identify") if body["proof"]]
        known |= {f"proof {index}": found.rpartition(".")[0].encode() for index, found in enumerate(proofs)}
        rows, content = await dump(stack)
        yield Moment(rows, content, await asyncio.to_thread(files, stack), opened, sad, known, code)


def _scalar(key: Any) -> bytes:
    return int(key.private_numbers().private_value).to_bytes(32, "big")


async def dump(stack: Stack) -> tuple[dict[str, list[dict[str, Any]]], bytes]:
    """Every row of every table, the server's own included."""
    connection = await asyncpg.connect(stack.settings.places.postgres().dsn("linkid"))
    try:
        await connection.execute("CHECKPOINT")
        rows: dict[str, list[dict[str, Any]]] = {}
        for table in await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('information_schema', 'pg_catalog') OR tablename = 'pg_authid'"
        ):
            found = await connection.fetch(f"SELECT * FROM {table['name']}")
            rows[table["name"]] = [dict(row) for row in found]
    finally:
        await connection.close()
    return rows, b"\x00".join(value for table in rows.values() for row in table for value in _values(row))


def _values(row: dict[str, Any]) -> Iterator[bytes]:
    for value in row.values():
        for part in value if isinstance(value, list) else [value]:
            yield bytes(part) if isinstance(part, bytes | bytearray | memoryview) else str(part).encode()


def files(stack: Stack) -> bytes:
    """The server's folder as a backup has it: tables with their dead rows, and the log of all that was written."""
    data: Path = stack.settings.places.postgres().data
    return b"".join(
        path.read_bytes() for folder in ("base", "pg_wal", "global") for path in sorted((data / folder).rglob("*"))
        if path.is_file()
    )  # fmt: skip


def spellings(secret: bytes) -> dict[str, bytes]:
    """How it might be written down."""
    return {
        "raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode(),
        "base64": base64.b64encode(secret).rstrip(b"="), "base64url": b64u(secret).encode(),
        "sha-1": hashlib.sha1(secret, usedforsecurity=False).digest(),
        "md5": hashlib.md5(secret, usedforsecurity=False).digest(), "backwards": secret[::-1],
    }  # fmt: skip


async def test_nothing_that_anybody_knows_is_in_it(moment: Moment, maria: World) -> None:
    """No password, token, handle, code, key, proof or role's password, in no row, no file, in no spelling."""
    assert bytes(moment.rows["sam.credentials"][0]["bound"]) in moment.bytes_of_rows  # the search would find
    assert maria.credential.encode() in moment.files
    assert len(moment.files) > 10_000_000
    assert len(moment.secrets) > 18
    for name, secret in moment.secrets.items():
        assert len(secret) >= 8, name
        for spelling, form in spellings(secret).items():
            assert form not in moment.bytes_of_rows, f"{name}, {spelling}, in a row"
            assert form not in moment.files, f"{name}, {spelling}, in a file"


async def test_nor_in_the_logs(moment: Moment, stack: Stack) -> None:
    """What all processes wrote to their log meanwhile holds none of it either."""
    said = stack.log.read_bytes()
    assert b"http_request" in said
    for name, secret in moment.secrets.items():
        for spelling, form in spellings(secret).items():
            assert form not in said, f"{name}, {spelling}"


async def test_the_code_on_its_way_is_not_in_its_row(moment: Moment) -> None:
    """Neither the six digits nor a plain digest of them, salted with whatever stands beside it, are in the dump."""
    (pairing,) = [row for row in moment.rows["pairing.pairings"] if row["state"] == "sent"]
    assert moment.code not in str({name: value for name, value in pairing.items() if name not in ("id", "jkt", "key")})
    assert all(row["sealed"] is None for row in moment.rows["push.outbox"] if row["state"] == "sent")
    salts = [b"", *(str(value).encode() for value in pairing.values())]
    for salt in salts:
        for text in (salt + moment.code.encode(), moment.code.encode() + salt):
            digest = hashlib.sha256(text).digest()
            assert digest not in moment.bytes_of_rows
            assert digest.hex().encode() not in moment.bytes_of_rows


async def test_replaying_what_is_stored(moment: Moment, stack: Stack, maria: World) -> None:
    """Stored ids with stored digests in place of secrets, by a key of his own: every door stays shut."""
    his = Gateway(maria.phone.trust.gateway, phone_keys.new_key())
    try:
        for device in moment.rows["pairing.devices"]:
            for word in (bytes(device["token_digest"]).hex(), b64u(bytes(device["token_digest"])).replace("_", "-")):
                his.token = f"{device['token']}_{word}"
                assert (await refused(his, "GET", "/phone/v1/device")).status == 401
        his.token = None
        for pairing in moment.rows["pairing.pairings"]:
            path = f"/phone/v1/pairings/{pairing['id']}"
            assert (await refused(his, "POST", f"{path}/code", {"code": moment.code})).status == 404
            assert (await refused(his, "POST", f"{path}/resend", {})).status == 404
        for link in moment.rows["pairing.links"]:
            for method, path in (("GET", ""), ("POST", "/check"), ("DELETE", "")):
                body = {"code": "123"} if method == "POST" else None
                assert (await refused(his, method, f"/links/v1/{link['id']}{path}", body)).status in (401, 404)
        for visit in moment.rows["issuance.visits"]:
            decision = {"decision": "approve", "proof": None, "signature": "A" * 86}
            for step in ("identify", "agree", "password"):
                answer = await refused(his, "POST", f"/emission/v1/{visit['emission']}/{step}", decision)
                assert answer.status in (400, 401, 403, 404), answer
        for computer in moment.rows["pairing.computers"]:
            assert (await refused(his, "DELETE", f"/links/v1/computers/{computer['id']}")).status in (401, 404)
    finally:
        await his.close()


async def refused(gateway: Gateway, method: str, path: str, body: dict[str, Any] | None = None) -> GatewayRefused:
    with pytest.raises(GatewayRefused) as caught:
        await gateway.call(method, path, body)
    return caught.value


async def test_replaying_tokens_and_requests(moment: Moment, stack: Stack, maria: World) -> None:
    """Access tokens, handles and SADs put together from rows: not accepted, and the open approval signs nothing."""
    digests = re.compile(r"digest|secret|activation|sealed|mac")
    async with Caller(stack.gateway, ECKey.generate_key("P-256")) as caller:
        for token in moment.rows["oauth.tokens"]:
            for word in (bytes(token["secret_digest"]).hex(), "0" * 52):
                reply = await caller.call("POST", "/csc/v2/credentials/list", {}, token=f"{token['id']}_{word}")
                assert reply.status == 401
    guesses = {bytes(value).hex() for name in ("signing.requests", "sam.activations") for row in moment.rows[name]
               for column, value in row.items() if digests.search(column) and isinstance(value, bytes)
               for value in (value[:32], value[-32:])}  # fmt: skip
    guesses.add(activation_key(bytes.fromhex(moment.sad.rpartition("_")[2])).hex())
    name = moment.open.handle.rpartition("_")[0]
    for word in guesses:
        body = {"handle": f"{name}_{word}"}
        assert (await maria.computer.call("credentials/authorizeCheck", body)).status == 400
        sad = f"{name}_{word}".replace("hdl_", "sad_")
        reply = await maria.computer.call("signatures/signHash", _sign_body(maria, moment, sad))
        assert reply.status in (400, 401), reply
    (signature,) = await maria.computer.sign(maria.credential, moment.sad, moment.open.hashes)
    maria.verify(moment.open.hashes[0], signature)


def _sign_body(maria: World, moment: Moment, sad: str) -> dict[str, Any]:
    hashes = [base64.b64encode(moment.open.hashes[0]).decode()]
    return {"credentialID": maria.credential, "SAD": sad, "hashAlgorithmOID": SHA256, "hashes": hashes,
            "signAlgo": RSA_SHA256}  # fmt: skip
