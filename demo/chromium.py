"""A phone that is a real Chromium: the phone app, 360 pixels wide, and a camera that films what we put before it.

The camera is a motion-JPEG file, chosen when the browser starts and opened when the app asks for the camera; so what it
is to film is written just before. It films the computer's own page, in another window of the same browser.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.async_api import Browser, Error, Page, Playwright, Request, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeout

from demo.agent import Offered
from demo.phones import Evidence, ReadCode, Refused
from foundation.encoding import unb64u
from linkid.platform import prepare_playwright, program
from tests.support.chromium import launch_arguments
from tests.support.emission_screens import EmissionScreens
from tests.support.phone_screens import PhoneScreens

_FRAME: Final = (1280, 720)
_FRAMES: Final = 30
"""A second of film, which the browser repeats."""
_SCANS: Final = 5
"""A frame of the QR code is good for five seconds; a slow machine may need to film it again."""
_SCAN_MS: Final = 8_000


class ChromiumPhone:
    """See demo.phones.Phone. ``pictures``: a folder for a picture of each screen."""

    def __init__(self, driver: Playwright, browser: Browser, page: Page, app: str, folder: Path) -> None:
        self._driver = driver
        self._browser = browser
        self._app = app
        self._folder = folder
        self.page = page
        self.screens = PhoneScreens(page, app, patience_ms=30_000)
        self.evidence: list[Evidence] = []
        self._statements: dict[str, bytes] = {}
        page.on("requestfinished", self._overheard)

    @classmethod
    async def open(cls, app: str, folder: Path) -> ChromiumPhone:
        """A fresh phone. Raises ProgramMissing."""
        folder.mkdir(parents=True, exist_ok=True)
        film(folder / "camera.mjpeg", Image.new("RGB", (300, 300), "grey"))
        prepare_playwright()
        driver = await async_playwright().start()
        browser = await driver.chromium.launch(
            executable_path=program("chromium"), headless=True, args=launch_arguments(folder / "camera.mjpeg")
        )
        context = await browser.new_context(
            viewport={"width": 360, "height": 780}, locale="pt-BR", permissions=["camera"]
        )
        return cls(driver, browser, await context.new_page(), app, folder)

    async def emit(self, protocol: str, cpf: str, install_password: str, usage_password: str) -> None:
        """On a computer's width, as most people do it; in a window of its own."""
        context = await self._browser.new_context(viewport={"width": 1280, "height": 800}, locale="pt-BR")
        page = await context.new_page()
        emission = EmissionScreens(page, self._app)
        await emission.open()
        await self._picture("emission-1-identify", page)
        await emission.identify(protocol, cpf, install_password)
        await emission.at("term")
        await self._picture("emission-2-term", page)
        await emission.agree()
        await emission.choose_password(usage_password)
        await emission.at("success")
        await self._picture("emission-3-success", page)
        await context.close()

    async def pair(self, number: str, read_code: ReadCode, nickname: str, password: str) -> None:
        """As a person does, screen by screen."""
        await self.screens.open()
        await self._picture("phone-1-welcome")
        await self.screens.ask_for_code(number)
        await self._picture("phone-2-code")
        await self.screens.enter_code(await read_code())
        await self.screens.name_it(nickname)
        await self.screens.prove_password(password)
        await self.screens.at("test")
        await self._picture("phone-3-test")
        await self.screens.approve_test()
        await self._picture("phone-4-home")

    async def associate(self, offered: Offered) -> str:
        """By the camera: it films the computer's page."""
        context = await self._browser.new_context(viewport={"width": 1280, "height": 800}, locale="pt-BR")
        page = await context.new_page()
        await page.goto(offered.page)
        code = page.locator("#qr path")
        await code.wait_for()
        await self._picture("computer-1-qr", page)
        for _ in range(_SCANS):
            if await self.screens.at("home", "association") == "association":
                break
            taken = await page.locator(".frame").screenshot()
            film(self._folder / "camera.mjpeg", Image.open(BytesIO(taken)).convert("RGB"))
            await self.screens.press("Ler QR Code")
            with suppress(PlaywrightTimeout):
                await self.page.locator('main[data-screen="association"]').wait_for(timeout=_SCAN_MS)
                break
            await self.screens.open()  # too slow: leave the scanner, and film again
        await self.screens.at("association")
        await self._picture("phone-5-association")
        check = await self.screens.approve_association()
        await self._picture("phone-6-check-code")
        await context.close()
        return check

    async def approve(self, password: str) -> str:
        """On the approval screen."""
        await self._to_the_request()
        shown = await self.screens.verification_code()
        await self._picture("phone-7-approval")
        await self.screens.fill("Senha de uso", password)
        await self.screens.press("Aprovar")
        ended = self.page.locator('main[data-screen="approved"]')
        await ended.or_(self.page.get_by_role("alert").filter(has_text="Senha")).first.wait_for()
        if not await ended.count():
            await self._picture("phone-8-wrong-password")
            raise Refused((await self.page.get_by_role("alert").first.text_content() or "").strip())
        await self._picture("phone-8-approved")
        await self.screens.finish()
        return shown

    async def refuse(self) -> None:
        """With a reason."""
        await self._to_the_request()
        await self.screens.refuse()
        await self._picture("phone-9-refused")
        await self.screens.finish()

    async def close(self) -> None:
        """The browser with everything in it."""
        await self._browser.close()
        await self._driver.stop()

    async def _to_the_request(self) -> None:
        if await self.screens.at("home", "approved", "refused", "check-code", "approval") in ("check-code",):
            await self.screens.finish()
        await self.screens.open_waiting()

    async def _picture(self, name: str, page: Page | None = None) -> None:
        await (page or self.page).screenshot(path=self._folder / f"{name}.png", full_page=True, animations="disabled")

    async def _overheard(self, request: Request) -> None:
        """Keep what the app received and sent: it is the holder's evidence."""
        if "/phone/v1/" not in request.url or request.method == "OPTIONS":
            return
        response = await request.response()
        if response is None or not response.ok:
            return
        try:
            body: Any = await response.json()
        except (Error, ValueError):
            return
        for item in [body, *(body.get("items") or [])] if isinstance(body, dict) else []:
            if isinstance(item.get("statement"), str):
                document = unb64u(json.loads(_part(item["statement"], 1))["document"], max_len=200_000)
                self._statements[json.loads(document)["id"]] = document
        if request.url.endswith("/decision") and request.post_data:
            proof = request.headers["dpop"]
            document = self._statements[request.url.split("/")[-2]]
            key = json.loads(_part(proof, 0))["jwk"]
            self.evidence.append(Evidence(document, json.loads(request.post_data), key))


def _part(jws: str, number: int) -> bytes:
    text = jws.split(".")[number]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def film(path: Path, picture: Image.Image) -> None:
    """A second of motion JPEG: the picture as it lies before the camera, on a desk of grey."""
    scale = min((_FRAME[1] - 80) / picture.height, 2.0)
    shown = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    frame = Image.new("RGB", _FRAME, (150, 150, 150))
    frame.paste(shown, ((_FRAME[0] - shown.width) // 2, (_FRAME[1] - shown.height) // 2))
    one = BytesIO()
    frame.save(one, "JPEG", quality=88, subsampling="4:2:0")
    fresh = path.with_suffix(".new")
    fresh.write_bytes(one.getvalue() * _FRAMES)
    fresh.replace(path)
