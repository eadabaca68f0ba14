# mypy: disable-error-code="no-untyped-call"
"""pyHanko's own CSC client, unmodified, signs a PDF through us: a reader of the standard who never saw our code."""

import asyncio
import io
from typing import Any

import aiohttp
import pytest
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationInfo,
    CSCAuthorizationManager,
    CSCCredentialInfo,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from foundation.encoding import b64u
from tests.support.signing_world import IN_MODULES_LOOP, World

pytestmark = IN_MODULES_LOOP


class Waiting(CSCAuthorizationManager):
    """What pyHanko leaves to whoever uses it: asking for the SAD. API 1: the call waits for the phone."""

    def __init__(
        self, world: World, session: aiohttp.ClientSession, info: CSCServiceSessionInfo, credential: CSCCredentialInfo
    ) -> None:
        super().__init__(info, credential)
        self._world = world
        self._session = session

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        body = self.format_csc_auth_request(num_signatures=len(hash_b64s), hash_b64s=hash_b64s)
        phone = asyncio.create_task(self._answered())
        answer = await self._post("credentials/authorize", body, 200)
        await phone
        return self.parse_csc_auth_response(answer)

    async def _answered(self) -> None:
        """A holder who takes the phone when it rings."""
        while not self._world.doorbell.rings:
            await asyncio.sleep(0.01)
        self._world.sam.approve(self._world.sam.last)
        await self._world.decided(self._world.sam.last)

    async def _post(self, method: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        url = self.csc_session_info.endpoint_url(method)
        async with self._session.post(url, json=body, headers=self.auth_headers) as answer:
            said: dict[str, Any] = await answer.json()
            assert answer.status == status, said
            return said


class Polling(Waiting):
    """API 2: a handle and a poll, and the hash's algorithm is named."""

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        body = self.format_csc_auth_request(num_signatures=len(hash_b64s))
        body |= {"hashes": hash_b64s, "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1"}
        asked = await self._post("credentials/authorize", body, 202)
        self._world.sam.approve(asked["linkid"]["request"])
        return self.parse_csc_auth_response(
            await self._post("credentials/authorizeCheck", {"handle": asked["handle"]}, 200)
        )


class Version2Signer(CSCSigner):
    """The override that pyHanko documents, with API 2's names."""

    async def format_csc_signing_req(self, tbs_hashes: list[str], digest_algorithm: str) -> dict[str, Any]:
        request: dict[str, Any] = await super().format_csc_signing_req(tbs_hashes, digest_algorithm)
        request["hashes"], request["hashAlgorithmOID"] = request.pop("hash"), request.pop("hashAlgo")
        return request


def blank_pdf() -> io.BytesIO:
    """One empty page."""
    out = io.BytesIO()
    made = writer.PdfFileWriter()
    page = writer.PageObject(
        contents=made.add_object(generic.StreamObject(stream_data=b"")), media_box=(0, 0, 200, 200)
    )
    made.insert_page(page)
    made.write(out)
    return out


async def signer_of(
    world: World, session: aiohttp.ClientSession, key_algorithm: str, version: str, **options: Any
) -> tuple[CSCSigner, CSCCredentialInfo]:
    """pyHanko's signer, after it fetched what it wants to know."""
    credential = await world.credential(key_algorithm)
    integrator = await world.integrator(credential)
    url = str(world.client.make_url("/")).rstrip("/")
    info = CSCServiceSessionInfo(url, credential, oauth_token=integrator.token, api_ver=version)
    found = await fetch_certs_in_csc_credential(session, info)
    assert (found.max_batch_size, found.hash_pinning_required) == (100, True)
    if version == "v1":
        return CSCSigner(session, Waiting(world, session, info, found), **options), found
    return Version2Signer(session, Polling(world, session, info, found), **options), found


async def signed_by(signer: CSCSigner) -> io.BytesIO:
    """A PDF with one signature."""
    metadata = signers.PdfSignatureMetadata(
        field_name="Assinatura", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
    )
    document = blank_pdf()
    await signers.PdfSigner(metadata, signer).async_sign_pdf(IncrementalPdfFileWriter(document), in_place=True)
    return document


@pytest.mark.parametrize(
    ("version", "key_algorithm", "batch"),
    [("v1", "RSA-2048", 1), ("v1", "P-256", 1), ("v1", "RSA-2048", 3), ("v2", "RSA-2048", 1), ("v2", "P-256", 3)],
)
async def test_pyhanko_signs_pdfs(world: World, version: str, key_algorithm: str, batch: int) -> None:
    """Certificates fetched, hashes authorized by one approval, signed: each PDF's signature is intact and valid."""
    async with aiohttp.ClientSession() as session:
        signer, found = await signer_of(world, session, key_algorithm, version, batch_size=batch)
        documents = await asyncio.gather(*(signed_by(signer) for _ in range(batch)))
    trust = ValidationContext(trust_roots=found.chain, allow_fetching=False, moment=world.clock.now())
    for document in documents:
        signature = PdfFileReader(document).embedded_signatures[0]
        status = await async_validate_pdf_signature(signature, trust)
        assert status.intact
        assert status.valid
    assert len(world.sam.held) == 1
    approved = world.sam.held[world.sam.last]
    assert [one["hash"] for one in approved.document.objects("documents")] == [b64u(one) for one in approved.hashes]
    assert len(approved.hashes) == batch


async def test_a_salt_that_we_do_not_make_is_refused(world: World) -> None:
    """pyHanko asks PSS with the longest salt: an error, never a signature that does not verify."""
    async with aiohttp.ClientSession() as session:
        signer, _ = await signer_of(world, session, "RSA-2048", "v1", prefer_pss=True)
        with pytest.raises(SigningError):
            await signed_by(signer)
    assert all(call != "signatures/sign" for call, _ in world.sam.bodies)
