"""Chromium and Firefox at a server that wants a certificate. They live on, as people's browsers do."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse
from playwright.async_api import BrowserContext, Error, async_playwright

from desktop_agent.setup.parts import NssModule
from desktop_agent.setup.record import Record
from linkid.platform import prepare_playwright, program
from tests.agent.daemon.programs import module
from tests.agent.daemon.survey.columns import BAD
from tests.agent.daemon.survey.rows import LOST, row
from tests.agent.daemon.survey.world import MARIA, PATIENCE, Lacking, World, here

POLICY = Path("/etc/chromium/policies/managed/linkid-survey.json")
CUT: Mapping[str, tuple[str, ...]] = {"45": (BAD,)}
"""Browsers cut a handshake at 30 s; the daemon gives up at 25 s."""


# --- Chromium ---------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def chosen_certificate() -> AsyncIterator[None]:
    """Lets Chromium choose Maria's certificate by itself, by a policy of the machine, while the survey runs."""
    if os.geteuid() != 0 or not Path("/etc/chromium").exists():
        yield
        return
    rule = json.dumps({"pattern": "https://127.0.0.1:*", "filter": {"SUBJECT": {"CN": f"{MARIA}:12345678909"}}})
    POLICY.parent.mkdir(parents=True, exist_ok=True)
    POLICY.write_text(json.dumps({"AutoSelectCertificateForUrls": [rule]}))
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


async def chromium(world: World, *arguments: str, without: tuple[str, ...] = ()) -> BrowserContext:
    """The one that runs in this world."""
    if "chromium" not in world.running:
        binary = here("chromium")
        prepare_playwright()
        driver = await world.alive.enter_async_context(async_playwright())
        context = await driver.chromium.launch_persistent_context(
            world.folder / "chromium", executable_path=binary, headless=True, ignore_https_errors=True,
            env=dict(world.environment), ignore_default_args=[*without],
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *arguments],
        )  # fmt: skip
        world.alive.push_async_callback(_close, context)
        world.running["chromium"] = context
    found: BrowserContext = world.running["chromium"]
    return found


async def _close(context: BrowserContext) -> None:
    with suppress(Error):
        await context.close()


@row(
    "Chromium mTLS",
    "cuts a handshake at 30 s, so the daemon gives up at 25 s: approve before, or open a session (`--for tls`)",
    unusual={**CUT, **LOST},
    lives_on=True,
)
async def _(world: World) -> bool:
    if not POLICY.exists():
        raise Lacking("needs root, to let Chromium choose the certificate by a policy")
    shared = world.folder / ".pki" / "nssdb"
    if not shared.exists():
        shared.parent.mkdir(exist_ok=True)
        shutil.copytree(await world.nss(), shared)
    page = await (await chromium(world)).new_page()
    try:
        await page.goto(f"https://127.0.0.1:{world.port}/", timeout=PATIENCE * 1000)
        return MARIA in await page.content()
    except Error as error:
        world.said += f"\n{error}"
        return False
    finally:
        with suppress(Error):
            await page.close()


# --- Firefox ----------------------------------------------------------------------------------------------------------

_PREFERENCES: Mapping[str, object] = {
    "security.default_personal_cert": "Select Automatically",  # nobody sits there to choose
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
}


class Bidi:
    """WebDriver BiDi, as much of it as opening a page takes."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """Its result; ``error`` in it when there was one."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE):
            while (answer := await self._socket.receive_json()).get("id") != number:
                pass
        result: dict[str, Any] = answer.get("result") or {"error": f"{answer.get('error')}: {answer.get('message')}"}
        return result


async def _firefox(world: World) -> Bidi:
    """The one that runs in this world, with the module in its profile as `linkid-desktop setup` puts it there."""
    if "firefox" not in world.running:
        profile = world.folder / "firefox"
        (profile / "WebDriverBiDiServer.json").unlink(missing_ok=True)
        if not profile.exists():
            profile.mkdir()
            lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in _PREFERENCES.items()]
            (profile / "user.js").write_text("\n".join(lines))
            await world.run(program("certutil"), "-N", "-d", f"sql:{profile}", "--empty-password")
            await asyncio.to_thread(
                NssModule("Firefox", profile, module(), program("modutil")).do, Record(world.folder)
            )
        await world.start("firefox", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", profile)
        told = profile / "WebDriverBiDiServer.json"
        await world.until(lambda: _read(told), 60)
        session = await world.alive.enter_async_context(ClientSession())
        socket = await session.ws_connect(f"ws://127.0.0.1:{_read(told)['ws_port']}/session", max_msg_size=0)
        bidi = world.running["firefox"] = Bidi(socket)
        await bidi.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
    found: Bidi = world.running["firefox"]
    return found


def _read(file: Path) -> dict[str, Any]:
    """Nothing while it is not there, or not whole."""
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(file.read_text())
        return found
    return {}


@row(
    "Firefox mTLS",
    "cuts a handshake at 30 s, as Chromium; while it waits, all its pages wait. Approved after 20 s, its first "
    "connection is lost and a second one asks again: a session spares that",
    unusual={**CUT, **LOST},
    lives_on=True,
)
async def _(world: World) -> bool:
    before, firefox = len(world.visitors), await _firefox(world)
    tab = (await firefox.ask("browsingContext.create", type="tab"))["context"]
    went = await firefox.ask(
        "browsingContext.navigate", context=tab, url=f"https://localhost:{world.port}/", wait="complete"
    )
    world.said += f"\n{went}"
    await firefox.ask("browsingContext.close", context=tab)
    return "error" not in went and len(world.visitors) > before
