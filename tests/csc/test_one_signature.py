"""The story of one signature as a CSC client sees it (docs/walkthroughs/one-signature.md)."""

import asyncio
import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from foundation.encoding import b64u
from protocol.algorithms import SIGN_ALGORITHMS
from protocol.statements import open_statement, trusted
from tests.support.signing_neighbours import APP
from tests.support.signing_world import IN_MODULES_LOOP, World, b64, digest

pytestmark = IN_MODULES_LOOP

SHA256 = "2.16.840.1.101.3.4.2.1"


def authorize(credential: str, *texts: str, **changes: Any) -> dict[str, Any]:
    """A body for credentials/authorize."""
    body = {
        "credentialID": credential,
        "numSignatures": len(texts),
        "hashes": [b64(digest(text)) for text in texts],
        "hashAlgorithmOID": SHA256,
        "authData": [{"id": "mobile"}],
    }
    return {**body, **changes}


@pytest.mark.parametrize(
    ("key_algorithm", "oid", "name"),
    [
        ("RSA-2048", "1.2.840.113549.1.1.11", "RSA-PKCS1-SHA256"),
        ("RSA-2048", "1.2.840.113549.1.1.1", "RSA-PKCS1-SHA256"),
        ("P-256", "1.2.840.10045.4.3.2", "ECDSA-SHA256"),
    ],
)
async def test_a_computer_signs_after_its_holder_approved(
    world: World, key_algorithm: str, oid: str, name: str
) -> None:
    """Token, list, info, authorize, wait, approve, sign: the signature verifies with the listed certificate."""
    credential = await world.credential(key_algorithm)
    computer = await world.computer(credential)

    status, listed = await computer.call("POST", "/csc/v2/credentials/list", {})
    assert (status, listed) == (200, {"credentialIDs": [credential]})
    status, info = await computer.call(
        "POST", "/csc/v2/credentials/info", {"credentialID": credential, "certificates": "chain", "certInfo": True}
    )
    assert status == 200
    assert oid in info["key"]["algo"]

    status, asked = await computer.call(
        "POST",
        "/csc/v2/credentials/authorize",
        authorize(credential, "contrato", clientData='{"documents":[{"label":"contrato.pdf","size":48213}]}'),
    )
    assert status == 202, asked
    request = asked["linkid"]["request"]
    assert asked["linkid"]["qr"] == f"{APP}/r#1.{request}"
    assert world.doorbell.rings == [(request, credential)]

    # What the phone will be shown is what the caller asked for: the caller checks the SAM's own statement.
    statement = open_statement(asked["linkid"]["statement"], trusted([world.sam.root]), now=world.clock.now())
    assert statement.document.objects("documents") == [
        {"label": "contrato.pdf", "size": 48213, "hash": b64u(digest("contrato"))}
    ]
    assert statement.document.object("caller") == {"kind": "computer", "id": computer.id, "name": "Notebook da Maria"}
    assert statement.document.text("verification_code") == asked["linkid"]["verification_code"]

    check = {"handle": asked["handle"]}
    response = await computer.send("POST", "/csc/v2/credentials/authorizeCheck", check)
    assert response.status == 202
    assert int(response.headers["Retry-After"]) > 0
    world.sam.approve(request)
    status, approved = await computer.call("POST", "/csc/v2/credentials/authorizeCheck", check)
    assert status == 200, approved
    assert 0 < approved["expiresIn"] <= 300

    sign = {
        "credentialID": credential,
        "SAD": approved["SAD"],
        "hashes": [b64(digest("contrato"))],
        "hashAlgorithmOID": SHA256,
        "signAlgo": oid,
    }
    status, signed = await computer.call("POST", "/csc/v2/signatures/signHash", sign)
    assert status == 200, signed
    public = x509.load_der_x509_certificate(base64.b64decode(info["cert"]["certificates"][0])).public_key()
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    SIGN_ALGORITHMS[name].verify(public, base64.b64decode(signed["signatures"][0]), digest("contrato"))
    # A lost answer costs nothing: the same call gets the same signature.
    assert (await computer.call("POST", "/csc/v2/signatures/signHash", sign)) == (200, signed)


async def test_an_answer_that_was_lost_is_had_again(world: World) -> None:
    """With an Idempotency-Key the very same call finds its request, waiting or decided, also twenty at once; another
    key, another body, another application's token or no key find nothing, and rightly no phone rings again."""
    credential = await world.credential()
    integrator, other = await world.integrator(credential), await world.integrator(credential)
    path, body = "/csc/v2/credentials/authorize", authorize(credential, "contrato")
    key = {"Idempotency-Key": "pedido-1"}
    answers = await asyncio.gather(*(integrator.call("POST", path, body, **key) for _ in range(20)))
    assert {status for status, _ in answers} <= {202, 429}
    status, asked = await integrator.call("POST", path, dict(reversed(body.items())), **key)
    assert status == 202
    assert {answer["handle"] for status, answer in answers if status == 202} == {asked["handle"]}
    shown = {name: asked["linkid"][name] for name in ("request", "verification_code", "qr")}
    first = next(answer["linkid"] for status, answer in answers if "statement" in answer.get("linkid", {}))
    assert {name: first[name] for name in shown} == shown
    assert len(world.doorbell.rings) == 1
    for caller, said, header in (
        (integrator, body, {"Idempotency-Key": "pedido-2"}),
        (integrator, authorize(credential, "outro"), key),
        (integrator, body, {}),
    ):
        status, answer = await caller.call("POST", path, said, **header)
        assert (status, answer["linkid"]["why"]) == (429, "pending")
    status, answer = await other.call("POST", path, body, **key)
    assert status == 202
    assert answer["handle"] != asked["handle"]
    world.sam.approve(shown["request"])
    for _ in range(2):
        status, again = await integrator.call("POST", path, body, **key)
        assert (status, again["handle"]) == (202, asked["handle"])
        status, approved = await integrator.call("POST", f"{path}Check", {"handle": again["handle"]})
        assert (status, "SAD" in approved) == (200, True)
    for wrong in ("", "x" * 256, "a\tb"):
        status, answer = await integrator.call("POST", path, body, **{"Idempotency-Key": wrong})
        assert (status, answer["error_description"]) == (400, "Invalid header Idempotency-Key"), wrong
