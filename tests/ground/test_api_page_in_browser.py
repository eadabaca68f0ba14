"""The page of the API in a real browser: narrow and wide, light and dark, by keyboard, under its strict policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from foundation.web import new_app
from linkid.apidocs.pages import ApiPages
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright

__all__ = ["chromium", "chromium_of_module", "playwright"]

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")

_FIRST = "{exclude: [['main > section:nth-of-type(n+2)']]}"
"""All sections are made by the same words: axe looks at the first."""

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    """Where it is served, by itself."""
    app = new_app()
    app.add_routes(ApiPages("https://id.example").routes())
    async with TestServer(app, host="127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.port}"


async def test_it_can_be_read_by_anybody(chromium: Chromium, address: str) -> None:
    """Nothing sticks out at 320 points, axe finds nothing in light or dark, the keyboard skips to the content, and the
    browser has nothing to complain about (chromium fails the test otherwise)."""
    page = await chromium.page(width=320)
    await page.goto(f"{address}/docs/api/")
    await page.evaluate(AXE)
    schemes: list[tuple[Literal["light", "dark"], str]] = [
        ("light", "{}"),
        ("dark", "{runOnly: ['color-contrast']}"),
    ]
    for scheme, rules in schemes:
        await page.emulate_media(color_scheme=scheme)
        await chromium.shot(page, f"api-320-{scheme}")
        assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        found = await page.evaluate(
            f"axe.run({_FIRST}, {rules}).then((result) => result.violations.map((one) => one.id))"
        )
        assert found == [], scheme
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    await page.locator('a[href="#cscV2SignHash"]').press("Enter")
    await expect(page.locator("#cscV2SignHash-name")).to_be_in_viewport()
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("The API of Link ID")
    assert await page.evaluate("document.scripts.length") == 0
