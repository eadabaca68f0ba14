"""BirdID's applications send hashes in hexadecimal, find their token type in lower case, and may ask asynchronously."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from tests.psc.integrators.norm import Application, Refused


class BirdIdApplication(Application):
    """As docs.vaultid.com.br shows."""

    @staticmethod
    def encoded(digest: bytes) -> str:
        """Hexadecimal."""
        return digest.hex()

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
