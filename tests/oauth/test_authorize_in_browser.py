"""The authorize page in a real browser: by keyboard alone, at a phone's width and a desktop's, under its strict CSP."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from playwright.async_api import Page, expect

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.oauth_requests import CALLBACK, PUSH, answer_in, authorize_path, detail
from tests.support.signing_neighbours import APP
from tests.support.signing_world import World, digest

__all__ = ["chromium", "chromium_of_module", "playwright"]

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def arrive(world: World, chromium: Chromium, width: int, name: str = "Contratos & Cia <Teste>") -> Page:
    """Somebody arrives at the page; what they would be sent on to is answered by a stub."""
    registered = await world.register(
        name=name, method=ClientMethod.SECRET, grants=[GrantType.CODE], redirects=[CALLBACK]
    )
    page = await chromium.page(width=width, height=900)
    await page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="de volta", content_type="text/plain"))
    await page.goto(str(world.client.make_url("/")).rstrip("/") + authorize_path(registered.client.id))
    return page


@pytest.mark.parametrize("width", [320, 1280])
async def test_a_holder_identifies_without_a_mouse(world: World, chromium: Chromium, width: int) -> None:
    """QR, scanned, approved, check code typed on the keyboard: the page goes on to the application by itself."""
    page = await arrive(world, chromium, width)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Contratos & Cia <Teste> quer saber quem é você")
    first = await page.locator("#qr path").get_attribute("d")
    await looked_at(chromium, page, f"{width}-waiting")
    world.clock.advance(1)
    await expect(page.locator("#qr path")).not_to_have_attribute("d", str(first))

    world.links.last.state = "claimed"
    await expect(page.get_by_text("Celular da Maria")).to_be_visible()
    await expect(page.locator("#qr")).to_be_hidden()
    await chromium.shot(page, f"authorize-{width}-claimed")

    world.links.last.state = "approved"
    world.links.last.credentials = [await world.credential()]
    await expect(page.get_by_role("textbox", name="Código de conferência")).to_be_focused()
    chromium.expect_trouble("400")
    await page.keyboard.type("111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Código errado. Restam 2 tentativas.")).to_be_visible()
    await looked_at(chromium, page, f"{width}-approved")
    await page.keyboard.type("042")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{CALLBACK}**")
    answer = answer_in(page.url)
    assert answer["state"] == "xyz & 1"
    assert answer["code"].startswith("ac_")


async def test_cancelling_tells_the_application(world: World, chromium: Chromium) -> None:
    """The cancel button is reached by Tab and leads back with access_denied."""
    page = await arrive(world, chromium, 360)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Cancelar e voltar")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{CALLBACK}**")
    assert answer_in(page.url)["error"] == "access_denied"
    assert world.links.last.state == "dead"


@pytest.mark.parametrize(
    ("state", "ended_by", "said"),
    [
        ("refused", None, "recusado no celular"),
        ("dead", "second_scan", "Outro celular"),
        ("dead", None, "tempo acabou"),
    ],
)
async def test_what_ends_a_page_is_said(
    world: World, chromium: Chromium, state: str, ended_by: str | None, said: str
) -> None:
    """A refusal, a second scan and lost time each say so, and offer to begin again or go back."""
    page = await arrive(world, chromium, 360)
    world.links.last.state, world.links.last.ended_by = state, ended_by
    await expect(page.get_by_text(said)).to_be_visible()
    await expect(page.get_by_role("button", name="Tentar de novo")).to_be_focused()
    await chromium.shot(page, f"authorize-360-{ended_by or state}")
    before = len(world.links.links)
    await page.keyboard.press("Enter")
    await expect(page.locator("#qr")).to_be_visible()
    assert len(world.links.links) == before + 1


async def test_a_bad_return_address_is_shown_and_not_followed(world: World, chromium: Chromium) -> None:
    """Nobody is sent to an address that the application did not register."""
    registered = await world.register(method=ClientMethod.SECRET, grants=[GrantType.CODE], redirects=[CALLBACK])
    page = await chromium.page(width=360)
    chromium.expect_trouble("400")
    path = authorize_path(registered.client.id, redirect_uri="https://evil.test/callback")
    await page.goto(str(world.client.make_url("/")).rstrip("/") + path)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Este endereço não confere")
    await chromium.shot(page, "authorize-360-refused-address")


async def sign_page(world: World, chromium: Chromium, width: int, **changes: Any) -> tuple[Page, str]:
    """Somebody arrives to sign two documents; their credential. The application may name it."""
    credential = await world.credential()
    registered = await world.register(
        name="Imobiliária São João", method=ClientMethod.SECRET, grants=[GrantType.CODE], redirects=[CALLBACK]
    )
    await world.clients.allow(registered.client.id, credential)
    label = "Contrato de locação do apartamento 1204, Rua das Laranjeiras (versão final, assinada pelo fiador).pdf"
    documents = [(label, digest("contrato")), ("anexo.pdf", digest("anexo"))]
    asked = json.dumps([detail(credential, *documents)])
    page = await chromium.page(width=width, height=900)
    await page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="de volta", content_type="text/plain"))
    base = str(world.client.make_url("/")).rstrip("/")
    path = authorize_path(registered.client.id, scope="credential", authorization_details=asked, **changes)
    if "pushed" in changes:
        form = {"client_secret": registered.secret, **dict(parse_qsl(path.partition("?")[2]))}
        async with world.client.post(PUSH, data=form) as response:
            told = await response.json()
        path = f"/oauth2/authorize?client_id={registered.client.id}&request_uri={told['request_uri']}"
    await page.goto(base + path)
    return page, credential


async def looked_at(chromium: Chromium, page: Page, name: str) -> None:
    """Kept in light and dark; nothing sticks out to the side, and on a narrow page axe finds nothing in either."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await chromium.shot(page, f"authorize-{name}-{scheme}")
        too_wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert too_wide <= 0, (name, scheme)
        if name.startswith("1280"):
            continue  # the same words and colours as on a narrow one
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(AXE)
        found = await page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))")
        assert found == [], (name, scheme)


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_a_holder_is_asked_to_sign_and_comes_back(world: World, chromium: Chromium, width: int) -> None:
    """The page says who asks for what, shows the phone's code, says what to do if it does not ring, and goes on."""
    page, credential = await sign_page(world, chromium, width, pushed="1")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Imobiliária São João pede 2 assinaturas suas")
    await expect(page.get_by_text("anexo.pdf")).to_be_visible()
    await expect(page.get_by_role("status")).to_have_text("Aprove no celular")
    document, rung = world.doorbell.rings[-1]
    assert rung == credential
    code = world.sam.held[document].document.text("verification_code")
    await expect(page.locator("#verification")).to_have_text(code)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("o pedido aparece na primeira tela")).to_be_visible()
    await expect(page.get_by_role("link", name="Abrir o pedido")).to_have_attribute("href", f"{APP}/r#1.{document}")
    await expect(page.locator("#spoken")).to_have_text(f"Confira no celular o código {' '.join(code)}.")
    await looked_at(chromium, page, f"{width}-asked")
    world.sam.approve(document)
    await page.wait_for_url(f"{CALLBACK}**")
    assert answer_in(page.url)["code"].startswith("ac_")


