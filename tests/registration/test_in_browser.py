"""The page in a real browser: by keyboard alone, narrow and wide, light and dark, under its strict policy."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Page, expect

from tests.registration.owners import MARIA, operator
from tests.support.chromium import SCREENSHOTS, Chromium, chromium, chromium_of_module, playwright
from tests.support.postgres import TestDatabase
from tests.support.signing_world import World, signing_world

__all__ = ["chromium", "chromium_of_module", "playwright"]

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(shared_database: TestDatabase) -> AsyncIterator[tuple[World, str]]:
    """A world at an address that a browser reaches, and the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{free.getsockname()[1]}"
        async with signing_world(shared_database, origin=origin) as world:
            await world.begin_again()
            runner = world.client.server.runner
            assert isinstance(runner, web.AppRunner)
            free.listen()
            await web.SockSite(runner, free).start()
            yield world, origin


async def looked_at(chromium: Chromium, page: Page, name: str, *widths: int) -> None:
    """At each width, light and dark, nothing sticks out to the side; on a narrow one axe finds nothing."""
    for width in widths or (320,):
        await page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            if SCREENSHOTS:  # to be looked at; thirty of them take longer than the test
                await chromium.shot(page, f"integradores-{name}-{width}-{scheme}")
            assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, (name, width)
            if width == 320:
                if not await page.evaluate("'axe' in window"):
                    await page.evaluate(AXE)
                found = await page.evaluate(
                    "axe.run().then((r) => r.violations.map((one) => `${one.id}: ${one.nodes[0].html}`))"
                )
                assert found == [], (name, scheme)
    await page.set_viewport_size({"width": 390, "height": 900})


async def tab_to(page: Page, name: str, role: str = "button") -> None:
    """By the keyboard, to the control of that name."""
    wanted = page.get_by_role(role, name=name)  # type: ignore[arg-type]
    for _ in range(60):
        if await wanted.evaluate("(one) => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"{name} is not reached by Tab")


async def test_on_a_developers_machine_one_name_is_used(stage: tuple[World, str]) -> None:
    """localhost and 127.0.0.1 do not share a cookie: the other name leads to ours; one that is none of this machine's
    leads nowhere."""
    world, origin = stage
    port = origin.rpartition(":")[2]
    for path in ("/integradores", "/integradores/entrar"):
        for host, where in ((f"localhost:{port}", origin + path), ("evil.test", None), (f"127.0.0.1:{port}", None)):
            headers = {"Host": host}
            async with world.client.get(path, headers=headers, allow_redirects=False) as response:
                assert response.headers.get("Location") == where, host


async def test_an_owner_without_a_mouse(stage: tuple[World, str], chromium: Chromium) -> None:
    """In by the phone, a form with a mistake and without, the secret once, let in, looked after, out."""
    world, origin = stage
    await operator(world, "page")
    page = await chromium.page(width=390, height=900)
    await page.goto(f"{origin}/integradores")
    await looked_at(chromium, page, "landing", 320, 1280)
    await tab_to(page, "Entrar com o celular", "link")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("quer saber quem é você")
    await expect(page.get_by_text("Nada é assinado, nem pedido.")).to_be_visible()
    world.links.last.credentials = [await world.credential(subject="MARIA DA SILVA", number=MARIA)]
    world.links.last.state = "approved"
    await expect(page.get_by_role("textbox", name="Código de conferência")).to_be_focused()
    await page.keyboard.type("042")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Suas aplicações")
    await looked_at(chromium, page, "none-yet")
    await tab_to(page, "Nova aplicação", "link")
    await page.keyboard.press("Enter")
    await tab_to(page, "Nome", "textbox")
    await page.keyboard.type("Contratos & Cia <Teste>")
    chromium.expect_trouble("400")
    await tab_to(page, "Registrar")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("endereço de retorno")
    await expect(page.get_by_role("textbox", name="Endereços de retorno")).to_be_focused()
    await looked_at(chromium, page, "new", 320, 1280)
    await page.keyboard.type("https://contratos.test/callback")
    await tab_to(page, "Registrar")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Guarde agora")).to_be_visible()
    await expect(page.locator("#secret")).to_contain_text("cls_")
    await looked_at(chromium, page, "waiting", 320, 390, 1280)
    client = await page.locator(".secret code").first.inner_text()
    await operator(world, "admit", client, "--name", "Contratos & Cia <Teste>")
    await page.goto(f"{origin}/integradores/{client}")
    await expect(page.locator(".stand")).to_have_text("Liberada")
    await page.get_by_label("Endereço que recebe os avisos").fill("http://127.0.0.1:9/avisos")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Endereço dos avisos gravado")
    await tab_to(page, "Enviar um teste")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Últimos avisos")).to_be_visible()
    await page.get_by_label("Valem agora, um por linha").fill("https://novo.test/volta")
    await tab_to(page, "Gravar endereços")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("aguarda o operador")
    await tab_to(page, "Renovar o segredo")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("O segredo anterior ainda vale")).to_be_visible()
    await expect(page.get_by_text("Não permitido.")).to_be_visible()
    await looked_at(chromium, page, "one", 320, 390, 1280)
    await world.clients.show_codes(client, True)
    await page.goto(f"{origin}/integradores/{client}")
    await expect(page.get_by_text("Permitido pelo operador.")).to_be_visible()
    await looked_at(chromium, page, "draws", 320, 1280)
    await page.goto(f"{origin}/integradores")
    await looked_at(chromium, page, "list", 320, 1280)
    chromium.expect_trouble("404")
    await page.goto(f"{origin}/integradores/cli_x")
    await looked_at(chromium, page, "told")
    await tab_to(page, "Sair")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Entrar com o celular")).to_be_visible()
