"""``/emission/v1`` and ``/pki``: what the emission page and the public ask for (docs/protocol.md 9.1, 9.6)."""

import base64
import binascii
import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from importlib import resources
from typing import Annotated, Final

from aiohttp import hdrs, web
from pydantic import Field

from foundation.clock import Clock
from foundation.dpop import DpopVerifier, Proof
from foundation.encoding import b64u
from foundation.web import AddressWindow, UnsupportedMedia, WireModel, answer, client_address, read_json
from foundation.web.bodies import read_body
from foundation.web.caller import Network
from foundation.web.proofs import check_proof
from issuance.ports import Ac, Published
from issuance.service import Answer, EmissionRelay
from protocol.decisions import MAX_PROOF_CHARACTERS

_PREFIX: Final = "/emission/v1"
_MAX_CAPTCHA: Final = 4096
_MAX_OCSP: Final = 4096
_FILES: Final = ("root.crt", "issuing.crt", "chain.p7b", "root.crl", "issuing.crl")
_OCSP_PER_MINUTE: Final = 600
_STAMPS_PER_MINUTE: Final = 120
"""Of one address: each costs a signature of the AC's token."""


class StartBody(WireModel):
    """``POST start``."""

    protocol: Annotated[str, Field(max_length=20)]
    captcha: Annotated[str, Field(max_length=_MAX_CAPTCHA)]


class AnswerBody(WireModel):
    """A decision. What is in it is for AC and SAM to judge; here only its size."""

    decision: Annotated[str, Field(max_length=32)]
    proof: Annotated[str, Field(max_length=MAX_PROOF_CHARACTERS)] | None = None
    signature: Annotated[str, Field(max_length=100)]

    def as_answer(self) -> Answer:
        """For the service."""
        return Answer(self.decision, self.proof, self.signature)


class EmissionRoutes:
    """Handlers, one per line of the table in 9.1. Every call but the captcha proves the page's key by DPoP alone."""

    def __init__(
        self, relay: EmissionRelay, dpop: DpopVerifier, origin: str, proxies: Collection[Network] = ()
    ) -> None:
        """``origin``: the gateway's address as the outside knows it; proofs name it."""
        self._relay = relay
        self._dpop = dpop
        self._origin = origin
        self._proxies = proxies

    def routes(self) -> list[web.RouteDef]:
        """The table."""
        return [
            web.get(f"{_PREFIX}/captcha", self.captcha),
            web.post(f"{_PREFIX}/start", self.start),
            web.post(f"{_PREFIX}/{{emission}}/identify", self.identify),
            web.post(f"{_PREFIX}/{{emission}}/agree", self.agree),
            web.post(f"{_PREFIX}/{{emission}}/password", self.password),
        ]

    async def captcha(self, request: web.Request) -> web.Response:
        return answer(self._relay.challenge(self._address(request)))

    async def start(self, request: web.Request) -> web.Response:
        proof = await self._key(request)
        body = await read_json(request, StartBody)
        begun = await self._relay.start(body.protocol, body.captcha, proof.jkt, proof.jwk, self._address(request))
        return answer(begun, status=201)

    async def identify(self, request: web.Request) -> web.Response:
        proof = await self._key(request)
        body = await read_json(request, AnswerBody)
        return answer(
            await self._relay.identify(_emission(request), proof.jkt, body.as_answer(), self._address(request))
        )

    async def agree(self, request: web.Request) -> web.Response:
        proof = await self._key(request)
        body = await read_json(request, AnswerBody)
        return answer(await self._relay.agree(_emission(request), proof.jkt, body.as_answer(), self._address(request)))

    async def password(self, request: web.Request) -> web.Response:
        proof = await self._key(request)
        body = await read_json(request, AnswerBody)
        emitted = await self._relay.password(
            _emission(request), proof.jkt, proof.jwk, body.as_answer(), self._address(request)
        )
        return answer(emitted)

    async def _key(self, request: web.Request) -> Proof:
        return await check_proof(self._dpop, request, self._origin)

    def _address(self, request: web.Request) -> str:
        return client_address(request, self._proxies)


