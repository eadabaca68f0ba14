"""The gateway seen from a phone: calls with proof of possession, the live channel, trust.json (section 9)."""

import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import jws
from sandbox_phone.domain.encoding import MAX_JSON
from sandbox_phone.domain.trust import Trust, read_trust
from sandbox_phone.errors import GatewayRefused, GatewayUnreachable, Untrusted
from sandbox_phone.loopback import connector

CALL_SECONDS: Final = 30
"""One call. The slowest is an emission (a key made in the HSM, a certificate issued)."""
SILENCE_SECONDS: Final = 40
"""The live channel sends a heartbeat every 25 s, and none is lost on a living connection: it is dead."""
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


def wall_clock() -> int:
    """Seconds since 1970."""
    return int(time.time())


def require_safe(url: str) -> str:
    """``url`` without a trailing slash. Raises Untrusted unless it is HTTPS, or plain HTTP on loopback."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Untrusted(f"{url} is neither https nor on this machine")
    return url.rstrip("/")


async def fetch_trust(app_url: str, tls: ssl.SSLContext | None = None) -> Trust:
    """``trust.json`` from the app host. Raises Untrusted when it speaks for another app host than the one asked."""
    app_url = require_safe(app_url)
    try:
        async with (
            aiohttp.ClientSession(connector=connector(), timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as session,
            session.get(f"{app_url}/trust.json", allow_redirects=False, ssl=tls or True) as answer,
        ):
            data = await _all(answer.content)
            if answer.status != 200:
                raise GatewayUnreachable(f"{app_url}/trust.json answered {answer.status}")
    except (aiohttp.ClientError, TimeoutError) as cause:
        raise GatewayUnreachable(f"{app_url}: {cause}") from cause
    trust = read_trust(data)
    if trust.app != app_url:
        raise Untrusted(f"{app_url} serves the trust of {trust.app}")
    return trust


class Answer(dict[str, Any]):
    """What the gateway said. Asking it for a member that is not there raises GatewayUnreachable, not KeyError."""

    def __missing__(self, name: str) -> Any:
        raise GatewayUnreachable(f"the answer lacks {name!r}")


class Gateway:
    """Calls by one key. Use as an async context manager, or :meth:`close` it."""

    def __init__(
        self,
        url: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = wall_clock,
        source: str | None = None,
    ) -> None:
        self._url = require_safe(url)
        self._source = source
        self._key = key
        self._tls: ssl.SSLContext | bool = tls or True
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self.token: str | None = None
        """The device token; None before there is one, then the DPoP proof stands alone."""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One call. ``path`` begins with a slash. Raises GatewayRefused (its answer), GatewayUnreachable."""
        try:
            async with self._open().request(
                method,
                self._url + path,
                json=body,
                allow_redirects=False,
                ssl=self._tls,
            ) as answer:
                status, data = answer.status, await _all(answer.content)
        except (aiohttp.ClientError, TimeoutError) as cause:
            raise GatewayUnreachable(f"{method} {path}: {type(cause).__name__} {cause}") from cause
        content = _object(data) if data else Answer()
        if status >= 300:
            code = content.pop("code", f"http_{status}")
            raise GatewayRefused(status, str(code), str(content.pop("message", "")), content)
        return content

    @asynccontextmanager
    async def live(self) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
        """The live channel: (event, data) until the gateway closes it. Heartbeats are swallowed."""
        path = "/phone/v1/live"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_SECONDS, sock_read=SILENCE_SECONDS)
        try:
            async with self._open().get(
                self._url + path,
                headers={"Accept": "text/event-stream"},
                timeout=timeout,
                allow_redirects=False,
                ssl=self._tls,
            ) as answer:
                if answer.status != 200:
                    content = _object(await _all(answer.content))
                    raise GatewayRefused(answer.status, str(content.get("code")), str(content.get("message")), content)
                yield _events(answer.content)
        except (aiohttp.ClientError, TimeoutError) as cause:
            raise GatewayUnreachable(f"live channel: {type(cause).__name__} {cause}") from cause

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._source),
                timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
                middlewares=(self._prove,),
            )
        return self._session

    async def _prove(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Every attempt has a proof of its own: aiohttp repeats a GET whose connection died."""
        url, jti = str(request.url.with_query(None)), secrets.token_urlsafe(16)
        now = self._clock()
        request.headers["DPoP"] = jws.dpop(self._key, request.method, url, token=self.token, jti=jti, now=now)
        if self.token is not None:
            request.headers["Authorization"] = f"DPoP {self.token}"
        return await send(request)


async def _events(stream: aiohttp.StreamReader) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Server-sent events: the part of the format that our gateway uses (one ``data`` line of JSON)."""
    event, data = "message", ""
    while line := await stream.readline():
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if not text:
            if data or event != "message":
                yield event, _object(data.encode()) if data else {}
            event, data = "message", ""
        elif name == "event":
            event = value
        elif name == "data":
            data += value


def _object(data: bytes) -> Answer:
    """A JSON object of the gateway. Nothing of it is signed or acted on by itself: an ordinary parser will do."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as cause:
        raise GatewayUnreachable("the answer is not JSON") from cause
    if not isinstance(value, dict):
        raise GatewayUnreachable("the answer is not a JSON object")
    return Answer(value)


async def _all(stream: aiohttp.StreamReader) -> bytes:
    """The whole body, unless it is more than anything of this protocol. Raises GatewayUnreachable."""
    data = bytearray()
    async for chunk in stream.iter_any():
        data += chunk
        if len(data) > MAX_JSON:
            raise GatewayUnreachable("the answer is longer than anything of this protocol")
    return bytes(data)
