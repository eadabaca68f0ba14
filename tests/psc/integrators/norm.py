"""An application that speaks the norm's API, as in SafeID's collection: authorize, token, certificate, signature."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp

SHA256 = "2.16.840.1.101.3.4.2.1"


class Refused(Exception):
    """An error of the server: its status and its body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


@dataclass
class Begun:
    """An authorization under way: where the person is sent, and what the application remembers of it."""

    address: str
    state: str
    verifier: str


@dataclass
class Application:
    """`base`: what the vendor's documentation calls the URI-base, without ``/v0/oauth``."""

    session: aiohttp.ClientSession
    base: str
    client_id: str
    client_secret: str
    redirect_uri: str
    token: dict[str, Any] = field(default_factory=dict)

    # --- what the person does in a browser is outside; these are the application's two ends of it

    def begin(self, scope: str = "single_signature", **more: str) -> Begun:
        """GET /authorize."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(8)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": state,
            "scope": scope,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return Begun(f"{self.base}/v0/oauth/authorize?{urlencode(asked)}", state, verifier)

    async def finish(self, begun: Begun, returned_to: str) -> dict[str, Any]:
        """The person came back: code to token. Raises Refused with the answer in the address."""
        answer = dict(parse_qsl(urlsplit(returned_to).query))
        assert returned_to.startswith(self.redirect_uri), returned_to
        assert answer.get("state") == begun.state, answer
        if "error" in answer:
            raise Refused(302, answer)
        return await self.redeem(answer["code"], begun.verifier)

    async def redeem(self, code: str, verifier: str) -> dict[str, Any]:
        """POST /token."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        self.token = await self._call("POST", "/v0/oauth/token", data=form)
        assert self.token["authorized_identification_type"] in ("CPF", "CNPJ")
        return self.token

    async def certificates(self) -> list[dict[str, str]]:
        """GET /certificate-discovery."""
        answer = await self._call("GET", "/v0/oauth/certificate-discovery", headers=self._bearer())
        assert answer["status"] == "S", answer
        listed: list[dict[str, str]] = answer["certificates"]
        return listed

    async def sign(self, documents: Sequence[tuple[str, bytes]], form: str = "RAW", **more: Any) -> list[bytes]:
        """POST /signature: names and contents in, signatures out, in their order."""
        hashes = [
            {
                "id": str(number),
                "alias": name,
                "hash": self.encoded(hashlib.sha256(content).digest()),
                "hash_algorithm": SHA256,
                "signature_format": form,
            }
            for number, (name, content) in enumerate(documents, start=1)
        ]
        answer = await self._call(
            "POST", "/v0/oauth/signature", headers=self._bearer(), json={"hashes": hashes, **more}
        )
        by_id = {one["id"]: base64.b64decode(one["raw_signature"], validate=True) for one in answer["signatures"]}
        assert [one["id"] for one in answer["signatures"]] == [one["id"] for one in hashes]
        return [by_id[one["id"]] for one in hashes]

    @staticmethod
    def encoded(digest: bytes) -> str:
        """A hash in base64, as the norm's documentation shows."""
        return base64.b64encode(digest).decode()

    async def register(self, name: Any, **more: Any) -> str:
        """POST /application: who we are from now on; what the service says to it."""
        body = {
            "name": name,
            "comments": "ERP",
            "redirect_uris": [self.redirect_uri],
            "email": "ti@erp.example",
            **more,
        }
        answer = await self._call("POST", "/v0/oauth/application", json=body)
        assert answer["status"] == "success", answer
        self.client_id, self.client_secret = answer["client_id"], answer["client_secret"]
        said: str = answer["message"]
        return said

    async def maintain(self, **changed: Any) -> dict[str, Any]:
        """PUT /client_maintenance, with the application's own token."""
        own = await self.own_token()
        headers = {"Authorization": f"Bearer {own['access_token']}"}
        body = {"client_id": self.client_id, "redirect_uris": [self.redirect_uri], **changed}
        return await self._call("PUT", "/v0/oauth/client_maintenance", headers=headers, json=body)

    async def known(self, number: str) -> dict[str, Any]:
        """POST /user-discovery."""
        kind = "CPF" if len(number) == 11 else "CNPJ"
        body = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "user_cpf_cnpj": kind,
            "val_cpf_cnpj": number,
        }
        return await self._call("POST", "/v0/oauth/user-discovery", json=body)

    async def own_token(self) -> dict[str, Any]:
        """POST /client_token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        return await self._call("POST", "/v0/oauth/client_token", data=form)

    async def revoke(self) -> None:
        """POST /revoke."""
        form = {"client_id": self.client_id, "client_secret": self.client_secret, "token": self.token["access_token"]}
        await self._call("POST", "/v0/oauth/revoke", data=form)

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token['access_token']}"}

    async def _call(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        async with self.session.request(method, self.base + path, **sent) as response:
            body: dict[str, Any] = await response.json()
            if response.status != 200:
                raise Refused(response.status, body)
            return body
