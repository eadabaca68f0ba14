"""The phone app as a person uses it: screens by name, buttons by their words. For journeys on real parts or doubles.

phone = PhoneScreens(page, "http://localhost:8440")
await phone.open()
await phone.pair("31999991234", read_sms, "Celular da Maria", "Cacto8Vidro2")
await phone.approve("Cacto8Vidro2")
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from playwright.async_api import Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

Screen = str
"""`data-screen` of `main`: welcome, number, confirm-number, ask-code, code, nickname, notifications, credential,
pair-password, trial, test, ready, home, approval, association, identification, refusal, refused, approved, check-code,
over, scan, by-hand, computers, rename-computer, remove-computer, sessions, end-session, consents, end-consent, codes,
set-up-codes, device, unpair."""

_DECISIONS: Final = ("approval", "association", "identification", "test")
"""Screens that ask the holder for a yes or no."""


class PhoneScreens:
    """A page that shows the phone app."""

    def __init__(self, page: Page, app: str, *, patience_ms: float = 15_000) -> None:
        """``app``: origin of the app host. ``patience_ms``: how long a screen may take to come."""
        self.page = page
        self.app = app
        self.patience_ms = patience_ms

    async def open(self) -> None:
        """Open the app, as from its icon."""
        await self.page.goto(self.app + "/")

    async def at(self, *names: Screen) -> Screen:
        """Wait until one of these screens is shown; its name."""
        selector = ", ".join(f'main[data-screen="{name}"]' for name in names)
        shown = self.page.locator(selector)
        while True:
            await shown.wait_for(timeout=self.patience_ms)
            with suppress(PlaywrightTimeout):  # it gave way to another screen meanwhile: a request arrived
                return await shown.get_attribute("data-screen", timeout=1_000) or ""

    def button(self, words: str) -> Locator:
        """A button by exactly its words."""
        return self.page.get_by_role("button", name=words, exact=True)

    async def press(self, words: str) -> None:
        """Press it."""
        await self.button(words).click()

    async def fill(self, label: str, text: str) -> None:
        """Type into the field of that label."""
        await self.page.get_by_label(label, exact=True).fill(text)

    async def ask_for_code(self, number: str) -> None:
        """From *Vamos começar!* to the screen that wants the SMS code."""
        await self.at("welcome")
        await self.press("Vamos começar!")
        await self.fill("Número de celular com DDD", number)
        await self.press("Seguinte")
        await self.at("confirm-number")
        await self.press("Confirmar")
        await self.at("ask-code")
        await self.press("Pedir código de confirmação")
        await self.at("code")

    async def enter_code(self, code: str) -> None:
        """Type the SMS code."""
        await self.fill("Código de confirmação", code)
        await self.press("Confirmar")

    async def name_it(self, nickname: str) -> None:
        """The apelido and the question about notices, which is refused when it is asked."""
        await self.at("nickname")
        await self.fill("Apelido", nickname)
        await self.press("Seguinte")
        await self.at("notifications")
        later = self.button("Agora não")
        await (later if await later.count() else self.button("Seguinte")).click()

    async def prove_password(self, password: str, subject: str | None = None) -> None:
        """Choose the certificate (when asked) and prove its usage password."""
        if await self.at("credential", "pair-password") == "credential":
            await self.page.get_by_role("button", name=subject).click()
        await self.at("pair-password")
        await self.fill("Senha de uso", password)
        await self.press("Confirmar")

    async def approve_test(self) -> None:
        """Wait for the test to ring, approve it, and arrive home."""
        await self.at("test")
        await self.press("Aprovar")
        await self.at("ready")
        await self.press("Ir para o início")
        await self.at("home")

    async def pair(
        self,
        number: str,
        read_code: Callable[[], Awaitable[str]],
        nickname: str,
        password: str,
        subject: str | None = None,
    ) -> None:
        """The whole pairing, from *Vamos começar!* to home. ``read_code`` gives the code of the SMS that was sent."""
        await self.ask_for_code(number)
        await self.enter_code(await read_code())
        await self.name_it(nickname)
        await self.prove_password(password, subject)
        await self.approve_test()

    async def open_waiting(self) -> Screen:
        """From home, open the first request that waits, unless it opened by itself; the screen it led to."""
        if await self.at("home", *_DECISIONS) == "home":
            waiting = self.page.locator(".rows.urgent button.row").first
            arrived = self.page.locator(", ".join(f'main[data-screen="{name}"]' for name in _DECISIONS)).or_(waiting)
            await arrived.first.wait_for(timeout=self.patience_ms)
            if await waiting.count():
                await waiting.click()
        return await self.at(*_DECISIONS)

    async def approve(self, password: str, code: str | None = None) -> None:
        """On the approval screen: type the usage password and approve; ends at the screen that says so.

        ``code``: what the asking screen shows, where the request comes from somewhere new.
        """
        await self.at("approval")
        if code is not None:
            await self.fill("Código de verificação", code)
        await self.fill("Senha de uso", password)
        await self.press("Aprovar")
        await self.at("approved")

    async def refuse(self, reason: str = "Mudei de ideia") -> None:
        """On any screen that asks for a decision: refuse with a reason."""
        await self.press("Recusar")
        await self.at("refusal")
        await self.page.get_by_role("button", name=reason).click()
        await self.at("refused")

    async def scan(self) -> Screen:
        """From home, read the QR code that the camera films; the screen it led to."""
        await self.at("home")
        await self.press("Ler QR Code")
        return await self.at("association", "identification", "approval", "over")

    async def type_code(self, code: str) -> Screen:
        """From home, type a link's code by hand; the screen it led to."""
        await self.at("home")
        await self.press("Digitar código")
        await self.fill("Código", code)
        await self.press("Confirmar")
        return await self.at("association", "identification", "over")

    async def approve_association(self) -> str:
        """On the association (or identification) screen: approve; the check code to type at the other side."""
        await self.press("Aprovar")
        await self.at("check-code")
        digits = await self.page.locator(".big-code-digits bdi").text_content()
        return (digits or "").strip()

    async def verification_code(self) -> str:
        """The verification code on the approval screen."""
        await self.at("approval")
        digits = await self.page.locator(".big-code-digits bdi").text_content()
        return (digits or "").strip()

    async def finish(self) -> None:
        """Leave an ending for home, from where a request that waits opens by itself."""
        await self.press("Concluir")
        await self.at("home", *_DECISIONS)

    async def expect_text(self, text: str) -> None:
        """Demand that the screen says it."""
        await expect(self.page.get_by_text(text).first).to_be_visible(timeout=self.patience_ms)
