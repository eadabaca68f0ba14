"""Whoever calls the gateway with a P-256 key of its own: proofs (DPoP, RFC 9449), and the calls themselves."""

import json
import secrets
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.clock import Clock
from foundation.dpop import access_token_hash
from foundation.encoding import b64u
from protocol.keys import P256Key, sign_raw


class Caller:
    """A key, and HTTP calls proved by it."""

    def __init__(self, client: TestClient[Any, Any], clock: Clock, origin: str) -> None:
        """`origin`: the address that proofs name, whatever port the test server listens on."""
        self.client = client
        self._clock = clock
        self._origin = origin
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.key = P256Key.from_public(self.private.public_key())
        self.token: str | None = None

    def proof(self, method: str, path: str, **changes: Any) -> str:
        """A DPoP proof for one call; `changes` replace claims."""
        claims: dict[str, Any] = {
            "htm": method,
            "htu": self._origin + path,
            "iat": int(self._clock.now().timestamp()),
            "jti": secrets.token_urlsafe(12),
        }
        if self.token is not None:
            claims["ath"] = access_token_hash(self.token)
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.jwk}
        signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, {**claims, **changes}))
        return f"{signed}.{b64u(sign_raw(self.private, signed.encode()))}"

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a proved call."""
        response = await self.send(method, path, body, **headers)
        content = await response.read()
        return response.status, json.loads(content) if content else {}

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> ClientResponse:
        """The response of a proved call."""
        sent = {"DPoP": self.proof(method, path)}
        if self.token is not None:
            sent["Authorization"] = f"DPoP {self.token}"
        return await self.client.request(method, path, json=body, headers={**sent, **headers})
