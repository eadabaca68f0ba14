"""BirdID's applications send hashes in hexadecimal, find their token type in lower case, and may ask asynchronously."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.psc.integrators.norm import Application, Refused


class BirdIdApplication(Application):
    """As docs.vaultid.com.br shows."""

    @staticmethod
    def encoded(digest: bytes) -> str:
        """Hexadecimal."""
        return digest.hex()

    async def start(self, scope: str, callback: str, **more: Any) -> dict[str, Any]:
        """POST /oauth/start: what the application's page shows, and what it knows the flow by."""
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": scope,
            "callback_url": callback,
            "lifetime": 36000,
            **more,
        }
        return await self._call("POST", "/oauth/start", json=body)

    async def notify(self, number: str, short_token: str) -> None:
        """POST /oauth/notify."""
        await self._call("POST", "/oauth/notify", json={"username": number, "short_token": short_token})

    async def called_back(self, posted: Mapping[str, Any]) -> dict[str, Any]:
        """What came to callback_url becomes a token. Raises Refused."""
        if "error" in posted:
            raise Refused(0, dict(posted))
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": posted["code"],
            "redirect_uri": self.redirect_uri,
        }
        self.token = await self._call("POST", "/v0/oauth/token", data=form)
        return self.token

    async def ask(self, number: str, message: str, contents: Sequence[bytes]) -> str:
        """POST /async-signature: a token to come back with."""
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "username": number,
            "message": message,
            "hashes": [hashlib.sha256(one).hexdigest() for one in contents],
            "signature_format": "RAW",
            "lifetime": 300,
        }
        async with self.session.post(self.base + "/async-signature", json=body) as response:
            answer: dict[str, Any] = await response.json()
            if response.status != 201:
                raise Refused(response.status, answer)
            token: str = answer["token"]
            return token

    async def collect(self, token: str) -> list[bytes] | None:
        """GET /async-signature: None while the holder thinks."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.session.get(self.base + "/async-signature", headers=headers) as response:
            answer = await response.json()
            if response.status == 202:
                return None
            if response.status != 200:
                raise Refused(response.status, answer)
            return [base64.b64decode(one, validate=True) for one in answer["rawSignatures"]]
