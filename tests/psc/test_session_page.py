"""The page that waits for a session, in a browser: at 320 px, under its CSP, and on to the application by itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests.psc.people import CALLBACK, MARIA, application, ring
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright
from tests.support.oauth_requests import answer_in
from tests.support.signing_callers import ORIGIN
from tests.support.signing_world import World

AXE = (Path(__file__).parents[2] / "phone_app/node_modules/axe-core/axe.min.js").read_text("utf-8")

__all__ = ["chromium", "chromium_of_module", "playwright"]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("approved", [True, False, None])
async def test_from_the_page_that_identifies_to_the_application(
    world: World, chromium: Chromium, approved: bool | None
) -> None:
    """Check code typed, then the session's page with the phone's own verification code, then back with the answer."""
    credential = await world.credential(number=MARIA)
    app = await application(world, name="Contratos & Cia <Teste>")
    page = await chromium.page(width=320, height=800)
    await page.route(f"{CALLBACK}**", lambda route: route.fulfill(body="de volta", content_type="text/plain"))
    here = str(world.client.make_url("")).rstrip("/")
    await page.route(
        f"{ORIGIN}/**",
        lambda route: route.fulfill(status=302, headers={"Location": here + route.request.url.removeprefix(ORIGIN)}),
    )
    await page.goto(app.begin("signature_session").address)
    world.links.last.state, world.links.last.credentials = "approved", [credential]
    await expect(page.get_by_role("textbox", name="Código de conferência")).to_be_focused()
    await page.keyboard.type("042")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Contratos & Cia <Teste> pede para assinar por um tempo"
    )
    document = world.sam.held[ring(world)].document
    await expect(page.locator("#code")).to_have_text(document.text("verification_code"))
    await expect(page.get_by_role("status")).to_have_text("Confira no celular e aprove com a senha de uso")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.emulate_media(color_scheme="dark" if approved else "light")
    await page.evaluate(AXE)
    assert await page.evaluate("axe.run().then((result) => result.violations.map((one) => one.id))") == []
    await chromium.shot(page, f"psc-session-{approved}")
    if approved:
        world.sam.approve(ring(world))
    elif approved is False:
        world.sam.refuse(ring(world))
    else:
        await page.get_by_role("button", name="Cancelar e voltar").press("Enter")
    await page.wait_for_url(f"{CALLBACK}**")
    answer = answer_in(page.url)
    assert answer["code"].startswith("psa_") if approved else answer["error"] == "user_denied"
    states = {True: "approved", False: "refused", None: "withdrawn"}
    assert world.sam.held[ring(world)].state == states[approved]
    assert urlsplit(page.url).hostname == "contratos.test"
