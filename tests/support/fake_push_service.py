"""A browser with a push service on loopback: it takes what a real one takes, refuses what a real one refuses, and opens
messages with a library that is not the sender's (``http_ece``, by the author of RFC 8291).
"""

from dataclasses import dataclass, field
from typing import Any

import aiohttp
import http_ece
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from foundation.encoding import b64u, unb64u
from tests.support.loopback_tls import loopback_tls

HOST = "updates.push.services.mozilla.com"


class Browser:
    """What ``pushManager.subscribe`` makes."""

    def __init__(self, name: str = "a") -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.secret = bytes(range(16))
        self.endpoint = f"https://{HOST}/wpush/v2/{name}"

    @property
    def subscription(self) -> dict[str, str]:
        """As the app sends it to us."""
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"endpoint": self.endpoint, "p256dh": b64u(point), "auth": b64u(self.secret)}

    def open(self, body: bytes) -> bytes:
        """The message inside (RFC 8291)."""
        opened: bytes = http_ece.decrypt(body, private_key=self.private, auth_secret=self.secret, version="aes128gcm")
        return opened


@dataclass
class Arrived:
    """One push that a service took or refused."""

    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


class FakePushService:
    """HTTPS at a name of a real push service; ``answers`` says what the next pushes get (201 when it is at its end)."""

    def __init__(self, vapid: str) -> None:
        """``vapid``: the key that browsers subscribed with."""
        self._vapid = vapid
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.arrived: list[Arrived] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._push)
        self._server_tls, self._client_tls = loopback_tls(HOST)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._server_tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def connector(self) -> aiohttp.TCPConnector:
        """Leads every host to this service, as a hosts file would; names and certificates are checked as always."""
        return aiohttp.TCPConnector(resolver=_Here(self._port), ssl=self._client_tls)

    async def _push(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.arrived.append(Arrived(request.path, dict(request.headers), body))
        if self.answers:
            status, headers = self.answers.pop(0)
            return web.Response(status=status, headers=headers)
        if request.method != "POST" or not request.headers.get("TTL", "").isdigit():
            return web.Response(status=400)
        if request.headers.get("Content-Encoding") != "aes128gcm" or len(body) > 4096:
            return web.Response(status=413)
        if not self._is_ours(request.headers.get("Authorization", "")):
            return web.Response(status=403)
        return web.Response(status=201, headers={"Location": f"https://{HOST}/m/1"})

    def _is_ours(self, authorization: str) -> bool:
        """RFC 8292: a token for this origin, by the key in it, which is the one that the browser subscribed with."""
        scheme, _, rest = authorization.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "vapid" or parts.get("k") != self._vapid:
            return False
        point = unb64u(parts["k"], max_len=65)
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": b64u(point[1:33]), "y": b64u(point[33:])})
        claims: dict[str, Any] = jwt.decode(parts["t"], key, algorithms=["ES256"]).claims
        return claims["aud"] == f"https://{HOST}" and "@" in claims["sub"] and claims["sub"].startswith("mailto:")


class _Here(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        return None
