"""The native-messaging host as a browser starts it: framing, what pages may ask, and the phone behind it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from desktop_agent.domain.site import NEW
from desktop_agent.web_eid.messages import NotOurs, origin_of
from tests.agent.daemon.conftest import Running
from tests.agent.pki import Holder, der

ORIGIN, NONCE = "https://portal.example", base64.b64encode(bytes(range(32))).decode()
INVALID = "ERR_WEBEID_NATIVE_INVALID_ARGUMENT"


class Browser:
    """The extension's side of one host process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self.to, self.back = process.stdin, process.stdout

    def send(self, message: object) -> None:
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, body: bytes, length: int | None = None) -> None:
        self.to.write(struct.pack("=I", len(body) if length is None else length) + body)

    async def receive(self) -> Any:
        async with asyncio.timeout(30):
            (length,) = struct.unpack("=I", await self.back.readexactly(4))
            return json.loads(await self.back.readexactly(length))

    async def ask(self, command: str, **arguments: object) -> Any:
        self.send({"command": command, "arguments": arguments})
        return await self.receive()

    async def hang_up(self) -> None:
        self.to.close()
        async with asyncio.timeout(30):
            await self.process.wait()


@pytest.fixture
async def browser(running: Running) -> AsyncIterator[Browser]:
    """The host, past its greeting."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desktop_agent", "web-eid-host", "chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/",
        env=running.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    started = Browser(process)
    assert set(await started.receive()) == {"version"}
    yield started
    if process.returncode is None:
        process.kill()
        await process.wait()


def verify(certificate: str, signature: str, digest: bytes) -> None:
    """As a relying party does."""
    public, made = (
        x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key(),
        base64.b64decode(signature),
    )
    hashed = utils.Prehashed(hashes.SHA256())
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(made, digest, padding.PKCS1v15(), hashed)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        r, s = int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big")
        public.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(hashed))


async def test_a_page_logs_in_and_signs(running: Running, browser: Browser, maria: Holder, ana: Holder) -> None:
    """Token and signature verify; the phone asks about the site first, and shows its address; refused and nobody there
    are told apart."""
    token = await browser.ask("authenticate", challengeNonce=NONCE, origin=ORIGIN, lang="pt")
    parts = b"".join(hashlib.sha256(text.encode()).digest() for text in (ORIGIN, NONCE))
    verify(token["unverifiedCertificate"], token["signature"], hashlib.sha256(parts).digest())
    assert token["format"] == "web-eid:1.0"
    assert token["algorithm"] in ("RS256", "ES256")
    shown = [request["document"]["documents"][0]["label"] for request in running.gateway.requests]
    assert shown == [f"{ORIGIN}: {NEW}", f"{ORIGIN}: entrar na página"]

    offered = await browser.ask("get-signing-certificate", origin=ORIGIN)
    assert offered["certificate"] == token["unverifiedCertificate"]
    digest = hashlib.sha256(b"contrato").digest()
    for holder in (maria, ana):  # the page names the certificate: any of this computer's
        wanted = {"hash": base64.b64encode(digest).decode(), "hashFunction": "SHA-256", "origin": ORIGIN,
                  "certificate": base64.b64encode(der(holder.certificate)).decode()}  # fmt: skip
        made = await browser.ask("sign", **wanted)
        verify(wanted["certificate"], made["signature"], digest)
        assert made["signatureAlgorithm"]["hashFunction"] == "SHA-256"
    assert running.gateway.requests[-1]["document"]["documents"][0]["label"] == f"{ORIGIN}: assinar para a página"

    running.gateway.answer = "refuse"
    assert (await browser.ask("sign", **wanted))["error"]["code"] == "ERR_WEBEID_USER_CANCELLED"
    running.gateway.answer = "expire"
    other = wanted | {"origin": "https://outra.example"}
    assert (await browser.ask("sign", **other))["error"]["code"] == "ERR_WEBEID_USER_TIMEOUT"
    assert await browser.ask("quit") == {}
    await browser.hang_up()


async def test_requests_that_are_none(running: Running, browser: Browser) -> None:
    """Other origins, short nonces, hashes of another length, somebody else's certificate, no JSON: no phone rings."""
    mine = (await browser.ask("get-signing-certificate", origin=ORIGIN))["certificate"]
    digest = base64.b64encode(bytes(32)).decode()
    good = {"hash": digest, "hashFunction": "SHA-256", "certificate": mine, "origin": ORIGIN}
    for wrong in (
        {"origin": "http://portal.example"}, {"origin": None}, {"hash": "AA=="}, {"hash": "não"}, {"hash": 7},
        {"hashFunction": "SHA-1"}, {"hashFunction": ["SHA-256"]}, {"hashFunction": "SHA-384"},
        {"certificate": digest}, {"certificate": None},
    ):  # fmt: skip
        assert (await browser.ask("sign", **(good | wrong)))["error"]["code"] == INVALID, wrong
    for nonce in ("curto", None, "n" * 129, "ñ" * 44):
        answer = await browser.ask("authenticate", challengeNonce=nonce, origin=ORIGIN)
        assert answer["error"]["code"] == INVALID
    for body in (b"", b"[]", b'"authenticate"', b"{}", b"not json", b'{"command":1}', b"[" * 8000,
                 b'{"command":"sign","arguments":[]}', b'{"command":"launch-missiles"}'):  # fmt: skip
        browser.send_bytes(body)
        assert (await browser.receive())["error"]["code"] == INVALID, body
    browser.send({"linkid": 1, "do": "sign", "origin": ORIGIN})  # our own messages, over the same process
    assert (await browser.receive()) == {"linkid": 1, "error": {"code": "invalid", "message": "1 to 20 documents"}}
    assert len(running.gateway.requests) == 1, "only the site was asked about"


