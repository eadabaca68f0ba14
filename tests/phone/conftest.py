"""A phone's whole world in one process: the app host serving the real build, and a gateway double."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from aiohttp import web

from app_host import AppHostSettings, start_app_host
from app_host.files import NotBuilt, load_files
from foundation.web import Server
from tests.phone.emission_double import EmissionDouble
from tests.phone.gateway_double import PASSWORD, SMS_CODE
from tests.sandbox_phone.roots import Roots
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.phone_screens import PhoneScreens

__all__ = ["chromium", "chromium_of_module", "playwright"]

_KNOWN: Final = """(callers) => {
  if (!location.origin.startsWith("http")) return;
  const opened = indexedDB.open("linkid", 1);
  opened.onupgradeneeded = () => ["keys", "state"].forEach(name => opened.result.createObjectStore(name));
  opened.onsuccess = () => {
    const state = opened.result.transaction("state", "readwrite").objectStore("state");
    const kept = state.get("profile");
    kept.onsuccess = () => kept.result ?? state.put({bound: [], callers}, "profile");
    state.transaction.oncomplete = () => opened.result.close();
  };
}"""
"""Before the app's own scripts run: as if it had been used before, where it was not."""

DIST = Path(__file__).resolve().parents[2] / "phone_app" / "dist"


@pytest.fixture(scope="session")
def dist() -> Path:
    """The built app. `make test` builds it; a bare pytest says what to do."""
    try:
        load_files(DIST)
    except NotBuilt as error:
        pytest.fail(str(error))
    return DIST


@dataclass
class World:
    """Where the app is, and the gateway behind it."""

    app: str
    gateway: EmissionDouble
    roots: Roots
    chromium: Chromium
    host: Server

    async def phone(self, **options: object) -> PhoneScreens:
        """The app, just opened, on a phone that was never paired."""
        screens = PhoneScreens(await self.chromium.page(**options), self.app)
        await screens.open()
        return screens

    async def paired(self, knows: bool = True, **options: Any) -> PhoneScreens:
        """The app at home, on a paired phone. ``knows``: its holder said yes before to who asks in most tests."""

        async def read_code() -> str:
            return SMS_CODE

        context = await self.chromium.context(**options)
        if knows:
            callers = [
                f"{one} {self.gateway.credentials[0]['id']}" for one in (self.gateway.notebook, self.gateway.hospital)
            ]
            await context.add_init_script(f"({_KNOWN})({json.dumps(callers)})")
        phone = PhoneScreens(await context.new_page(), self.app)
        await phone.open()
        await phone.pair("(31) 99999-1234", read_code, "Celular da Maria", PASSWORD)
        return phone


async def listen(app: web.Application) -> tuple[web.AppRunner, str]:
    """Serve on a free port of localhost; a phone must be able to tell it from the app host, which has another."""
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://localhost:{runner.addresses[0][1]}"


@pytest_asyncio.fixture(loop_scope="module")
async def world(dist: Path, tmp_path: Path, chromium: Chromium) -> AsyncIterator[World]:
    """App host and gateway double, on origins of their own."""
    roots = Roots()
    gateway = EmissionDouble(roots)
    runner, roots.gateway = await listen(gateway.app())
    trust = tmp_path / "trust.json"
    trust.write_bytes(roots.trust())
    async with await start_app_host(AppHostSettings(port=0, dist=dist, trust_file=trust)) as host:
        roots.app = host.url.replace("127.0.0.1", "localhost")
        trust.write_bytes(roots.trust())
        yield World(roots.app, gateway, roots, chromium, host)
        await chromium.close_contexts()
    await runner.cleanup()
    assert not gateway.complaints, gateway.complaints
