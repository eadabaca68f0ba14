"""The local page in a real Chromium: a camera can read it, a keyboard can finish it, nothing comes from elsewhere."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image
from playwright.async_api import Page, expect

from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.trust import Trust, read_trust
from desktop_agent.ui.page import LocalPage
from tests.sandbox_phone.roots import Roots
from tests.support.camera import read_qr
from tests.support.chromium import Chromium, chromium, chromium_of_module, playwright

__all__ = ["chromium", "chromium_of_module", "playwright"]

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TRUST: Trust = read_trust(Roots("https://app.linkid.example", "https://gw.linkid.example").trust())
LOOKS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]


def waiting(n: int) -> Link:
    return Link(LinkState.WAITING, f"{TRUST.app}/l#1.{'t' * 22}.{n}.{'m' * 22}", "7KQ2M-9XA4T", None, 299 - n)


async def fits(page: Page) -> None:
    """Nothing is cut off at the side."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
async def test_the_ceremony_by_keyboard(chromium: Chromium, width: int, scheme: str) -> None:
    """From the code on the screen to the end: read by a camera, typed by a keyboard, announced to a screen reader."""
    async with LocalPage("Notebook <b>da Maria</b>") as local:
        page = await chromium.page(width=width, height=740, color_scheme=scheme)
        loaded: list[str] = []
        page.on("request", lambda request: loaded.append(request.url))
        await local.trust(TRUST, known=False)
        await local.link(waiting(0))
        url = local.url
        await page.goto(url)

        for n in (1, 2):
            await local.link(waiting(n))
            await expect(page.locator("#left")).to_have_text(f"4:{59 - n}")
            assert read_qr(Image.open(await chromium.shot(page, f"agent-waiting-{width}-{scheme}"))) == waiting(n).frame
        await expect(page.get_by_role("img", name="QR Code")).to_be_visible()
        await expect(page.get_by_text("7KQ2M-9XA4T")).to_be_visible()
        await expect(page.locator("#computer")).to_have_text("Notebook <b>da Maria</b>")
        await fits(page)

        await local.link(Link(LinkState.CLAIMED, phone="Celular <i>da Maria"))
        await expect(page.get_by_role("status")).to_have_text("Código lido. Confirme no celular.")
        await expect(page.get_by_role("img", name="QR Code")).to_be_hidden()
        await expect(page.get_by_text("Celular <i>da Maria")).to_be_visible()
        await chromium.shot(page, f"agent-claimed-{width}-{scheme}")
        await fits(page)

        asking = asyncio.ensure_future(local.ask_check("Celular", None))
        await expect(page.get_by_label("Digite os 3 números")).to_be_focused()
        await page.keyboard.type("4x1")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("São exatamente 3 números.")
        await page.keyboard.press("Control+a")
        await page.keyboard.type("041")
        await page.keyboard.press("Enter")
        assert await asyncio.wait_for(asking, 10) == "041"

        asking = asyncio.ensure_future(local.ask_check("Celular", 2))
        await expect(page.get_by_role("alert")).to_have_text("Código errado. Tentativas restantes: 2.")
        await chromium.shot(page, f"agent-wrong-{width}-{scheme}")
        await page.keyboard.type("042")
        await page.get_by_role("button", name="Concluir").click()
        assert await asyncio.wait_for(asking, 10) == "042"

        await local.associated("Notebook", ["MARIA DA SILVA", "<script>alert(1)</script>"], "arquivo")
        await expect(page.get_by_role("heading", name="Pronto")).to_be_focused()
        await expect(page.get_by_role("listitem").filter(has_text="<script>")).to_be_visible()
        await chromium.shot(page, f"agent-done-{width}-{scheme}")
        await fits(page)
        assert {address.rpartition("/")[0] for address in loaded} <= {url.partition("/?")[0], "data:image"}
        assert "t=" not in page.url


async def test_the_end_without_an_association(chromium: Chromium) -> None:
    """Said in words, with how to begin again; the page does not go on asking a program that has left."""
    chromium.expect_trouble("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING")
    page = await chromium.page()
    async with LocalPage("Notebook") as local:
        await page.goto(local.url)
        await local.failed("A associação foi recusada no celular.", "Recomece com: linkid-desktop associate")
        await expect(page.get_by_role("status")).to_have_text("A associação foi recusada no celular.")
    await expect(page.get_by_role("heading", name="Não deu certo")).to_be_visible()
    await chromium.shot(page, "agent-failed-360")


async def test_a_program_that_vanishes_is_told(chromium: Chromium) -> None:
    """Killed in the middle: the page says where to look."""
    chromium.expect_trouble("ERR_")
    page = await chromium.page()
    async with LocalPage("Notebook") as local:
        await local.link(waiting(0))
        await page.goto(local.url)
        await expect(page.get_by_text("7KQ2M-9XA4T")).to_be_visible()

    await expect(page.get_by_role("status")).to_contain_text("não responde mais; veja o terminal")
    await expect(page.get_by_role("img", name="QR Code")).to_be_hidden()


ATTACK = """async (base) => {
    const read = (path, options) =>
        fetch(base + path, {credentials: "include", ...options}).then((answer) => answer.type).catch(() => "refused");
    return [
        await read("/events"),
        await read("/"),
        await read("/check", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"code":"042"}'}),
        await read("/check", {method: "POST", mode: "no-cors", body: '{"code":"042"}'}),
    ];
}"""


async def test_another_page_can_neither_read_nor_type_nor_frame_it(chromium: Chromium) -> None:
    """A page of the same machine in the same browser, with the same cookies: same site, other origin, no luck."""
    chromium.expect_trouble("CORS", "ERR_", "403", "404", "frame")  # 404: the attacker has no favicon

    async def attacker(_: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><iframe src='{base}/'></iframe>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", attacker)
    async with LocalPage("Notebook") as local, TestServer(app, host="127.0.0.1") as server:
        page = await chromium.page()
        await page.goto(local.url)
        base = page.url.rstrip("/")
        asking = asyncio.ensure_future(local.ask_check("Celular", None))
        await expect(page.get_by_label("Digite os 3 números")).to_be_visible()
        evil = await page.context.new_page()
        await evil.goto(str(server.make_url("/")))

        outcome = await evil.evaluate(ATTACK, base)

        assert outcome == ["refused"] * 4
        assert [frame.url for frame in evil.frames[1:]] == ["chrome-error://chromewebdata/"]
        assert not asking.done()
        asking.cancel()