class PkiRoutes:
    """The authority's files, OCSP and time stamps. Every answer is signed by the AC, so this relay is not trusted."""

    def __init__(self, ac: Ac, clock: Clock, proxies: Collection[Network] = ()) -> None:
        """Serve it on the gateway and on a plain-HTTP listener of its own: clients fetch these without TLS."""
        self._ac = ac
        self._clock = clock
        self._proxies = proxies
        self._kept: dict[str, tuple[datetime, Published]] = {}
        self._asking = AddressWindow(_OCSP_PER_MINUTE, timedelta(minutes=1))
        self._stamping = AddressWindow(_STAMPS_PER_MINUTE, timedelta(minutes=1))

    def routes(self) -> list[web.RouteDef]:
        """The table in 9.6."""
        files = [web.get(f"/pki/{name}", self.file) for name in _FILES]
        return [
            *files,
            web.get("/pki/dpc.txt", self.practices),
            web.post("/pki/ocsp", self.ocsp_post),
            web.post("/pki/tsa", self.tsa),
            web.get("/pki/ocsp/{request:.+}", self.ocsp_get),
        ]

    async def file(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        published, left = await self._fresh(name)
        return _cacheable(published, left, request)

    async def practices(self, request: web.Request) -> web.Response:
        text = resources.files(__package__ or "issuance").joinpath("texts", "dpc.txt").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/plain", headers={hdrs.CACHE_CONTROL: "public, max-age=86400"})

    async def ocsp_post(self, request: web.Request) -> web.Response:
        if request.content_type != "application/ocsp-request":
            raise UnsupportedMedia("expected application/ocsp-request")
        asked = await self._ask(request, await read_body(request, max_bytes=_MAX_OCSP))
        # RFC 9110 section 9.3.3: answers to POST are not kept.
        return web.Response(body=asked.body, content_type=asked.content_type, headers={hdrs.CACHE_CONTROL: "no-store"})

    async def tsa(self, request: web.Request) -> web.Response:
        """RFC 3161 section 3.4: the test time-stamping authority."""
        if request.content_type != "application/timestamp-query":
            raise UnsupportedMedia("expected application/timestamp-query")
        der = await read_body(request, max_bytes=_MAX_OCSP)
        self._stamping.demand(client_address(request, self._proxies), self._clock.now())
        stamped = await self._ac.published("tsa", {"request": b64u(der)})
        return web.Response(
            body=stamped.body, content_type=stamped.content_type, headers={hdrs.CACHE_CONTROL: "no-store"}
        )

    async def ocsp_get(self, request: web.Request) -> web.Response:
        """RFC 6960 appendix A.1: the request as base64 in the path, often with its slashes as they are."""
        text = request.match_info["request"].replace(" ", "+")
        try:
            der = base64.b64decode(text + "=" * (-len(text) % 4), altchars=None, validate=True)
        except (binascii.Error, ValueError):
            der = b""
        asked = await self._ask(request, der)
        return _cacheable(asked, asked.max_age, request)

    async def _ask(self, request: web.Request, der: bytes) -> Published:
        self._asking.demand(client_address(request, self._proxies), self._clock.now())
        return await self._ac.published("ocsp", {"request": b64u(der[:_MAX_OCSP])})

    async def _fresh(self, name: str) -> tuple[Published, int]:
        """The file and for how many seconds more it may be kept; asked of the AC once in its ``max_age``."""
        now = self._clock.now()
        kept = self._kept.get(name)
        if kept is None or kept[0] <= now:
            published = await self._ac.published(name, {})
            kept = self._kept[name] = (now + timedelta(seconds=published.max_age), published)
        return kept[1], int((kept[0] - now).total_seconds())


def _emission(request: web.Request) -> str:
    return request.match_info["emission"][:64]


def _cacheable(file: Published, seconds: int, request: web.Request) -> web.Response:
    """With an ETag, so that a list that did not change costs nothing."""
    etag = f'"{hashlib.sha256(file.body).hexdigest()[:32]}"'
    keep = f"public, max-age={seconds}" if seconds > 0 else "no-store"
    headers = {hdrs.CACHE_CONTROL: keep, hdrs.ETAG: etag}
    if request.headers.get(hdrs.IF_NONE_MATCH) == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=file.body, content_type=file.content_type, headers=headers)
