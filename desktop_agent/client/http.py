"""Calls to one service with proof of possession: JSON both ways, bounded, never redirected (docs/protocol.md, 9)."""

import hashlib
import json
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp
from joserfc import jws
from joserfc.jwk import ECKey

from desktop_agent import VERSION
from desktop_agent.client.loopback import connector
from desktop_agent.domain.encoding import b64u
from desktop_agent.domain.trust import is_safe
from desktop_agent.errors import NoConnection, ServiceRefused, UntrustedServer
from desktop_agent.words import again

CALL_SECONDS: Final = 30.0
"""One call, connection included, unless the call says otherwise."""
MAX_ANSWER: Final = 1024 * 1024
"""Bytes. The largest honest answer is a list of certificates with their chains: about 6 kB each."""


def wall_clock() -> int:
    """Seconds since 1970."""
    return int(time.time())


@dataclass(frozen=True)
class Reply:
    """An answer: its status, its JSON object, and the one header that matters."""

    status: int
    content: Mapping[str, Any]
    retry_after: int | None

    @property
    def ok(self) -> bool:
        return self.status < 300


class Caller:
    """Calls by one association key. An async context manager."""

    def __init__(
        self,
        url: str,
        key: ECKey,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        if not is_safe(url):
            raise UntrustedServer(f"O endereço {url} não é https.")
        self.url = url.rstrip("/")
        self.key = key
        self.clock = clock
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # Proxies of the environment are for the internet, not for this machine.
        self._session = aiohttp.ClientSession(
            connector=connector(),
            headers={"User-Agent": f"linkid-desktop/{VERSION}"},
            trust_env=urlsplit(self.url).scheme == "https",
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        token: str | None = None,
        prefer: str | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Reply:
        """One call.

        Raises NoConnection (nobody there, out of order), UntrustedServer (redirects, too much, not JSON).
        """
        if self._session is None:
            raise RuntimeError("use Caller as an async context manager")
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"DPoP {token}"
        if prefer is not None:
            headers["Prefer"] = prefer

        async def prove(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
            # Here and not above: aiohttp repeats a GET whose connection died, and a proof sent twice is a replay.
            request.headers["DPoP"] = self._proof(method, path, token)
            return await send(request)

        try:
            async with self._session.request(
                method,
                self.url + path,
                json=body,
                data=form,
                headers=headers,
                middlewares=(prove,),
                allow_redirects=False,
                ssl=self._tls,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as answer:
                return _reply(answer, await all_of(answer.content))
        except aiohttp.ClientSSLError as cause:
            raise NoConnection(
                f"O certificado https de {self.url} não é de confiança.",
                "Confira o endereço e a rede. Se o serviço é da sua própria rede, associe com --ca ARQUIVO.",
            ) from cause
        except (aiohttp.ClientError, TimeoutError, OSError) as cause:
            raise NoConnection(f"{self.url} não responde.") from cause

    def _proof(self, method: str, path: str, token: str | None) -> str:
        """RFC 9449 section 4.2."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": self.url + path,
            "iat": self.clock(),
        }
        if token is not None:
            claims["ath"] = b64u(hashlib.sha256(token.encode("ascii", "replace")).digest())
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public_jwk(self.key)}
        return jws.serialize_compact(header, json.dumps(claims).encode(), self.key)


def public_jwk(key: ECKey) -> dict[str, Any]:
    """Exactly ``kty, crv, x, y``."""
    members = key.as_dict(private=False)
    return {name: members[name] for name in ("kty", "crv", "x", "y")}


def refusal_of(reply: Reply) -> ServiceRefused | NoConnection:
    """What an error answer means when nothing more special is known about it.

    ``message`` is Portuguese for people (docs/protocol.md section 12) and shown; ``error_description`` is English for
    programmers and is not.
    """
    if reply.status == 429:
        return ServiceRefused("O serviço pediu para esperar.", again(reply.retry_after))
    if reply.status >= 500:
        return NoConnection("O serviço está fora de operação no momento.", again(reply.retry_after))
    if code_of(reply) == "invalid_dpop_proof":
        return ServiceRefused(
            "O serviço não aceitou a identificação deste computador: o relógio dele parece estar errado.",
            "Ative o acerto automático de data e hora, e repita o comando. linkid-desktop doctor mostra a diferença.",
        )
    return ServiceRefused(printable(reply.content.get("message")) or "O serviço negou o pedido.", for_support(reply))


def code_of(reply: Reply) -> str:
    """The error's name, in either dialect."""
    return printable(reply.content.get("error") or reply.content.get("code"), 40)


def for_support(reply: Reply) -> str:
    """What somebody who cannot help themselves says to those who can."""
    told = f"{reply.status} {code_of(reply)}".strip()
    return f"Se persistir, avise o suporte do Link ID e informe o código: {told}."


def printable(text: object, most: int = 200) -> str:
    """A sentence of the service, fit for a terminal: no control characters, one line, bounded."""
    if not isinstance(text, str):
        return ""
    return "".join(char for char in " ".join(text[: 4 * most].split()) if char.isprintable())[:most]


def _reply(answer: aiohttp.ClientResponse, data: bytes) -> Reply:
    if 300 <= answer.status < 400:
        raise UntrustedServer("O serviço tentou desviar a conversa para outro endereço.")
    content: object = {}
    if data:
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as cause:
            if answer.status >= 500:
                raise NoConnection("O serviço está fora de operação no momento.") from cause
            raise UntrustedServer(
                "Quem respondeu não é o Link ID (a resposta não é JSON).",
                "Confira o endereço e a rede (proxy, portal).",
            ) from cause
    if not isinstance(content, dict):
        raise UntrustedServer("O serviço respondeu algo malformado.")
    after = answer.headers.get("Retry-After", "")
    return Reply(answer.status, content, int(after) if after.isdecimal() and len(after) < 7 else None)


async def all_of(stream: aiohttp.StreamReader) -> bytes:
    """A whole body. Raises UntrustedServer when it is more than any honest one."""
    data = bytearray()
    async for chunk in stream.iter_any():
        data += chunk
        if len(data) > MAX_ANSWER:
            raise UntrustedServer("O serviço respondeu mais do que qualquer resposta legítima.")
    return bytes(data)
