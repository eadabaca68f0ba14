"""One approval, three documents: prepared, approved on the phone, signed by the SAM in SoftHSM, finished, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from demo.paper import contract
from demo.stack import Stack
from demo.world import World
from foundation.channel import PrivateClient
from foundation.clock import SystemClock
from hsm_service.documents.adapters.authority import AuthorityEvidence
from hsm_service.documents.adapters.http_tsa import HttpTsa
from hsm_service.documents.domain.form import Form, Format, Level, Packaging
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory
from hsm_service.documents.errors import SignatureNotOfPreparation
from hsm_service.documents.service import DocumentService
from hsm_service.documents.service.time_stamps import TimeStampClient
from sandbox_phone.loopback import connector
from tests.documents import strangers
from tests.documents.test_xml import NFE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_one_approval_signs_each_family(world: World, stack: Stack, tmp_path: Path) -> None:
    """The phone shows the digests that `prepare` told; strangers and the gateway's own page call the results valid."""
    async with PrivateClient(stack.settings.ac_address) as ac:
        service = DocumentService(
            SystemClock(),
            time_stamps=TimeStampClient(
                [HttpTsa(stack.gateway.replace("//localhost:", "//127.0.0.1:") + "/pki/tsa", seconds=10)]
            ),
            evidences=AuthorityEvidence(ac),
        )
        issuing, root = [await published(stack, name) for name in ("issuing.crt", "root.crt")]
        chain = tuple(each.public_bytes(Encoding.DER) for each in (world.certificate, issuing))
        signatory = Signatory(chain, "RSA-PKCS1-SHA256")
        pdf = contract(tmp_path / "contrato.pdf", "Contrato").read_bytes()
        prepared: list[Prepared] = [
            await service.prepare(Form(Format.PADES, Level.LTA), signatory, content=pdf),
            await service.prepare(Form(Format.CADES, Level.T, Packaging.ATTACHED), signatory, content=b"conteudo\n"),
            await service.prepare(Form(Format.XADES), signatory, content=NFE, element="NFe31"),
        ]
        ask = await world.computer.ask(world.credential, [each.digest for each in prepared])
        shown = await world.phone.fetch(ask.request)
        assert len(shown.content["documents"]) == 3
        signatures = await world.computer.sign(world.credential, await world.approved(ask), ask.hashes)
        made = [
            (await service.finish(Prepared.from_bytes(each.to_bytes()), signature)).content
            for each, signature in zip(prepared, signatures, strict=True)
        ]
        with pytest.raises(SignatureNotOfPreparation):
            await service.finish(prepared[0], signatures[1])
    assert "Signature is Valid." in strangers.pdfsig(made[0])
    assert await strangers.pyhanko_long_term(made[0], root, SystemClock().now()) == "PASSED"
    assert "successful" in strangers.openssl_cms(made[1], root, None)
    assert "OK" in strangers.xmlsec(made[2], root, issuers=chain[1:])
    for document, kind in zip(made, ("pdf", "pkcs7-signature", "xml"), strict=True):
        report = await verified(stack, document, kind)
        assert report["verdict"] == "valid", report
        assert report["signatures"][0]["number"] == "***.982.247-**"


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
