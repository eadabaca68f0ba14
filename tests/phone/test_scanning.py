"""The app reads what a computer shows, with a camera that films it; and only what is meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, Refusal
from tests.sandbox_phone.roots import new_id
from tests.support.camera import film
from tests.support.chromium import Chromium, launch

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def filming(world: World, playwright: Playwright, path: Path) -> Chromium:
    """A browser whose camera films ``path``; the world's phones live in it from now on."""
    world.chromium = Chromium(await launch(playwright, path), world.chromium.screenshots)
    return world.chromium


async def test_a_rotating_code_is_read_and_a_late_frame_is_read_again(
    world: World, playwright: Playwright, tmp_path: Path
) -> None:
    """Strangers' codes never reach the gateway; an expired frame is silently read again; the computer is shown."""
    frames = [f"{world.app}/l#1.dG9rZW4tMTYtYnl0ZXM.{n}.ABCDEFGHIJKLMNOPQRSTUV" for n in range(3)]
    film_path = film(tmp_path / "camera.mjpeg", ["https://evil.example/l#1.x.1.y", None, *frames])
    browser = await filming(world, playwright, film_path)
    browser.expect_trouble("410")
    phone = await world.paired(permissions=["camera"])
    for frame in frames:
        world.gateway.show_link(frame)
    world.gateway.scan_errors = [Refusal(410, "frame_expired")]
    assert await phone.scan() == "association"
    await browser.shot(phone.page, "scanned-association")
    assert await phone.approve_association() == "042"
    assert len(world.gateway.scanned) == 2
    assert all(text in frames for text in world.gateway.scanned)
    await phone.finish()
    assert not await browser.finish()
    await browser.browser.close()


async def test_a_requests_qr_opens_that_request(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """When no push arrives, the request's own QR leads to its approval; who read it is in front of that screen, so no
    code is to be typed."""
    asked = new_id("req")
    text = f"{world.app}/r#1.{asked}"
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [text]))
    phone = await world.paired(knows=False, permissions=["camera"])
    world.gateway.listeners.clear()  # nobody hears the doorbell
    world.gateway.ask_signature(id=asked)
    world.gateway.scans[text] = asked
    await phone.press("Ler QR Code")
    assert await phone.verification_code() == "27"
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"
    assert not await browser.finish()
    await browser.browser.close()


async def test_a_requests_qr_opens_no_other(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """A gateway that answers a request's QR with another request, however genuine, shows nothing to approve."""
    text = f"{world.app}/r#1.{new_id('req')}"
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [text]))
    phone = await world.paired(permissions=["camera"])
    world.gateway.listeners.clear()
    world.gateway.scans[text] = world.gateway.ask_signature()
    assert await phone.scan() == "over"
    await phone.expect_text("não foi assinado pelo Link ID e foi descartado")
    assert not await browser.finish()
    await browser.browser.close()


async def test_a_frame_associates_no_other_computer(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """The frame carries its computer's key; a gateway that answers it with another computer, genuine, shows nothing."""
    text = f"{world.app}/l#1.a.1.b.{'A' * 43}"
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [text]))
    phone = await world.paired(permissions=["camera"])
    world.gateway.show_link(text)
    assert await phone.scan() == "over"
    await phone.expect_text("não foi assinado pelo Link ID e foi descartado")
    assert not await browser.finish()
    await browser.browser.close()


async def test_a_code_that_another_phone_took_is_over(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """A second scanner is told why, and does not try again by itself."""
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [f"{world.app}/l#1.a.1.b"]))
    browser.expect_trouble("409")
    world.gateway.scan_errors = [Refusal(409, "link_taken")]
    phone = await world.paired(permissions=["camera"])
    assert await phone.scan() == "over"
    await phone.expect_text("Outro celular leu este QR Code antes")
    assert len(world.gateway.scanned) == 1
    assert not await browser.finish()
    await browser.browser.close()


async def test_a_computer_meant_for_another_phone_is_not_shown(
    world: World, playwright: Playwright, tmp_path: Path
) -> None:
    """The SAM's document names the device key it is for; a gateway that hands it to somebody else shows nothing."""
    text = f"{world.app}/l#1.a.1.b"
    world.gateway.show_link(text)  # before this phone has a key: for another
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [text]))
    phone = await world.paired(permissions=["camera"])
    assert await phone.scan() == "over"
    await phone.expect_text("Este pedido não é para este celular.")
    assert not await browser.finish()
    await browser.browser.close()


async def test_strangers_codes_are_told_and_stay_here(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """A code of somebody else's is named as such; nothing of it is sent."""
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", ["https://evil.example/l#1.a.1.b"]))
    phone = await world.paired(permissions=["camera"])
    await phone.press("Ler QR Code")
    await phone.expect_text("Este QR Code não é do Link ID.")
    await browser.shot(phone.page, "scan-stranger")
    assert world.gateway.scanned == []
    assert not await browser.finish()
    await browser.browser.close()


async def test_leaving_the_scanner_closes_the_camera(world: World, playwright: Playwright, tmp_path: Path) -> None:
    """The camera's light goes out when the screen is left."""
    browser = await filming(world, playwright, film(tmp_path / "camera.mjpeg", [None]))
    phone = await world.paired(permissions=["camera"])
    await phone.press("Ler QR Code")
    await phone.expect_text("Procurando um QR Code")
    await phone.page.evaluate("window.track = document.querySelector('video').srcObject.getTracks()[0]")
    await phone.page.go_back()
    await phone.at("home")
    assert await phone.page.evaluate("window.track.readyState") == "ended"
    assert not await browser.finish()
    await browser.browser.close()
