"""A page with Web eID's own library, in Chromium with Web eID's own extension, and behind it our host."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidSignature
from playwright.async_api import Error, Page

from desktop_agent.web_eid import manifest
from tests.agent.daemon.survey.browsers import chromium
from tests.agent.daemon.survey.rows import row
from tests.agent.daemon.survey.world import PATIENCE, World, named
from tests.agent.daemon.test_web_eid import verify

NONCE = base64.b64encode(bytes(range(32))).decode()
_PAGE = """<!doctype html><meta charset="utf-8"><title>portal</title><script src="/web-eid.js"></script>"""
_SCRIPT = """async ([nonce, hash]) => {
  try {
    const token = await webeid.authenticate(nonce, {lang: "pt"});
    const {certificate} = await webeid.getSigningCertificate({lang: "pt"});
    const signed = await webeid.sign(certificate, hash, "SHA-256", {lang: "pt"});
    return {status: await webeid.status(), token, certificate, signed};
  } catch (error) {
    return {error: `${error.code}: ${error.message}`};
  }
}"""


def extension() -> Path:
    return named("WEB_EID_EXTENSION", "Web eID's extension")


def version_of_extension() -> str:
    return str(json.loads((extension() / "manifest.json").read_text())["version"])


def _id_of_unpacked(folder: Path) -> str:
    """Chromium's: an extension without a key of its own is named after the place it was loaded from."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]
    return "".join(chr(ord("a") + int(digit, 16)) for digit in digest)


def _register_host(world: World, unpacked: Path) -> None:
    """As `linkid-desktop setup` writes the manifest, but for one thing: it admits the extension's unpacked id.

    The product admits only the ids that Web eID has in the stores, and has no option for others.
    """
    starter = world.folder / "web-eid-host"
    exported = " ".join(f"{name}='{value}'" for name, value in world.daemon.environment.items())
    starter.write_text(f'#!/bin/sh\nexec env {exported} "{sys.executable}" -m desktop_agent web-eid-host "$@"\n')
    starter.chmod(0o755)
    written = json.loads(manifest.chrome(starter))
    written["allowed_origins"] = [f"chrome-extension://{_id_of_unpacked(unpacked)}/"]
    hosts = world.folder / "chromium" / "NativeMessagingHosts"
    hosts.mkdir(parents=True)
    (hosts / f"{manifest.NAME}.json").write_text(json.dumps(written))


async def _portal(world: World) -> str:
    """A page of an integrator. Answers its origin."""
    library = named("WEB_EID_LIBRARY", "web-eid.js").read_bytes()

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        return web.Response(body=library, content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/web-eid.js", script)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.folder / "server.pem", world.folder / "server.key")
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    world.alive.push_async_callback(server.close)
    return f"https://localhost:{server.port}"


@row(
    "Web eID's extension and library in Chromium: log in, sign",
    "the unmodified extension, built from its source and loaded unpacked; for this test our host's manifest names the "
    "id that it has so, which the product never does",
)
async def _(world: World) -> bool:
    unpacked = extension()
    if "portal" not in world.running:
        if not (world.folder / "chromium" / "NativeMessagingHosts").exists():
            _register_host(world, unpacked)
        world.running["portal"] = await _portal(world)
    origin = world.running["portal"]
    context = await chromium(
        world, f"--load-extension={unpacked}", f"--disable-extensions-except={unpacked}",
        "--disable-features=DisableLoadExtensionCommandLineSwitch", without=("--disable-extensions",),
    )  # fmt: skip
    page = await context.new_page()
    try:
        return _good(world, origin, await _logged_in_and_signed(page, origin))
    except Error as error:
        world.said += f"\n{error}"
        return False
    finally:
        with suppress(Error):
            await page.close()


DIGEST = hashlib.sha256(b"contrato").digest()


async def _logged_in_and_signed(page: Page, origin: str) -> dict[str, Any]:
    page.set_default_timeout(PATIENCE * 1000)
    await page.goto(f"{origin}/")
    await page.wait_for_load_state("networkidle")
    done: dict[str, Any] = await page.evaluate(_SCRIPT, [NONCE, base64.b64encode(DIGEST).decode()])
    return done


def _good(world: World, origin: str, done: dict[str, Any]) -> bool:
    """As the portal's own server judges it."""
    if "error" in done:
        world.said += f"\n{done['error']}"
        return False
    token, signed = done["token"], done["signed"]
    parts = b"".join(hashlib.sha256(text.encode()).digest() for text in (origin, NONCE))
    try:
        verify(token["unverifiedCertificate"], token["signature"], hashlib.sha256(parts).digest())
        verify(done["certificate"], signed["signature"], DIGEST)
    except InvalidSignature:
        return False
    return True
