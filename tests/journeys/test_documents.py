"""One approval, three documents: sent whole to the API, approved on the phone, signed by the SAM, verified."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from demo.paper import contract
from demo.stack import Stack
from demo.world import World
from foundation.clock import SystemClock
from sandbox_phone.loopback import connector
from tests.documents import strangers
from tests.documents.test_xml import NFE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

RSA = "1.2.840.113549.1.1.11"


async def test_one_approval_signs_each_family(world: World, stack: Stack, tmp_path: Path) -> None:
    """The phone shows the digests that ``authorize`` told; strangers and the gateway's own page call all valid."""
    issuing, root = [await published(stack, name) for name in ("issuing.crt", "root.crt")]
    pdf = contract(tmp_path / "contrato.pdf", "Contrato").read_bytes()
    documents = [
        whole(pdf, "P", "AdES-B-LTA", linkid={"stamp": {}}),
        whole(b"conteudo\n", "C", "AdES-B-LT"),
        whole(NFE, "X", "AdES-B-T", linkid={"element": "NFe31"}),
    ]
    application = await Application.registered(stack, world.credential)
    ask = {"credentialID": world.credential, "numSignatures": 3, "documents": documents}
    asked = await application.call("credentials/authorize", ask)
    shown = await world.phone.fetch(asked["linkid"]["request"])
    assert [standard(one["hash"]) for one in shown.content["documents"]] == asked["linkid"]["to_sign"]
    assert [one["size"] for one in shown.content["documents"]] == [len(pdf), 9, len(NFE)]
    await world.phone.approve(shown, world.holder.password)
    sad = (await application.call("credentials/authorizeCheck", {"handle": asked["handle"]}))["SAD"]
    signing = {"credentialID": world.credential, "SAD": sad, "documents": documents, "returnValidationInfo": True}
    answer = await application.call("signatures/signDoc", signing)
    assert all(answer["validationInfo"][name] for name in ("ocsp", "crl", "certificates"))
    made = [base64.b64decode(each) for each in answer["DocumentWithSignature"]]
    assert "Signature is Valid." in strangers.pdfsig(made[0])
    assert await strangers.pyhanko_long_term(made[0], root, SystemClock().now()) == "PASSED"
    assert "/verificar" in strangers.text_of_page(made[0])
    assert "successful" in strangers.openssl_cms(made[1], root, None)
    issuer = issuing.public_bytes(Encoding.DER)
    assert "OK" in strangers.xmlsec(made[2], root, issuers=[issuer])
    for document, kind in zip(made, ("pdf", "pkcs7-signature", "xml"), strict=True):
        report = await verified(stack, document, kind)
        assert report["verdict"] == "valid", report
        assert report["signatures"][0]["number"] == "***.982.247-**"
    assert await application.call("signatures/signDoc", signing) == answer


def whole(document: bytes, format_: str, level: str, **more: Any) -> dict[str, Any]:
    """As signDoc has it."""
    told = {"document": base64.b64encode(document).decode(), "signature_format": format_, "signAlgo": RSA}
    return {**told, "conformance_level": level, **more}


def standard(text: str) -> str:
    """Base64url as Base64."""
    return base64.b64encode(base64.urlsafe_b64decode(text + "==")).decode()


class Application:
    """An integrator by client credentials."""

    def __init__(self, stack: Stack, token: str) -> None:
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {token}"}

    @classmethod
    async def registered(cls, stack: Stack, credential: str) -> Application:
        """By the operator's commands."""
        said = json.loads(await stack.linkid("integrator", "new", "--json", "--by-itself", "--name", "Cartório"))
        await stack.linkid("integrator", "allow", said["client_id"], credential)
        form = {
            "grant_type": "client_credentials",
            "client_id": said["client_id"],
            "client_secret": said["client_secret"],
        }
        async with (
            aiohttp.ClientSession(connector=connector()) as session,
            session.post(f"{stack.gateway}/oauth2/token", data=form) as answer,
        ):
            return cls(stack, (await answer.json())["access_token"])

    async def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Of CSC v2."""
        async with (
            aiohttp.ClientSession(connector=connector(), headers=self._headers) as session,
            session.post(f"{self._stack.gateway}/csc/v2/{method}", json=body) as answer,
        ):
            told: dict[str, Any] = await answer.json()
            assert answer.status in (200, 202), told
            return told


async def published(stack: Stack, name: str) -> x509.Certificate:
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        session.get(f"{stack.gateway}/pki/{name}") as answer,
    ):
        return x509.load_der_x509_certificate(await answer.read())


async def verified(stack: Stack, document: bytes, kind: str) -> Any:
    headers = {"Content-Type": f"application/{kind}"}
    async with (
        aiohttp.ClientSession(connector=connector()) as session,
        session.post(f"{stack.gateway}/verificar", data=document, headers=headers) as answer,
    ):
        return await answer.json()
