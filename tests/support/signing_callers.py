"""Who calls the signing API: a computer with its key, an integrator with a bearer token."""

import base64
import json
import secrets
from collections.abc import Sequence
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from foundation.encoding import b64u
from hsm_service.oauth.web.metadata import TOKEN_PATH
from protocol.asks import NONCE_BYTES, SignedAsk, message, session_message
from protocol.keys import sign_raw
from protocol.sessions import Terms, Use
from tests.support.callers import Caller

ORIGIN = "https://gateway.linkid.test"


class Computer(Caller):
    """A desktop agent: its key, its id, and the calls it makes."""

    id: str = ""

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> ClientResponse:
        """As any caller; an ask for signatures is signed first, unless it carries a signature already."""
        if path.endswith("/credentials/authorize") and isinstance(body, dict):
            body = {**body, "clientData": self.signed_ask(body)}
        return await super().send(method, path, body, **headers)

    def signed_ask(self, body: dict[str, Any]) -> str:
        """`clientData` of an ask, with this computer's signature (docs/protocol.md section 9.5)."""
        said: dict[str, Any] = json.loads(body.get("clientData", "{}"))
        if "session" in said:
            return self._signed_session(body, said)
        found = [base64.b64decode(one) for one in body.get("hashes") or body["hash"]]
        said.setdefault("documents", [{"label": f"Documento {number}"} for number, _ in enumerate(found, start=1)])
        listed = [
            {"label": one["label"], "size": one.get("size"), "hash": b64u(hash_)}
            for one, hash_ in zip(said["documents"], found, strict=True)
        ]
        nonce, created = secrets.token_bytes(NONCE_BYTES), int(self._clock.now().timestamp())
        signed = message(self.id, body["credentialID"], "SHA-256", listed, nonce=nonce, created=created)
        said.setdefault("ask", SignedAsk(nonce, created, sign_raw(self.private, signed)).members())
        return json.dumps(said)

    def _signed_session(self, body: dict[str, Any], said: dict[str, Any]) -> str:
        """The same for a session; P-256 keys and RSA ones are told apart by `signAlgo`."""
        nonce, created = secrets.token_bytes(NONCE_BYTES), int(self._clock.now().timestamp())
        asked = said["session"]
        until = asked.get("until", created + asked.get("seconds", 0))
        algorithm = "ECDSA-SHA256" if body.get("signAlgo") == "1.2.840.10045.4.3.2" else "RSA-PKCS1-SHA256"
        terms = Terms(until, body["numSignatures"], asked.get("purpose", ""), "SHA-256", algorithm)
        signed = session_message(self.id, body["credentialID"], terms, nonce=nonce, created=created)
        said.setdefault("ask", SignedAsk(nonce, created, sign_raw(self.private, signed)).members())
        return json.dumps(said)

    def use(self, activation: str, counter: int, hashes: Sequence[bytes], algorithm: str = "RSA-PKCS1-SHA256") -> str:
        """`clientData` of one use of a session, signed by this computer."""
        signature = sign_raw(self.private, Use(activation, counter, "SHA-256", algorithm, list(hashes)).message)
        return json.dumps({"use": {"counter": counter, "signature": b64u(signature)}})

    def assertion(self, **changes: Any) -> str:
        """A `private_key_jwt`; `changes` replace claims."""
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.id,
            "sub": self.id,
            "aud": ORIGIN + TOKEN_PATH,
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + 60,
        }
        header = {"alg": "ES256"}
        signed = ".".join(b64u(json.dumps(part).encode()) for part in (header, {**claims, **changes}))
        return f"{signed}.{b64u(sign_raw(self.private, signed.encode()))}"

    def token_form(self, **changes: Any) -> dict[str, str]:
        """What it posts to the token endpoint."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(),
        }
        return {name: value for name, value in {**form, **changes}.items() if value is not None}

    async def log_in(self) -> None:
        """Get an access token."""
        self.token = None
        headers = {"DPoP": self.proof("POST", TOKEN_PATH)}
        async with self.client.post(TOKEN_PATH, data=self.token_form(), headers=headers) as response:
            body = await response.json()
            assert response.status == 200, body
            self.token = body["access_token"]


class BearerCaller:
    """An integrator with a plain bearer token."""

    def __init__(self, client: TestClient[Any, Any], token: str) -> None:
        self.client = client
        self.token = token

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        async with self.client.request(method, path, json=body, headers=sent) as response:
            content = await response.read()
            return response.status, json.loads(content) if content else {}
