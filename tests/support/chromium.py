"""A real Chromium for tests: Debian's, found through linkid/platform.py, driven by Playwright's asyncio interface.

    async def test_x(chromium: Chromium) -> None:
        page = await chromium.page(width=360)
        ...

One browser per module (starting costs a second), a fresh context per page. Modules that use it share one event loop:

    pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

Whatever a page logs as an error, throws, or is refused by its Content-Security-Policy, fails the test that caused it.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright

from linkid.platform import ProgramMissing, program

SCREENSHOTS = os.environ.get("LINKID_SCREENSHOTS")
"""A folder: then every `shot` is kept there, to be looked at."""


def launch_arguments(camera: Path | None = None) -> list[str]:
    """Command line of a test's browser; ``camera``: a motion-JPEG file that it films in a loop, instead of a camera."""
    words = ["--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"]
    if os.geteuid() == 0:
        words.append("--no-sandbox")
    if camera is not None:
        words += [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        ]
    return words


async def launch(playwright: Playwright, camera: Path | None = None) -> Browser:
    """A headless Chromium. Raises ProgramMissing."""
    return await playwright.chromium.launch(
        executable_path=program("chromium"), headless=True, args=launch_arguments(camera)
    )


class Chromium:
    """A running browser; what its pages did wrong gathers in ``troubles``."""

    def __init__(self, browser: Browser, screenshots: Path) -> None:
        """Use the fixtures."""
        self.browser = browser
        self.screenshots = screenshots
        self.troubles: list[str] = []
        self.expected: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def context(self, *, width: int = 360, height: int = 780, **options: Any) -> BrowserContext:
        """A context of its own: storage, permissions, service workers. Closed after the test."""
        context = await self.browser.new_context(viewport={"width": width, "height": height}, locale="pt-BR", **options)
        context.set_default_timeout(15_000)
        context.on("weberror", lambda error: self.troubles.append(f"thrown: {error.error}"))
        context.on("console", self._heard)
        self._contexts.append(context)
        return context

    async def page(self, **options: Any) -> Page:
        """A page in a context of its own."""
        return await (await self.context(**options)).new_page()

    def expect_trouble(self, *patterns: str) -> None:
        """Console errors that this test provokes (Chromium logs each answer from 400 up)."""
        self.expected += patterns

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    async def shot(self, page: Page, name: str) -> Path:
        """A picture of the whole page as it is."""
        path = self.screenshots / f"{name}.png"
        await page.screenshot(path=path, full_page=True, animations="disabled")
        return path

    async def close_contexts(self) -> None:
        """Close every page, so that servers can end without waiting for their streams."""
        for context in self._contexts:
            await context.close()
        self._contexts.clear()

    async def finish(self) -> list[str]:
        """Close the contexts; what was wrong and not expected."""
        await self.close_contexts()
        wrong = [one for one in self.troubles if not any(re.search(pattern, one) for pattern in self.expected)]
        self.troubles, self.expected = [], []
        return wrong


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playwright() -> AsyncIterator[Playwright]:
    """The driver, for tests that start browsers of their own (a camera film is chosen at the start)."""
    async with async_playwright() as driver:
        yield driver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium_of_module(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Chromium]:
    """One browser for the module; skipped nowhere: a machine without Chromium fails with what to install."""
    try:
        browser = await launch(playwright)
    except ProgramMissing as missing:
        pytest.fail(str(missing))
    folder = Path(SCREENSHOTS) if SCREENSHOTS else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    yield Chromium(browser, folder)
    await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def chromium(chromium_of_module: Chromium) -> AsyncIterator[Chromium]:
    """The module's browser, for one test."""
    yield chromium_of_module
    wrong = await chromium_of_module.finish()
    assert not wrong, wrong
