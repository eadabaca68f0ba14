"""docs/phone-api.md, as a stranger would use it: the vectors are met, and every call of a holder's daily life works."""

import json
import time
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from joserfc import jwe
from joserfc.jwk import ECKey

from sandbox_phone.domain import decision, jws, keys, proof
from sandbox_phone.domain.encoding import b64u, unb64u
from sandbox_phone.domain.statement import Argon2, ProofWanted, Statement
from sandbox_phone.domain.trust import read_trust
from sandbox_phone.errors import GatewayRefused, PhoneError, Untrusted
from sandbox_phone.phone import SandboxPhone
from tests.phone.gateway_double import PASSWORD, SMS_CODE, GatewayDouble, rfc3339
from tests.sandbox_phone.roots import Roots, new_id
from tests.sandbox_phone.test_vectors import opened

VECTORS = Path(__file__).parents[1] / "vectors"
PHONE: dict[str, Any] = json.loads((VECTORS / "phone.json").read_text("utf-8"))
KEYS: dict[str, Any] = json.loads((VECTORS / "keys.json").read_text("utf-8"))["keys"]
ARGON2: dict[str, Any] = json.loads((VECTORS / "argon2.json").read_text("utf-8"))["cases"][0]


@pytest.mark.parametrize("case", PHONE["calls"], ids=lambda case: case["method"])
def test_proofs_of_possession(case: dict[str, Any]) -> None:
    """The vector's proof verifies; ours for the same call says the same, byte for byte where it is signed."""
    device = ECKey.import_key(KEYS["device"]["private"])
    signed, _, signature = case["proof"].rpartition(".")
    public = keys.read_jwk(KEYS["device"]["public"])
    keys.verify(public, signed.encode(), unb64u(signature))
    private: Any = device.private_key
    ours = jws.dpop(
        private, case["method"], case["url"], token=case["token"], jti=case["claims"]["jti"], now=case["claims"]["iat"]
    )
    header, claims, made = ours.split(".")
    assert (json.loads(unb64u(header)), json.loads(unb64u(claims))) == (case["header"], case["claims"])
    keys.verify(public, f"{header}.{claims}".encode(), unb64u(made))


@pytest.mark.parametrize("case", PHONE["bad"], ids=lambda case: case["why"])
def test_statements_that_no_phone_answers(case: dict[str, Any]) -> None:
    """Signed by the root, about a document of ours, and asking for the password in another name."""
    with pytest.raises(PhoneError):
        opened(case["jws"])


def test_a_whole_decision() -> None:
    """From the document to the signature: the proof's plaintext, the bytes that are signed, and that they verify."""
    case, transport = PHONE["unblock"], KEYS["transport"]
    document = unb64u(case["document"])
    content = json.loads(document)
    wanted = ProofWanted(
        "unblock", unb64u(ARGON2["salt"]), Argon2(**ARGON2["argon2"]), keys.read_jwk(transport["public"]),
        transport["jkt"],
    )  # fmt: skip
    statement = Statement(content["id"], "unblock", document, content, content["expires"], wanted)
    token = proof.make(statement, wanted, ARGON2["password"], device=KEYS["device"]["jkt"])
    opened = jwe.decrypt_compact(token, ECKey.import_key(transport["private"]), algorithms=["ECDH-ES", "A256GCM"])
    assert json.loads(opened.plaintext or b"") == case["plaintext"]
    assert case["plaintext"]["hash"] == b64u(sha256(document).digest())
    message = decision.message(document, case["decision"], case["proof"])
    assert b64u(message) == case["message"]
    keys.verify(keys.read_jwk(KEYS["device"]["public"]), message, unb64u(case["signature"]))


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayDouble]:
    """The one that the app is held against, too."""
    double = GatewayDouble(Roots())
    server = TestServer(double.app())
    await server.start_server()
    double.roots.app = double.roots.gateway = str(server.make_url("")).rstrip("/")
    yield double
    await server.close()
    assert not double.complaints, double.complaints


@pytest.fixture
async def phone(gateway: GatewayDouble) -> AsyncIterator[SandboxPhone]:
    async with await SandboxPhone.open(trust=read_trust(gateway.roots.trust())) as phone:
        await phone.ask_code("+5531999991234")
        [credential] = await phone.give_code(SMS_CODE)
        await phone.bind(credential["id"], PASSWORD, "Celular")
        await phone.approve_test()
        yield phone


async def test_a_holders_daily_life(gateway: GatewayDouble, phone: SandboxPhone) -> None:
    """Phones, history by pages, evidence, everything blocked and opened again; what is not to be believed is not."""
    other = gateway.other_phone()
    assert [one["here"] for one in await phone.phones()] == [False, True]
    await phone.remove_phone(other)
    with pytest.raises(GatewayRefused, match="device_not_found"):
        await phone.remove_phone(other)
    asked = [gateway.was_asked(ago=60 * n) for n in range(4)]
    first = await phone.history()
    rest = await phone.history(first["requests"][-1]["request"])
    assert [one["request"] for one in (*first["requests"], *rest["requests"])] == asked
    assert (first["more"], rest["more"]) == (True, False)
    assert await phone.evidence(asked[0])
    gateway.evidence_by = ECKey.generate_key("P-256")
    with pytest.raises(Untrusted):
        await phone.evidence(asked[0])

    [block] = await phone.block()
    credential = block["credential"]
    with pytest.raises(GatewayRefused, match="unblock_too_early"):
        await phone.unblock(credential, PASSWORD)
    gateway.blocks[credential]["from"] = rfc3339(int(time.time()) - 1)
    with pytest.raises(GatewayRefused, match="password_wrong"):
        await phone.unblock(credential, "Errada999")
    add = gateway.add
    gateway.add = lambda *a, **k: add(*a, **{**k, "credential": new_id("cred")})  # type: ignore[method-assign]
    with pytest.raises(Untrusted, match="another certificate"):
        await phone.unblock(credential, PASSWORD)
    gateway.add = add  # type: ignore[method-assign]
    assert (await phone.unblock(credential, PASSWORD))["state"] == "approved"
    assert gateway.blocks == {}


async def test_a_phone_with_a_passkey(gateway: GatewayDouble, phone: SandboxPhone) -> None:
    """Enrolled, asked for at each yes, refused without it, removed by its last word; another one's statement is not
    answered."""
    [credential] = gateway.bindings
    gateway.passkey_lies = {"id": "A" * 43}
    with pytest.raises(Untrusted, match="another passkey"):
        await phone.protect(credential, PASSWORD)
    gateway.passkey_lies = {}
    await phone.protect(credential, PASSWORD)
    statement = await phone.fetch(gateway.ask_signature())
    kept, phone._passkey = phone._passkey, None
    with pytest.raises(GatewayRefused, match="passkey_needed"):
        await phone.approve(statement, PASSWORD)
    phone._passkey = kept
    await phone.approve(statement, PASSWORD)
    await phone.refuse(await phone.fetch(gateway.ask_signature()))
    assert len(gateway.spoken) == 2
    await phone.unprotect(credential, PASSWORD)
    assert gateway.passkey is None
    await phone.approve(await phone.fetch(gateway.ask_signature()), PASSWORD)