async def test_a_message_that_is_too_large(browser: Browser) -> None:
    """Its length is enough: it is answered as an error, and not one byte of it is waited for."""
    browser.send_bytes(b"", length=0xFFFFFFFF)
    assert (await browser.receive())["error"]["code"] == INVALID


async def test_the_page_is_closed(running: Running, browser: Browser) -> None:
    """The browser hangs up while the phone rings: the request leaves the phone."""
    running.gateway.answer = "never"
    browser.send({"command": "authenticate", "arguments": {"challengeNonce": NONCE, "origin": ORIGIN}})
    await running.until(lambda: running.gateway.requests and running.gateway.requests[-1]["checks"])
    await browser.hang_up()
    await running.until(lambda: running.gateway.withdrawn)


async def test_without_a_daemon(running: Running) -> None:
    """The page hears that nobody is there, with what to do about it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desktop_agent", "web-eid-host",
        env=running.command | {"LINKID_DESKTOP_HOME": str(running.folder / "elsewhere")},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    started = Browser(process)
    await started.receive()
    answer = await started.ask("get-signing-certificate", origin=ORIGIN)
    assert answer["error"]["code"] == "ERR_WEBEID_NATIVE_FATAL"
    assert "linkid-desktop" in answer["error"]["message"]
    await started.hang_up()


@pytest.mark.parametrize(
    "origin",
    ["http://a.example", "https://a.example/", "https://a.example/x", "https://u@a.example", "https://", "https://a b",
     "https://a.example:99999", "https://a.example?x", "https://A.example", "https://.example", "https://á.example",
     "https://a.example\n", "HTTPS://a.example", "null", "", 7, None, "https://" + "a" * 300, "https://a.example:",
     "https://" + "a" * 50 + ".example"],
)  # fmt: skip
def test_origins_that_are_none(origin: object) -> None:
    """https, a host, perhaps a port, and nothing else: what is shown is what the browser means."""
    with pytest.raises(NotOurs):
        origin_of({"origin": origin})


@pytest.mark.parametrize(
    "origin", ["https://a.example", "https://a.example:8443", "https://localhost:1", "https://[::1]:8443"]
)
def test_origins(origin: str) -> None:
    """As browsers write them."""
    assert origin_of({"origin": origin}) == origin
