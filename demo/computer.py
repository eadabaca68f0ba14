"""A computer that is a program: the agent's own client, without its screens and its caution.

Journeys and benchmarks use it where a person's agent would not do what is wanted: sign a hundred hashes at once, ask
for other hashes than were approved, send the same call twice at the same time.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from joserfc.jwk import ECKey

from desktop_agent.client.http import Caller, Reply
from desktop_agent.client.links import Links
from desktop_agent.client.oauth import access_token
from desktop_agent.domain.ask import NONCE_BYTES, signed, signed_session, signed_use
from desktop_agent.domain.link import LinkState
from desktop_agent.domain.request import Document, Terms
from sandbox_phone.phone import SandboxPhone

SHA256: Final = "2.16.840.1.101.3.4.2.1"
RSA_SHA256: Final = "1.2.840.113549.1.1.11"


class CallRefused(Exception):
    """The service said no: ``reply`` has status and content."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {dict(reply.content)}")
        self.reply = reply


@dataclass(frozen=True)
class Ask:
    """A request on its way: the document's id, and the handle to ask after it."""

    request: str
    handle: str
    hashes: Sequence[bytes]


@dataclass(frozen=True)
class SessionAsk:
    """A session on its way."""

    request: str
    handle: str
    terms: Terms


@dataclass(frozen=True)
class Session:
    """One that was approved. ``expires_in`` seconds."""

    activation: str
    sad: str
    expires_in: int
    terms: Terms


class ComputerProgram:
    """An async context manager; ``associate`` first."""

    def __init__(self, gateway: str, app: str) -> None:
        self.key = ECKey.generate_key("P-256")
        self.caller = Caller(gateway, self.key)
        self.id = ""
        self._app = app
        self._token: str | None = None

    async def __aenter__(self) -> Self:
        await self.caller.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.caller.__aexit__(kind, error, trace)

    async def associate(self, phone: SandboxPhone, name: str = "Computador de prova") -> None:
        """The whole ceremony with a phone."""
        links = Links(self.caller, self._app)
        await links.start(name, "Linux")
        shown = await links.look()
        assert shown.state is LinkState.WAITING
        assert shown.frame is not None
        answer = await phone.approve(await phone.scan(shown.frame))
        self.id = await links.check(answer["next"]["check_code"])

    async def call(self, method: str, body: dict[str, Any], *, prefer: str | None = None) -> Reply:
        """One CSC call, whatever the answer."""
        if self._token is None:
            self._token = await access_token(self.caller, self.id)
        return await self.caller.call("POST", f"/csc/v2/{method}", body, token=self._token, prefer=prefer)

    async def ask(self, credential: str, hashes: Sequence[bytes] | None = None, count: int = 1) -> Ask:
        """Ask for signatures over these hashes (or ``count`` random ones). Raises CallRefused."""
        wanted = list(hashes) if hashes is not None else [secrets.token_bytes(32) for _ in range(count)]
        body = {
            "credentialID": credential,
            "numSignatures": len(wanted),
            "hashes": [b64(each) for each in wanted],
            "hashAlgorithmOID": SHA256,
            "clientData": json.dumps(self.client_data(credential, wanted)),
        }
        content = _good(await self.call("credentials/authorize", body)).content
        return Ask(content["linkid"]["request"], content["handle"], wanted)

    def client_data(self, credential: str, hashes: Sequence[bytes]) -> dict[str, Any]:
        """Labels, and this computer's signature of what it asks (docs/protocol.md section 9.5)."""
        documents = [Document(f"Documento {index}", 1000, each) for index, each in enumerate(hashes, start=1)]
        nonce, created = secrets.token_bytes(NONCE_BYTES), self.caller.clock()
        return {
            "documents": [{"label": each.label, "size": each.size} for each in documents],
            "ask": signed(self.caller.key, self.id, credential, documents, nonce=nonce, created=created),
        }

    async def sad(self, ask: Ask, wait: int = 10) -> str:
        """The SAD, once approved. Raises CallRefused (202 too: nobody decided yet)."""
        reply = await self.call("credentials/authorizeCheck", {"handle": ask.handle}, prefer=f"wait={wait}")
        if reply.status != 200:
            raise CallRefused(reply)
        sad: str = reply.content["SAD"]
        return sad

    async def ask_session(
        self, credential: str, *, seconds: int = 3600, maximum: int = 10, purpose: str = "Lote da noite"
    ) -> SessionAsk:
        """Ask for a session of an RSA certificate. Raises CallRefused."""
        nonce, created = secrets.token_bytes(NONCE_BYTES), self.caller.clock()
        terms = Terms(created + seconds, maximum, purpose, "RSA-PKCS1-SHA256")
        said = {
            "session": {"until": terms.until, "maximum": maximum, "purpose": purpose},
            "ask": signed_session(self.caller.key, self.id, credential, terms, nonce=nonce, created=created),
        }
        body = {
            "credentialID": credential,
            "numSignatures": maximum,
            "hashAlgorithmOID": SHA256,
            "clientData": json.dumps(said),
        }
        content = _good(await self.call("credentials/authorize", body)).content
        return SessionAsk(content["linkid"]["request"], content["handle"], terms)

    async def session(self, ask: SessionAsk, wait: int = 10) -> Session:
        """The session, once approved. Raises CallRefused (202 too: nobody decided yet)."""
        reply = await self.call("credentials/authorizeCheck", {"handle": ask.handle}, prefer=f"wait={wait}")
        if reply.status != 200:
            raise CallRefused(reply)
        content = reply.content
        return Session(content["linkid"]["activation"], content["SAD"], content["expiresIn"], ask.terms)

    async def use(self, credential: str, session: Session, counter: int, hashes: Sequence[bytes]) -> list[bytes]:
        """The signatures of one use, signed for by this computer. Raises CallRefused."""
        said = {"use": signed_use(self.caller.key, session.activation, counter, session.terms, hashes)}
        return await self.sign(credential, session.sad, hashes, client_data=json.dumps(said))

    async def sign(
        self,
        credential: str,
        sad: str,
        hashes: Sequence[bytes],
        algorithm: str = RSA_SHA256,
        client_data: str | None = None,
    ) -> list[bytes]:
        """The signatures. Raises CallRefused."""
        said = {} if client_data is None else {"clientData": client_data}
        body = {
            **said,
            "credentialID": credential,
            "SAD": sad,
            "hashes": [b64(each) for each in hashes],
            "hashAlgorithmOID": SHA256,
            "signAlgo": algorithm,
        }
        content = _good(await self.call("signatures/signHash", body)).content
        return [base64.b64decode(each) for each in content["signatures"]]


def b64(data: bytes) -> str:
    """Base64 with padding, as CSC has hashes."""
    return base64.b64encode(data).decode("ascii")


def _good(reply: Reply) -> Reply:
    if not reply.ok:
        raise CallRefused(reply)
    return reply
