"""VIDaaS's applications have no page: they ring the phone with ``push://`` and poll for the code."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.psc.integrators.norm import Application, Refused


class VidaasApplication(Application):
    """As valid-sa.atlassian.net shows."""

    pending: int = 304

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
