"""What one client does, once: the flows that the load generator repeats. A new one is a class and a line in ``FLOWS``.

Each flow is a whole story with fresh hashes, nonces and proofs; every answer's status is looked at, and of every answer
with signatures one is verified with the certificate's key.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlsplit

from bench.client_side import (
    ASSERTION,
    SHA256_OID,
    SIGN_NAMES,
    SIGN_OIDS,
    Integrator,
    Phone,
    Terms,
    activation_key,
    b64,
    b64u,
    read_statement,
    unb64u,
)
from bench.people import Crowd, Lane
from bench.wire import Connection, request
from foundation.channel import PrivateClient, near


class Refused(Exception):
    """An answer with another status than the flow needs."""


class Flow:
    """One lane's client. ``prepare`` once, then ``once`` again and again: how many things (signatures) were done."""

    algorithm: str | None = "RSA-2048"
    """Of the lanes that it uses; None: needs none."""
    times: list[float] | None = None
    """Seconds, one for each flow, of a flow that knows which of its seconds count."""

    def __init__(self, crowd: Crowd, lane: Lane, at: int) -> None:
        self.crowd, self.lane, self.at = crowd, lane, at

    async def prepare(self) -> None:
        """Connections, tokens: what a client has before it begins."""
        raise NotImplementedError

    async def once(self) -> int:
        """One whole story."""
        raise NotImplementedError

    @property
    def lines(self) -> list[Connection]:
        """Its connections."""
        raise NotImplementedError


class HttpCaller(Flow):
    """An integrator with a bearer token, and a phone, each on a connection of its own to the gateway."""

    port: int | None = None
    """Of the gateway to call, where that is not the one whose address all of them bear."""

    async def prepare(self) -> None:
        """A token by client credentials and private_key_jwt."""
        parts = urlsplit(self.crowd.gateway)
        self.host, port = parts.netloc, self.port or parts.port or 80
        self.integrator = Integrator(self.lane, self.crowd.gateway)
        self.phone = Phone(self.lane, self.crowd.gateway)
        self.caller_line, self.phone_line = await Connection.open(port=port), await Connection.open(port=port)
        self._authorization = f"Authorization: Bearer {await self.token()}\r\n"

    async def token(self) -> str:
        """A fresh one, by a fresh assertion."""
        form = (
            f"grant_type=client_credentials&client_id={self.lane.integrator}"
            f"&client_assertion_type={ASSERTION.replace(':', '%3A')}&client_assertion={self.integrator.assertion()}"
        ).encode("ascii")
        head = (
            f"POST /oauth2/token HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(form)}\r\n\r\n"
        )
        token: str = _good(await self.caller_line.call(head.encode("ascii") + form), 200, "token")["access_token"]
        return token

    @property
    def lines(self) -> list[Connection]:
        """The integrator's and the phone's."""
        return [self.caller_line, self.phone_line]

    async def csc(self, method: str, body: Mapping[str, Any], wanted: int = 200, prefer: str = "") -> dict[str, Any]:
        """One call of the signing API. Raises Refused."""
        content = json.dumps(body, separators=(",", ":")).encode("ascii")
        data = request("POST", f"/csc/v2/{method}", self._authorization + prefer, content, self.host)
        return _good(await self.caller_line.call(data), wanted, method)

    async def authorize(self, digests: list[bytes]) -> tuple[str, str]:
        """Handle and document of a new request."""
        documents, ask = self.integrator.ask(digests)
        body = {
            "credentialID": self.lane.credential,
            "numSignatures": len(digests),
            "hashes": [b64(digest) for digest in digests],
            "hashAlgorithmOID": SHA256_OID,
            "clientData": _text({"documents": documents, "ask": ask}),
        }
        answer = await self.csc("credentials/authorize", body, 202)
        return answer["handle"], answer["linkid"]["request"]

    async def approve(self, document: str) -> None:
        """The phone fetches the statement and answers it, as after a ring."""
        await self.decide(await self.decision(document))

    async def decision(self, document: str) -> bytes:
        """The whole request that carries the decision, ready to be sent."""
        path = f"/phone/v1/documents/{document}"
        data = request("GET", path, self.phone.headers("GET", path), host=self.host)
        statement = _good(await self.phone_line.call(data), 200, "statement")["statement"]
        body = json.dumps(self.phone.approve(read_statement(statement)), separators=(",", ":")).encode("ascii")
        path += "/decision"
        return request("POST", path, self.phone.headers("POST", path), body, self.host)

    async def decide(self, data: bytes) -> None:
        """Send it."""
        _good(await self.phone_line.call(data), 200, "decision")

    async def check(self, handle: str, prefer: str = "") -> str:
        """The SAD of an approved request."""
        sad: str = (await self.approved(handle, prefer))["SAD"]
        return sad

    async def approved(self, handle: str, prefer: str = "") -> dict[str, Any]:
        """All that authorizeCheck says of it."""
        return await self.csc("credentials/authorizeCheck", {"handle": handle}, prefer=prefer)

    async def sign(self, sad: str, digests: list[bytes], use: Mapping[str, Any] | None = None) -> int:
        """signHash; one of the signatures is verified. ``use``: of a session, what the integrator signed for it."""
        said = {} if use is None else {"clientData": _text({"use": use})}
        body = {
            **said,
            "credentialID": self.lane.credential,
            "SAD": sad,
            "hashes": [b64(digest) for digest in digests],
            "hashAlgorithmOID": SHA256_OID,
            "signAlgo": SIGN_OIDS[self.lane.algorithm],
        }
        signatures = (await self.csc("signatures/signHash", body))["signatures"]
        if len(signatures) != len(digests):
            raise Refused(f"{len(signatures)} signatures for {len(digests)} hashes")
        sample = secrets.randbelow(len(digests))
        self.integrator.verify(digests[sample], b64decode(signatures[sample]))
        return len(signatures)


