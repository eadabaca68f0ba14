# mypy: disable-error-code="no-untyped-call"
"""pyHanko's own CSC client, unmodified, signs a PDF through us: a reader of the standard who never saw our code."""

import io

import aiohttp
import pytest
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
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


class PhoneAuthorization(CSCAuthorizationManager):
    """What pyHanko leaves to whoever uses it: asking for the SAD. Approval by phone, with CSC v2's handle and poll."""

    def __init__(
        self, world: World, session: aiohttp.ClientSession, info: CSCServiceSessionInfo, credential: CSCCredentialInfo
    ) -> None:
        super().__init__(info, credential)
        self._world = world
        self._session = session

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        info = self.csc_session_info
        body = {
            "credentialID": info.credential_id,
            "numSignatures": len(hash_b64s),
            "hashes": hash_b64s,
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
        }
        async with self._session.post(
            info.endpoint_url("credentials/authorize"), json=body, headers=self.auth_headers
        ) as answer:
            asked = await answer.json()
            assert answer.status == 202, asked
        self._world.sam.approve(asked["linkid"]["request"])
        async with self._session.post(
            info.endpoint_url("credentials/authorizeCheck"), json={"handle": asked["handle"]}, headers=self.auth_headers
        ) as answer:
            return self.parse_csc_auth_response(await answer.json())


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


@pytest.mark.parametrize("key_algorithm", ["RSA-2048", "P-256"])
async def test_pyhanko_signs_a_pdf(world: World, key_algorithm: str) -> None:
    """Certificates fetched, hash authorized, approved, signed: the PDF's signature is intact and valid."""
    credential = await world.credential(key_algorithm)
    integrator = await world.integrator(credential)
    url = str(world.client.make_url("/")).rstrip("/")
    # Its path has the version after /csc/; the names of members inside are still v1's, which we take.
    session_info = CSCServiceSessionInfo(url, credential, oauth_token=integrator.token, api_ver="v2")
    async with aiohttp.ClientSession() as session:
        found = await fetch_certs_in_csc_credential(session, session_info)
        assert (found.max_batch_size, found.hash_pinning_required) == (100, True)
        signer = CSCSigner(session, PhoneAuthorization(world, session, session_info, found))
        metadata = signers.PdfSignatureMetadata(
            field_name="Assinatura", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
        )
        document = blank_pdf()
        await signers.PdfSigner(metadata, signer).async_sign_pdf(IncrementalPdfFileWriter(document), in_place=True)
    signature = PdfFileReader(document).embedded_signatures[0]
    trust = ValidationContext(trust_roots=found.chain, allow_fetching=False, moment=world.clock.now())
    status = await async_validate_pdf_signature(signature, trust)
    assert status.intact
    assert status.valid
    approved = world.sam.held[world.sam.last]
    assert approved.document.objects("documents")[0]["hash"] == b64u(approved.hashes[0])
