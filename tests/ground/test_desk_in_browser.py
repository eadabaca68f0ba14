"""The operator's page in a real browser: narrow, light and dark, by keyboard, under its strict policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from foundation.ids import new_id
from tests.ground.test_desk import Office, open_office
from tests.ground.test_operator_view import COMPUTER, NAME, NUMBER, settled_town
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.postgres import TestDatabase

__all__ = ["chromium", "chromium_of_module", "playwright"]

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def office(shared_database: TestDatabase) -> AsyncIterator[Office]:
    """An open desk in a town with one holder."""
    async with settled_town(shared_database) as town, open_office(town) as office:
        yield office


async def test_an_operator_works_without_a_mouse(chromium: Chromium, office: Office) -> None:
    """Opened once, searched, looked at, unblocked and left by keyboard at 320 points; nothing sticks out, axe finds
    nothing in light or dark, and the browser has nothing to complain about (chromium fails the test otherwise)."""
    office.ear.frozen.append({"caller": COMPUTER, "since": 1_790_000_000})
    office.ear.waiting.append({"binding": new_id("bnd"), "device": new_id("dev"), "nickname": "iPhone <img src=x>"})
    page = await chromium.page(width=320)

    async def looks(name: str) -> None:
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await chromium.shot(page, f"desk-320-{scheme}-{name}")
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
            await page.evaluate(AXE)
            found = await page.evaluate("axe.run().then(result => result.violations.map(one => one.id))")
            assert found == [], (name, scheme)

    await page.goto(office.desk.url)
    await looks("home")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    await page.get_by_label("Telefone, e-mail").fill(NUMBER)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name=NAME)).to_be_visible()
    await looks("found")
    await page.get_by_role("link", name=NAME).press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    await expect(page.get_by_text("Celular em espera: iPhone <img src=x>")).to_be_visible()
    await looks("holder")
    await page.get_by_label("Motivo").select_option("suspected-fraud")
    await page.get_by_label("Número do caso").first.fill("2026-17")
    await page.get_by_role("button", name="Bloquear").press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Certificado bloqueado.")
    [order] = office.orders()
    assert (order.act, order.reason, order.case) == ("block", "suspected-fraud", "2026-17")
    await page.get_by_role("link", name="Mensagens").press("Enter")
    await expect(page.get_by_text("Nenhum envio pausado.")).to_be_visible()
    await looks("messages")
    await page.get_by_role("button", name="Sair").press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Você saiu.")
