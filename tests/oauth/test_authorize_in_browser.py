"""The authorize page in a real browser: by keyboard alone, at a phone's width and a desktop's, under its strict CSP."""

import pytest
from playwright.async_api import Page, expect

from hsm_service.oauth.domain.client import ClientMethod, GrantType
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.oauth_requests import CALLBACK, answer_in, authorize_path
from tests.support.signing_world import World

__all__ = ["chromium", "chromium_of_module", "playwright"]

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


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_holder_identifies_without_a_mouse(world: World, chromium: Chromium, width: int) -> None:
    """QR, scanned, approved, check code typed on the keyboard: the page goes on to the application by itself."""
    page = await arrive(world, chromium, width)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Contratos & Cia <Teste> quer saber quem é você")
    first = await page.locator("#qr path").get_attribute("d")
    await chromium.shot(page, f"authorize-{width}-waiting")
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
    await chromium.shot(page, f"authorize-{width}-approved")
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