async def test_what_may_come_between_is_said(world: World, chromium: Chromium) -> None:
    """A refusal, another request before this one, and a pushed page loaded again: each in words, with a way back."""
    page, _ = await sign_page(world, chromium, 320, pushed="1")
    await expect(page.get_by_role("status")).to_have_text("Aprove no celular")
    world.sam.refuse(world.doorbell.rings[-1][0])
    await expect(page.get_by_text("Você recusou este pedido")).to_be_visible()
    back = page.get_by_role("button", name="Voltar para Imobiliária São João")
    await expect(back).to_be_focused()
    await expect(page.get_by_role("button", name="Tentar de novo")).to_be_hidden()
    await looked_at(chromium, page, "320-denied")
    chromium.expect_trouble("400")
    address = page.url
    other = await page.context.new_page()
    await other.goto(address)
    await expect(other.get_by_role("heading", level=1)).to_have_text("Este pedido não vale mais")
    await looked_at(chromium, other, "320-used")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{CALLBACK}**")
    assert answer_in(page.url)["error"] == "access_denied"


async def test_a_second_page_waits_its_turn(world: World, chromium: Chromium) -> None:
    """A request of this application that nobody answered yet: the page says so and asks when it may."""
    page, _ = await sign_page(world, chromium, 320)
    await expect(page.get_by_role("status")).to_have_text("Aprove no celular")
    first = world.doorbell.rings[-1][0]
    await page.reload()
    await expect(page.get_by_text("Outro pedido espera resposta")).to_be_visible()
    await looked_at(chromium, page, "320-busy")
    world.sam.approve(first)
    await expect(page.get_by_role("status")).to_have_text("Aprove no celular", timeout=20_000)
    assert world.doorbell.rings[-1][0] != first
