"""The local page: what it shows, and everybody else who reaches its port."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from desktop_agent.domain.link import Link, LinkState
from desktop_agent.domain.trust import Trust
from desktop_agent.ui.page import LocalPage


@pytest.fixture
async def page() -> AsyncIterator[LocalPage]:
    async with LocalPage("Notebook <b>da Maria</b>") as page:
        yield page


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """One browser: keeps cookies, also those of an address without a name."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


def base(page: LocalPage) -> str:
    return page.url.partition("/?")[0]


async def news(answer: aiohttp.ClientResponse) -> dict[str, object]:
    """The next event."""
    line = await asyncio.wait_for(answer.content.readline(), 5)
    await answer.content.readline()
    content: dict[str, object] = json.loads(line.removeprefix(b"data: "))
    return content


async def test_the_token_opens_once(page: LocalPage, browser: aiohttp.ClientSession) -> None:
    """The first browser gets the page and keeps it; the same address opens nothing a second time."""
    url = page.url
    async with browser.get(url) as answer:
        assert answer.status == 200
        assert "t=" not in str(answer.url)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
    async with browser.get(base(page) + "/page.js") as answer:
        assert answer.status == 200
    async with aiohttp.ClientSession() as other, other.get(url) as answer:
        assert answer.status == 403
        assert "já foi usado" in await answer.text()


@pytest.mark.parametrize(
    "path", ["/", "/page.js", "/page.css", "/events", "/?t=", "/?t=abc", "/?t=é", "/../etc/passwd"]
)
async def test_without_the_cookie_there_is_nothing(page: LocalPage, path: str) -> None:
    """Another program or user of this machine that finds the port sees nothing, and a wrong token opens nothing."""
    async with aiohttp.ClientSession() as stranger, stranger.get(base(page) + path) as answer:
        assert answer.status == 403


HEADERS: dict[str, dict[str, str]] = {
    "a name rebound to us": {"Host": "evil.example"},
    "a name with our port": {"Host": "evil.example:{port}"},
    "localhost by name": {"Host": "localhost:{port}"},
    "another port": {"Host": "127.0.0.1:1"},
    "another origin": {"Origin": "https://evil.example"},
    "no origin at all": {"Origin": "null"},
    "our origin in https": {"Origin": "https://127.0.0.1:{port}"},
    "another port's page": {"Origin": "http://127.0.0.1:1"},
    "another site's request": {"Sec-Fetch-Site": "cross-site"},
    "same site, other origin": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("path", ["token", "/", "/events", "/page.js"])
async def test_other_hosts_and_origins_are_refused(
    page: LocalPage, browser: aiohttp.ClientSession, kind: str, path: str
) -> None:
    """Even with the cookie, or a fresh token: what another page asks is refused, and spends no token."""
    port = base(page).rpartition(":")[2]
    headers = {name: value.replace("{port}", port) for name, value in HEADERS[kind].items()}
    url = page.url if path == "token" else base(page) + path
    if path != "token":
        (await browser.get(page.url)).close()

    async with browser.get(url, headers=headers) as answer:
        assert answer.status == 403

    if path == "token":
        async with browser.get(page.url) as answer:
            assert answer.status == 200


async def test_the_check_code_needs_our_origin(page: LocalPage, browser: aiohttp.ClientSession) -> None:
    """A form or script of another page cannot type for the person; a request without Origin neither."""
    (await browser.get(page.url)).close()
    asking = asyncio.ensure_future(page.ask_check("Celular", None))
    await asyncio.sleep(0)
    body = {"code": "042"}

    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        async with browser.post(base(page) + "/check", json=body, headers=headers) as answer:
            assert answer.status == 403
    wrong_bodies: list[object] = [{"code": "42"}, {"code": 42}, {"code": "٠٤٢"}, {"code": "0421"}, {}, [], "x"]
    for wrong in [*wrong_bodies, {"code": "A" * 5000}]:
        async with browser.post(base(page) + "/check", json=wrong, headers={"Origin": base(page)}) as answer:
            assert answer.status in (400, 413)
    assert not asking.done()
    async with browser.post(base(page) + "/check", json=body, headers={"Origin": base(page)}) as answer:
        assert answer.status == 202
    assert await asking == "042"


async def test_digits_nobody_asked_for_are_refused(page: LocalPage, browser: aiohttp.ClientSession) -> None:
    """Digits sent early are not kept for later."""
    (await browser.get(page.url)).close()

    async with browser.post(base(page) + "/check", json={"code": "042"}, headers={"Origin": base(page)}) as answer:
        assert answer.status == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"])
async def test_other_methods(page: LocalPage, browser: aiohttp.ClientSession, method: str) -> None:
    """Nothing else is answered, and errors carry the same protective headers."""
    (await browser.get(page.url)).close()

    async with browser.request(method, base(page) + "/", headers={"Origin": base(page)}) as answer:
        assert answer.status in (403, 405)
        assert answer.headers["X-Frame-Options"] == "DENY"


async def test_the_page_follows_the_ceremony(page: LocalPage, browser: aiohttp.ClientSession, trust: Trust) -> None:
    """The QR as modules, the code, the phone, the end: each change arrives, and the last one before we leave."""
    (await browser.get(page.url)).close()
    await page.trust(trust, known=False)
    async with browser.get(base(page) + "/events") as answer:
        first = await news(answer)
        assert (first["computer"], first["fingerprint"]) == ("Notebook <b>da Maria</b>", trust.fingerprint)

        await page.link(Link(LinkState.WAITING, f"{trust.app}/l#1.a.1.b", "7KQ2M-9XA4T", None, 299))
        shown = await news(answer)
        assert (shown["stage"], shown["code"], shown["left"]) == ("waiting", "7KQ2M-9XA4T", 299)
        assert isinstance(shown["qr"], list)
        assert set("".join(shown["qr"])) == {"0", "1"}

        await page.link(Link(LinkState.CLAIMED, phone="Celular"))
        claimed = await news(answer)
        assert (claimed["stage"], claimed["qr"], claimed["code"], claimed["phone"]) == (
            "claimed",
            None,
            None,
            "Celular",
        )

        await page.associated("x", ["MARIA"], "y")
        assert (await news(answer))["holders"] == ["MARIA"]
        assert await answer.content.read() == b""
    await asyncio.wait_for(page.farewell(), 1)


async def test_farewell_does_not_wait_for_ever(
    page: LocalPage, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that never reads does not keep the program alive."""
    monkeypatch.setattr("desktop_agent.ui.page.FAREWELL_SECONDS", 0.05)
    (await browser.get(page.url)).close()
    async with browser.get(base(page) + "/events"):
        await asyncio.wait_for(page.farewell(), 1)
