"""VIDaaS's applications have no page: they ring the phone with ``push://`` and poll for the code."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.psc.integrators.norm import SHA256, Application, Refused


class VidaasApplication(Application):
    """As valid-sa.atlassian.net shows."""

    pending: int = 304

    async def sign_pdf(self, name: str, pdf: bytes, form: str) -> bytes:
        """POST /signature with the document itself, and its signature to be seen: the signed PDF."""
        entry = {
            "id": "1",
            "alias": name,
            "hash": self.encoded(hashlib.sha256(pdf).digest()),
            "hash_algorithm": SHA256,
            "signature_format": form,
            "padding_method": "PKCS1V1_5",
            "pdf_signature_page": "true",
            "base64_content": base64.b64encode(pdf).decode(),
        }
        answer = await self._call("POST", "/v0/oauth/signature", headers=self._bearer(), json={"hashes": [entry]})
        return base64.b64decode(answer["signatures"][0]["file_base64_signed"])

    async def ring(self, number: str, scope: str = "single_signature", **more: str) -> tuple[str, str]:
        """GET /authorize with push://: the code to poll with, and the verifier."""
        self.redirect_uri = "push://"
        begun = self.begin(scope, login_hint=number, **more)
        async with self.session.get(begun.address) as response:
            text = await response.text()
            if response.status != 200:
                raise Refused(response.status, await response.json())
        found = re.fullmatch(r"code=([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})", text)
        assert found is not None, text
        return found[1], begun.verifier

    async def poll(self, code: str) -> dict[str, Any] | None:
        """GET /valid/api/v1/trusted-services/authentications: None while there is nothing to say."""
        path = "/valid/api/v1/trusted-services/authentications"
        async with self.session.get(self.base + path, params={"code": code}) as response:
            if response.status in (304, 202):
                self.pending = response.status
                return None
            body: dict[str, Any] = await response.json()
            if response.status != 200:
                raise Refused(response.status, body)
        told = dict(parse_qsl(urlsplit(body["redirectUrl"]).query))
        assert told["code"] == body["authorizationToken"]
        assert body["redirectUrl"].startswith("push://")
        return body
