"""The emission page as a person uses it. For tests and journeys, on real parts or doubles.

emission = EmissionScreens(page, "http://localhost:8440")
await emission.emit("1000556194", "123.456.789-09", "Instala2026", "Cacto8Vidro2")
"""

from __future__ import annotations

from playwright.async_api import Page, expect


class EmissionScreens:
    """A page that shows /emissao/."""

    def __init__(self, page: Page, app: str, *, patience_ms: float = 60_000) -> None:
        """``app``: origin of the app host. ``patience_ms``: how long a step may take; an RSA key takes its time."""
        self.page = page
        self.app = app
        self.patience_ms = patience_ms

    async def open(self) -> None:
        """Open the page, as from the link in the e-mail."""
        await self.page.goto(self.app + "/emissao/")
        await self.at("identify")

    async def at(self, *names: str) -> str:
        """Wait until one of these screens is shown: identify, term, term-refused, password, progress, success,
        emission-problem."""
        shown = self.page.locator(", ".join(f'main[data-screen="{name}"]' for name in names))
        await shown.wait_for(timeout=self.patience_ms)
        return await shown.get_attribute("data-screen") or ""

    async def press(self, words: str) -> None:
        """Press the button with exactly these words."""
        await self.page.get_by_role("button", name=words, exact=True).click()

    async def fill(self, label: str, text: str) -> None:
        """Type into the field of that label."""
        await self.page.get_by_label(label, exact=True).fill(text)

    async def not_a_robot(self) -> None:
        """Tick *Não sou um robô* and wait for the proof of work."""
        await self.page.get_by_label("Não sou um robô").check()
        await expect(self.page.get_by_text("Verificado")).to_be_visible(timeout=self.patience_ms)

    async def identify(self, protocol: str, cpf: str, install_password: str) -> None:
        """Fill in the first screen and go on."""
        await self.fill("Informe o protocolo de sua solicitação", protocol)
        await self.fill("Informe o CPF do Titular", cpf)
        await self.fill("Informe a senha de instalação", install_password)
        box = self.page.get_by_label("Não sou um robô")
        if await box.is_visible() and not await box.is_checked():
            await self.not_a_robot()
        await self.press("Prosseguir")

    async def agree(self) -> None:
        """Agree to the term."""
        await self.at("term")
        await self.press("Concordar com o termo")

    async def choose_password(self, usage_password: str, again: str | None = None) -> None:
        """Choose the usage password."""
        await self.at("password")
        await self.fill("Senha de uso", usage_password)
        await self.fill("Repita a senha de uso", usage_password if again is None else again)
        await self.press("Confirmar")

    async def emit(self, protocol: str, cpf: str, install_password: str, usage_password: str) -> None:
        """The whole visit, from opening the page to *emitido com sucesso*."""
        await self.open()
        await self.identify(protocol, cpf, install_password)
        await self.agree()
        await self.choose_password(usage_password)
        await self.at("success")

    async def expect_text(self, text: str) -> None:
        """Demand that the page says it."""
        await expect(self.page.get_by_text(text).first).to_be_visible(timeout=self.patience_ms)
