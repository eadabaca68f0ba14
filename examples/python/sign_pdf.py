#!/usr/bin/env python3
"""Has a holder sign a PDF through the signing API, with pyHanko's own CSC client (pip install pyhanko aiohttp).

    LINKID_URL=… CLIENT_ID=… CLIENT_SECRET=… python3 examples/python/sign_pdf.py FILE.pdf [CREDENTIAL]

A FILE.pdf that does not exist is made. Without a credential: the first one that may be asked for. The result is
FILE.signed.pdf.
pyHanko asks whoever uses it only for the approval: `PhoneApproval` below is all there is of Link ID.
"""

# mypy: disable-error-code="no-untyped-call"

import asyncio
import json
import os
import sys
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import aiohttp
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
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

SERVICE = os.environ.get("LINKID_URL", "http://localhost:8441")
CLIENT_ID, CLIENT_SECRET = os.environ.get("CLIENT_ID", ""), os.environ.get("CLIENT_SECRET", "")


async def said(answer: aiohttp.ClientResponse) -> dict[str, object]:
    """The answer's JSON; an error ends the program with the service's own words."""
    content: dict[str, object] = await answer.json()
    if answer.status >= 400:
        sys.exit(f"{answer.status} {json.dumps(content, ensure_ascii=False)}")
    return content


class PhoneApproval(CSCAuthorizationManager):
    """Asks the holder's phone for the SAD: `authorize` gives a handle, `authorizeCheck` waits for the decision."""

    def __init__(
        self, session: aiohttp.ClientSession, info: CSCServiceSessionInfo, credential: CSCCredentialInfo, label: str
    ) -> None:
        super().__init__(info, credential)
        self._session, self._label = session, label

    async def authorize_signature(self, hash_b64s: list[str]) -> CSCAuthorizationInfo:
        """Called by pyHanko with the hashes of what will be signed."""
        asked = await self._call(
            "credentials/authorize",
            credentialID=self.csc_session_info.credential_id,
            numSignatures=len(hash_b64s),
            hashes=hash_b64s,
            hashAlgorithmOID="2.16.840.1.101.3.4.2.1",
            description=self._label,
        )
        told = asked["linkid"]
        assert isinstance(told, dict)
        print(f"approve on the phone; verification code {told['verification_code']}", flush=True)
        while "SAD" not in asked:
            asked = await self._call("credentials/authorizeCheck", handle=asked["handle"])  # the newest handle
        return self.parse_csc_auth_response(asked)

    async def _call(self, method: str, **body: object) -> dict[str, object]:
        headers = {**self.auth_headers, "Prefer": "wait=25"}
        url = self.csc_session_info.endpoint_url(method)
        async with self._session.post(url, json=body, headers=headers) as answer:
            return await said(answer)


def page() -> bytes:
    """A PDF of one page, for whoever has none at hand."""
    made, out = writer.PdfFileWriter(), BytesIO()
    words = b"BT /F1 18 Tf 60 760 Td (Link ID: documento de teste) Tj ET"
    font = generic.DictionaryObject(
        {pdf_name: generic.NameObject(value) for pdf_name, value in
         (("/Type", "/Font"), ("/Subtype", "/Type1"), ("/BaseFont", "/Helvetica"))}
    )  # fmt: skip
    one = writer.PageObject(
        contents=made.add_object(generic.StreamObject(stream_data=words)),
        media_box=(0, 0, 595, 842),
        resources=generic.DictionaryObject({"/Font": generic.DictionaryObject({"/F1": made.add_object(font)})}),
    )
    made.insert_page(one)
    made.write(out)
    return out.getvalue()


async def sign(document: BytesIO, label: str) -> None:
    """Token, certificate, approval, signature: into *document*."""
    async with aiohttp.ClientSession() as session:
        basic = {"Authorization": "Basic " + b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()}
        form = {"grant_type": "client_credentials"}
        async with session.post(f"{SERVICE}/oauth2/token", data=form, headers=basic) as answer:
            token = str((await said(answer))["access_token"])
        bearer = {"Authorization": f"Bearer {token}"}
        if len(sys.argv) > 2:
            credential = sys.argv[2]
        else:
            async with session.post(f"{SERVICE}/csc/v2/credentials/list", json={}, headers=bearer) as answer:
                found = (await said(answer))["credentialIDs"]
            assert isinstance(found, list)
            credential = found[0] if found else sys.exit("no certificate may be asked for")
        info = CSCServiceSessionInfo(SERVICE, credential, oauth_token=token, api_ver="v2")
        certificate = await fetch_certs_in_csc_credential(session, info)
        signer = CSCSigner(session, PhoneApproval(session, info, certificate, label))
        about = signers.PdfSignatureMetadata(
            field_name="Assinatura", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES
        )
        await signers.PdfSigner(about, signer).async_sign_pdf(IncrementalPdfFileWriter(document), in_place=True)


def main() -> None:
    """Read, sign, write."""
    if len(sys.argv) < 2 or not CLIENT_ID:
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    if not file.exists():
        file.write_bytes(page())
    document = BytesIO(file.read_bytes())
    asyncio.run(sign(document, file.name))
    result = file.with_suffix(".signed.pdf")
    result.write_bytes(document.getvalue())
    print(f"signed: {result}")


if __name__ == "__main__":
    main()
