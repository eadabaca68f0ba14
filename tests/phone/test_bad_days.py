"""What goes wrong on a phone by itself: a wrong clock, storage that was cleared, notices that are not allowed; and
words of others that would be markup."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, rfc3339
from tests.phone.test_offline_app import read_code
from tests.sandbox_phone.roots import new_id
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MARKUP = "<img src=x onerror=\"document.title='owned'\">"


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_clock_that_is_off_by_an_hour(world: World, seconds: int) -> None:
    """It is told what is wrong and what to do; nothing is decided by such a clock, and when it is right all goes on."""
    world.chromium.expect_trouble("401")
    phone = await world.paired()
    world.gateway.ask_signature()
    world.gateway.refuses_clocks = True
    await phone.page.clock.set_fixed_time(datetime.fromtimestamp(time.time() + seconds, UTC))
    await phone.page.reload()
    await phone.expect_text("A data e a hora deste aparelho estão erradas.")
    assert not any(call.endswith("/decision") and "req_" in call for call in world.gateway.calls)


async def test_storage_that_was_cleared(world: World) -> None:
    """The browser took the key away: the app begins anew with another key, and decides nothing of before."""
    world.chromium.expect_trouble("404")  # the browser asks for an icon of the bare file
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.page.goto(f"{world.app}/manifest.webmanifest")  # no page of ours holds the database open
    await phone.page.evaluate(
        "indexedDB.databases().then(all => Promise.all(all.map(one => new Promise((done, failed) => {"
        "  const gone = indexedDB.deleteDatabase(one.name); gone.onsuccess = done; gone.onerror = failed; }))))"
    )
    calls = len(world.gateway.calls)
    await phone.page.goto(world.app)
    await phone.at("welcome")
    assert world.gateway.calls[calls:] == []


async def test_notices_that_are_not_allowed(world: World) -> None:
    """Refused once, the app asks no more and says so; what waits is shown all the same, at the live channel's ring."""
    context = await world.chromium.context()
    await context.add_init_script(
        "Object.defineProperty(Notification, 'permission', {get: () => 'denied'});"
        "Notification.requestPermission = () => { window.asked = true; return Promise.resolve('denied'); };"
    )
    phone = PhoneScreens(await context.new_page(), world.app)
    await phone.open()
    await phone.pair("(31) 99999-1234", read_code, "Celular da Maria", PASSWORD)
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.expect_text("Desabilitadas")
    await expect(phone.button("Habilitar")).to_have_count(0)
    await phone.page.go_back()
    await phone.at("home")
    world.gateway.ask_signature("Contrato.pdf")
    assert await phone.open_waiting() == "approval"
    assert await phone.page.evaluate("window.asked") is None


async def test_markup_in_every_label(world: World) -> None:
    """Documents, computers, applications, phones, nicknames, purposes: what others wrote is text on every screen."""
    phone = await world.paired()
    gateway = world.gateway
    gateway.nickname = MARKUP
    gateway.credentials[0]["subject"] = MARKUP
    gateway.computers.append(
        {
            "id": new_id("cmp"),
            "name": MARKUP,
            "os": MARKUP,
            "since": rfc3339(1),
            "last_used": rfc3339(1),
            "credentials": [],
        }
    )
    gateway.other_phone(MARKUP)
    gateway.new_phone(MARKUP)
    gateway.warn(phone=MARKUP)
    gateway.was_asked(MARKUP, caller={"kind": "integrator", "name": MARKUP}, phone=MARKUP)
    gateway.open_session(MARKUP, purpose=MARKUP)
    await phone.page.reload()
    await phone.at("home")
    await phone.expect_text(MARKUP)
    for row in ("Celulares", "Computadores", "Histórico", "Sessões abertas"):
        await phone.page.get_by_role("button", name=row).first.click()
        await phone.expect_text(MARKUP)
        await _clean(phone.page)
        await phone.page.go_back()
        await phone.at("home")
    caller = {"kind": "integrator", "id": new_id("cli"), "name": MARKUP}
    gateway.ask_signature(MARKUP, caller=caller)
    await phone.open_waiting()
    await phone.expect_text(MARKUP)
    await _clean(phone.page)


async def _clean(page: Page) -> None:
    """No element was made of it, and nothing of it ran."""
    assert await page.locator("img[src='x']").count() == 0
    assert await page.title() != "owned"