class HttpBatch(HttpCaller):
    """``size`` hashes under one approval: authorize, the phone, authorizeCheck, signHash."""

    size = 100

    async def once(self) -> int:
        """The whole flow."""
        digests = [secrets.token_bytes(32) for _ in range(self.size)]
        handle, document = await self.authorize(digests)
        await self.approve(document)
        return await self.sign(await self.check(handle), digests)


class HttpSingle(HttpBatch):
    """One hash under one approval."""

    size = 1


class HttpSession(HttpCaller):
    """One approval opens a session, then every hash is a call of its own: a use that the integrator's key signs.

    The session outlasts every window and is never used up; if it were, the flow would be refused.
    """

    lasts = 8 * 3600
    """Seconds: a shift."""
    maximum = 100_000
    """Signatures: the most that a session may have (docs/protocol.md section 15)."""

    async def prepare(self) -> None:
        """The token, and a session of its own: asked for, approved by the phone, its SAD kept."""
        await super().prepare()
        terms = Terms(int(time.time()) + self.lasts, self.maximum, "Notas fiscais da noite")
        said = {"session": asdict(terms), "ask": self.integrator.ask_session(terms)}
        body = {
            "credentialID": self.lane.credential,
            "numSignatures": terms.maximum,
            "hashAlgorithmOID": SHA256_OID,
            "clientData": _text(said),
        }
        asked = await self.csc("credentials/authorize", body, 202)
        await self.approve(asked["linkid"]["request"])
        approved = await self.approved(asked["handle"])
        self._sad, self._activation = approved["SAD"], approved["linkid"]["activation"]
        self._counter = 0

    async def once(self) -> int:
        """One use: the next counter, a fresh hash, the integrator's signature of both; signHash."""
        self._counter += 1
        digests = [secrets.token_bytes(32)]
        use = self.integrator.use(self._activation, self._counter, digests)
        return await self.sign(self._sad, digests, use)


class HttpSessionP256(HttpSession):
    """The same with a P-256 credential."""

    algorithm = "P-256"


class HttpList(HttpCaller):
    """credentials/list, as an integrator that shows what it may use."""

    async def once(self) -> int:
        """One call; the lane's credential must be in the answer."""
        answer = await self.csc("credentials/list", {"credentialInfo": True, "certificates": "single"})
        if self.lane.credential not in answer["credentialIDs"]:
            raise Refused("the list lacks the credential")
        return 1


class HttpInfo(HttpCaller):
    """credentials/info, as before every signature of many integrators."""

    async def once(self) -> int:
        """One call, with the certificate chain."""
        body = {"credentialID": self.lane.credential, "certificates": "chain", "certInfo": True}
        answer = await self.csc("credentials/info", body)
        if not answer["cert"]["certificates"]:
            raise Refused("no certificates")
        return 1


class SamSingle(Flow):
    """One hash under one approval by the SAM's private channel: documents/sign, documents/decide, signatures/sign.

    By the gateways' own client: the lanes spread over the SAMs as their credentials' ids do.
    """

    async def prepare(self) -> None:
        """A connection, as a gateway keeps them."""
        self.integrator = Integrator(self.lane, self.crowd.gateway)
        self.phone = Phone(self.lane, self.crowd.gateway)
        self.sams = PrivateClient(self.crowd.sams)

    @property
    def lines(self) -> list[Connection]:
        """None that speaks HTTP."""
        return []

    async def once(self) -> int:
        """The whole flow."""
        digest, secret = secrets.token_bytes(32), secrets.token_bytes(32)
        documents, ask = self.integrator.ask([digest])
        what = {
            "hashes": [b64u(digest).decode("ascii")],
            "hash_algorithm": "SHA-256",
            "sign_algorithm": SIGN_NAMES[self.lane.algorithm],
            "caller": {"kind": "integrator", "id": self.lane.integrator},
        }
        asked = {"credential": self.lane.credential, "documents": documents, "ask": ask}
        fixed = await self._call("documents/sign", {**what, **asked, "activation_key": activation_key(secret)})
        decision = self.phone.approve(read_statement(fixed["statement"]))
        whose = {"document": fixed["document"], "device": self.lane.device}
        decided = await self._call("documents/decide", {**whose, **decision})
        opened = {"activation": decided["activation"], "secret": b64u(secret).decode("ascii")}
        signed = await self._call("signatures/sign", {**opened, **what})
        self.integrator.verify(digest, unb64u(signed["signatures"][0]))
        return len(signed["signatures"])

    async def _call(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(await self.sams.call(name, body, near=near(body)))


class Echo(Flow):
    """The reference of HTTP: a bare aiohttp handler that reads JSON and answers it, on as many processes as gateways.

    The body is as long as a signHash of one P-256 hash.
    """

    algorithm = None
    ports: tuple[int, ...] = ()

    async def prepare(self) -> None:
        """A connection to one of the echo processes."""
        self.line = await Connection.open(port=self.ports[self.at % len(self.ports)])

    @property
    def lines(self) -> list[Connection]:
        """The one."""
        return [self.line]

    async def once(self) -> int:
        """One call with a fresh hash, which must come back."""
        digest = b64(secrets.token_bytes(32))
        body = {
            "credentialID": "cred_00000000000000000000000000",
            "SAD": "sad_00000000000000000000000000_" + "0" * 64,
            "hashes": [digest],
            "hashAlgorithmOID": SHA256_OID,
            "signAlgo": SIGN_OIDS["P-256"],
        }
        data = request("POST", "/echo", "", json.dumps(body, separators=(",", ":")).encode("ascii"))
        if _good(await self.line.call(data), 200, "echo")["hashes"] != [digest]:
            raise Refused("the echo is another's")
        return 1


class ApprovalToSignature(HttpSingle):
    """One request on an idle system, its caller waiting in authorizeCheck; the time from decision to signature."""

    def __init__(self, crowd: Crowd, lane: Lane, at: int) -> None:
        super().__init__(crowd, lane, at)
        self.times: list[float] = []

    async def once(self) -> int:
        """From the moment the decision is sent until signHash is answered, the caller's own way from the one answer to
        the next call included, its look at the signature not."""
        digests = [secrets.token_bytes(32)]
        handle, document = await self.authorize(digests)
        decision = await self.decision(document)
        waiting = asyncio.create_task(self.check(handle, "Prefer: wait=25\r\n"))
        await asyncio.sleep(0.05)  # until the call is held at the gateway: the holder types longer than that
        began = time.perf_counter()
        deciding = asyncio.create_task(self.decide(decision))
        done = await self.sign(await waiting, digests)
        self.times.append(self.caller_line.answered_at - began)
        await deciding
        return done


FLOWS: Final[Mapping[str, Callable[[Crowd, Lane, int], Flow]]] = {
    "http_batch": HttpBatch,
    "http_single": HttpSingle,
    "http_session": HttpSession,
    "http_session_p256": HttpSessionP256,
    "http_list": HttpList,
    "http_info": HttpInfo,
    "sam_single": SamSingle,
    "echo": Echo,
    "approval_to_signature": ApprovalToSignature,
}


def _text(content: Mapping[str, Any]) -> str:
    """For ``clientData``."""
    return json.dumps(content, separators=(",", ":"))


def _good(answer: tuple[int, bytes], wanted: int, what: str) -> dict[str, Any]:
    status, body = answer
    if status != wanted:
        raise Refused(f"{what}: {status} {body[:500].decode('utf-8', 'replace')}")
    content: dict[str, Any] = json.loads(body)
    return content
