"""Every screen at 390 and 1280 px, light and dark: nothing overflows, axe finds nothing, and pictures can be seen.

On the way the narrow ones are made as narrow as 320 px, and their text twice as large (WCAG 1.4.4 and 1.4.10). What
does not depend on the colours is not looked at again in the dark: there, only contrast.

`LINKID_SCREENSHOTS=folder pytest tests/phone/test_looks.py` keeps the pictures.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.phone.conftest import World
from tests.phone.emission_double import CPF, INSTALL_PASSWORD, PROTOCOL
from tests.phone.gateway_double import PASSWORD, SMS_CODE, Refusal, rfc3339
from tests.phone.test_pairing import IPHONE
from tests.sandbox_phone.roots import new_id
from tests.support.authenticator import Authenticator
from tests.support.chromium import SCREENSHOTS
from tests.support.emission_screens import EmissionScreens
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

AXE = Path(__file__).resolve().parents[2] / "phone_app/node_modules/axe-core/axe.min.js"
NARROWEST = 320
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONTRAST = ["color-contrast"]
SHOTS = os.environ.get("LINKID_SCREENSHOTS_OF", "")
"""`320`: pictures of the narrowest as well."""


class Looks:
    """Looks at one screen after the other."""

    def __init__(self, world: World, page: Page, suffix: str) -> None:
        self.world, self.page, self.suffix = world, page, suffix
        self.count, self.dark = 0, suffix.endswith("dark")
        self.found: list[str] = []

    async def at(self, name: str) -> None:
        """The screen as it is now: a picture, no overflow (also on a narrower one), no finding of axe."""
        self.count += 1
        if SCREENSHOTS:
            await self.world.chromium.shot(self.page, f"{self.suffix}-{self.count:02}-{name}")
        if not self.dark or "320" in SHOTS:
            await self._fits(name)
        await self._accessible(name)

    async def _fits(self, name: str) -> None:
        size = self.page.viewport_size
        assert size is not None
        narrow = size["width"] < 1000
        for width in (size["width"], NARROWEST) if narrow else (size["width"],):
            if width != size["width"]:
                await self.page.set_viewport_size({"width": width, "height": size["height"]})
            over = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                self.found.append(f"{name} is {over} px too wide at {width}")
            if width == NARROWEST and "320" in SHOTS:
                await self.world.chromium.shot(self.page, f"320-{self.suffix}-{self.count:02}-{name}")
        if not narrow:
            return
        await self.page.evaluate("document.documentElement.style.fontSize = '200%'")
        over = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            self.found.append(f"{name} is {over} px too wide at {width} with text twice as large")
            await self.world.chromium.shot(self.page, f"{self.suffix}-{self.count:02}-{name}-twice")
        await self.page.evaluate("document.documentElement.style.fontSize = ''")
        await self.page.set_viewport_size(size)

    async def _accessible(self, name: str) -> None:
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate(
            "rules => axe.run({runOnly: rules, resultTypes: ['violations']})"
            ".then(result => result.violations.map(one => [one.id, one.nodes.map(node => node.target.join(' '))]))",
            CONTRAST if self.dark else EVERY_RULE,
        )
        self.found += [f"{name}: {one}" for one in found]


@pytest.mark.parametrize(("width", "height", "scheme"), [(390, 844, "light"), (1280, 800, "light"), (390, 844, "dark")])
async def test_every_screen_of_the_phone(world: World, width: int, height: int, scheme: str) -> None:
    """The life of a phone, looked at screen by screen."""
    world.chromium.expect_trouble("403", "423")
    world.gateway.credentials.append(
        {**world.gateway.credentials[0], "id": new_id("cred"), "subject": "ACME COMÉRCIO LTDA:12345678000190"}
    )
    phone = await world.phone(width=width, height=height, color_scheme=scheme)
    look = Looks(world, phone.page, f"{width}-{scheme}")
    await _installing(world, look, width=width, height=height, color_scheme=scheme)
    await _pairing(phone, look)
    await _deciding(world, phone, look)
    await _keeping(world, phone, look)
    assert not look.found, "\n".join(look.found)


async def _installing(world: World, look: Looks, **options: Any) -> None:
    """What an iPhone's browser says before anything begins."""
    phone = await world.phone(user_agent=IPHONE, **options)
    await phone.expect_text("Primeiro, instale o Link ID")
    seen = Looks(world, phone.page, look.suffix)
    await seen.at("install-first")
    look.found += seen.found


async def _pairing(phone: PhoneScreens, look: Looks) -> None:
    await phone.at("welcome")
    await look.at("welcome")
    await phone.press("Vamos começar!")
    await look.at("number")
    await phone.fill("Número de celular com DDD", "123")
    await phone.press("Seguinte")
    await look.at("number-wrong")
    await phone.fill("Número de celular com DDD", "31999991234")
    await phone.press("Seguinte")
    await look.at("confirm-number")
    await phone.press("Confirmar")
    await look.at("ask-code")
    await phone.press("Pedir código de confirmação")
    await phone.at("code")
    await phone.enter_code("000000")
    await phone.expect_text("Restam 4 tentativas")
    await look.at("code-wrong")
    await phone.enter_code(SMS_CODE)
    await phone.at("nickname")
    await look.at("nickname")
    await phone.fill("Apelido", "Celular da Maria")
    await phone.press("Seguinte")
    await phone.at("notifications")
    await look.at("notifications")
    await phone.press("Agora não" if await phone.button("Agora não").count() else "Seguinte")
    await phone.at("credential")
    await look.at("credential")
    await phone.page.get_by_role("button", name="MARIA DA SILVA").click()
    await phone.at("pair-password")
    await look.at("pair-password")
    await phone.prove_password(PASSWORD)
    await phone.at("test")
    await look.at("test")
    await phone.press("Aprovar")
    await phone.at("ready")
    await look.at("ready")
    await phone.press("Ir para o início")
    await phone.at("home")
    await phone.expect_text("Conectado")
    await look.at("home")


async def _deciding(world: World, phone: PhoneScreens, look: Looks) -> None:
    world.gateway.ask_signature("Contrato de locação - Rua Visconde de Taunay, 173.pdf", "Anexo I - vistoria.pdf")
    await phone.open_waiting()
    await phone.page.get_by_text("Detalhes técnicos").click()
    await phone.fill("Código de verificação", "99")
    await phone.fill("Senha de uso", "Errada999")
    await phone.press("Mostrar senha")
    await phone.press("Aprovar")
    await phone.expect_text("Restam 2 tentativas")
    await look.at("approval-details")
    await phone.press("Recusar")
    await phone.at("refusal")
    await look.at("refusal")
    await phone.page.get_by_role("button", name="Não fui eu").click()
    await phone.at("refused")
    await look.at("refused")
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await look.at("approval-new")
    await phone.approve(PASSWORD, "27")
    await look.at("approved")
    await phone.finish()
    caller = {"kind": "integrator", "id": world.gateway.hospital, "name": "Hospital Exemplo"}
    world.gateway.ask_session(caller=caller, session_key=[])
    await phone.open_waiting()
    await look.at("session")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Marque que você entendeu")
    await look.at("session-unticked")
    await phone.page.get_by_role("checkbox").check()
    await phone.press("Lá não aparece nenhum código")
    await phone.page.get_by_role("checkbox").last.check()
    await look.at("session-no-code")
    await phone.approve(PASSWORD)
    await look.at("session-approved")
    world.gateway.open_session()
    world.gateway.open_session("Hospital Exemplo", caller=caller, with_key=False)
    await phone.finish()
    await phone.page.get_by_role("button", name="Sessões abertas").click()
    await phone.at("sessions")
    await phone.expect_text("Sistema sem chave própria")
    await look.at("sessions")
    await phone.press("Encerrar: Notebook da Maria")
    await phone.at("end-session")
    await look.at("end-session")
    world.gateway.sessions.clear()
    await phone.page.go_back()
    await phone.at("home")
    world.gateway.show_link("K7M2P-9XQ4T")
    await phone.press("Digitar código")
    await look.at("by-hand")
    await phone.fill("Código", "K7M2P-9XQ4T")
    await phone.press("Confirmar")
    await phone.at("association")
    await look.at("association")
    await phone.approve_association()
    await look.at("check-code")
    await phone.finish()
    world.gateway.show_link("00000-00000", "identify")
    await phone.type_code("00000-00000")
    await look.at("identification")
    await phone.page.go_back()
    await phone.at("home")
    world.gateway.ask_who("0427")
    world.gateway.ring()
    await phone.at("identification")
    await phone.press("Aprovar")
    await look.at("identification-number")
    await phone.refuse()
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.page.go_back()
    await phone.at("home")
    await phone.expect_text("Esperando por você")
    await look.at("home-waiting")
    world.gateway.documents.clear()
    world.gateway.warn()
    world.gateway.warn(hours=None, phone=None)
    await phone.expect_text("Certificado bloqueado para sempre")
    await look.at("home-warned")
    for _ in range(2):
        await phone.page.get_by_role("button", name="Entendi").first.click()
    await phone.page.locator(".warning").first.wait_for(state="detached")
    world.gateway.locked = Refusal(423, "credential_locked", retry_after=10_700)
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("bloqueado por segurança até")
    await look.at("approval-locked")
    world.gateway.locked = None
    await phone.page.go_back()
    await phone.at("home")
    world.gateway.documents.clear()


async def _keeping(world: World, phone: PhoneScreens, look: Looks) -> None:
    await phone.page.get_by_role("button", name="Computadores").click()
    await phone.expect_text("Nenhum computador associado")
    await look.at("computers-none")
    await phone.page.go_back()
    world.gateway.computers = [
        {
            "id": new_id("cmp"),
            "name": name,
            "os": "Debian GNU/Linux 12",
            "since": "2026-11-20T12:00:00Z",
            "last_used": used,
            "credentials": [],
        }
        for name, used in (("Notebook da Maria", "2026-11-22T15:30:00Z"), ("PC-RECEPCAO-01", None))
    ]
    await phone.page.get_by_role("button", name="Computadores").click()
    await phone.expect_text("PC-RECEPCAO-01")
    await look.at("computers")
    await phone.press("Mudar nome: Notebook da Maria")
    await look.at("rename-computer")
    await phone.fill("Nome para você", "Computador do consultório")
    await phone.press("Confirmar")
    await phone.expect_text("Nome no computador: Notebook da Maria")
    await look.at("computers-renamed")
    await phone.press("Remover: PC-RECEPCAO-01")
    await phone.at("remove-computer")
    await look.at("remove-computer")
    await phone.page.go_back()
    await phone.at("home")
    await _consenting(world, phone, look)
    await _possessing(world, phone, look)
    await _admitting(world, phone, look)
    await _protecting(world, phone, look)
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.at("device")
    await look.at("device")
    await phone.press("Desvincular este celular")
    await phone.at("unpair")
    await look.at("unpair")
    await phone.page.go_back()
    await phone.at("home")
    await phone.press("Ler QR Code")
    await phone.expect_text("Digite o código que aparece")  # no camera in this browser
    await look.at("scan-no-camera")


async def _consenting(world: World, phone: PhoneScreens, look: Looks) -> None:
    world.gateway.explicit = True
    world.gateway.ask_consent()
    await phone.open_waiting()
    await look.at("consent")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Marque que você entendeu")
    await look.at("consent-unticked")
    await phone.page.get_by_role("checkbox").check()
    await phone.approve(PASSWORD)
    await look.at("consent-given")
    world.gateway.give_consent()
    world.gateway.give_consent("Cartório Digital", maximum=1, used=0, last_used=None, purpose="")
    await phone.finish()
    await phone.page.get_by_role("button", name="Autorizações").click()
    await phone.expect_text("Cartório Digital")
    await look.at("consents")
    await phone.press("Encerrar: Cartório Digital")
    await phone.at("end-consent")
    await look.at("end-consent")
    await phone.page.go_back()
    await phone.page.get_by_role("button", name="Código para usar sem internet").click()
    await phone.expect_text("Ativar o código neste celular")
    await look.at("codes-none")
    await phone.press("Ativar o código neste celular")
    await phone.fill("Senha de uso", PASSWORD)
    await look.at("set-up-codes")
    await phone.press("Ativar")
    await phone.expect_text("Muda em")
    await look.at("codes")
    await phone.page.go_back()
    await phone.at("home")
    world.gateway.warn(kind="consent_ended", phone=None)
    await phone.expect_text("Autorização encerrada")
    await look.at("home-explicit")
    world.gateway.warnings.clear()
    world.gateway.consents.clear()
    world.gateway.explicit = False
    await phone.page.reload()
    await phone.at("home")


async def _possessing(world: World, phone: PhoneScreens, look: Looks) -> None:
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.expect_text("Você só tem este celular.")
    await look.at("phones-alone")
    await phone.press("Ter outro celular")
    await look.at("another-phone")
    await phone.page.go_back()
    world.gateway.other_phone()
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.expect_text("Celular antigo")
    await look.at("phones")
    await phone.press("Remover: Celular antigo")
    await look.at("remove-phone")
    await phone.page.go_back()
    world.gateway.was_asked("Contrato de locação - Rua Visconde de Taunay, 173.pdf", "Anexo I - vistoria.pdf")
    world.gateway.was_asked("recibo.pdf", state="refused", ago=200_000, phone="Celular antigo", here=False)
    world.gateway.was_asked(
        type="session", ago=300_000, purpose="Prontuários do plantão", maximum=200, used=17,
        until=int(time.time()) - 200_000, documents=None,
    )  # fmt: skip
    await phone.page.get_by_role("button", name="Histórico").click()
    await phone.expect_text("até 200 assinaturas")
    await look.at("history")
    await phone.page.get_by_role("button", name="Detalhes").first.click()
    await phone.at("past")
    await look.at("past")
    await phone.page.go_back()
    await phone.page.get_by_role("button", name="Bloquear tudo").click()
    await phone.at("block")
    await look.at("block")
    await phone.press("Bloquear tudo agora")
    await phone.at("blocked")
    await look.at("blocked")
    world.gateway.credentials[0]["valid_to"] = rfc3339(int(time.time()) + 12 * 86_400)
    world.gateway.warn(kind="credential_unblocked")
    await phone.finish()
    await phone.expect_text("Você poderá desbloquear neste celular")
    await phone.expect_text("foi desfeito, com a senha de uso")
    await look.at("home-blocked")
    for block in world.gateway.blocks.values():
        block["from"] = block["since"]
    world.gateway.password_tries = 2
    await phone.page.reload()
    await phone.press("Desbloquear")
    await phone.expect_text("Alguém digitou a senha errada há pouco.")
    await look.at("unblock")
    world.gateway.blocks.clear()
    world.gateway.warnings.clear()
    await phone.page.go_back()
    await phone.at("home")


async def _admitting(world: World, phone: PhoneScreens, look: Looks) -> None:
    """A phone that waits: what the phone in use says and asks, and what the one that waits says of itself."""
    world.gateway.new_phone("iPhone da loja")
    await phone.expect_text("Um novo celular está esperando")
    await look.at("home-new-phone")
    await phone.press("Fui eu: liberar agora")
    await phone.expect_text("Libere só se ele está na sua mão")
    await look.at("admit")
    await phone.press("Liberar")
    await phone.at("admitted")
    await look.at("admitted")
    await phone.finish()
    await phone.page.locator(".warning").first.wait_for(state="detached")
    world.gateway.new_phone("iPhone da loja")
    await phone.expect_text("Um novo celular está esperando")  # it pushes down what is below
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.expect_text("Em espera: poderá aprovar a partir de")
    await look.at("phones-waiting")
    await phone.page.go_back()
    await phone.press("Não fui eu")
    await phone.expect_text("Nada foi assinado por ele")
    await look.at("turn-away")
    await phone.press("Não fui eu: remover")
    await phone.at("sent-away")
    await look.at("sent-away")
    await phone.finish()
    await phone.page.locator(".warning").first.wait_for(state="detached")
    world.gateway.new_phone("iPhone da loja", hours=-1)
    [credential, *_] = world.gateway.bindings
    world.gateway.bindings[credential] = "waiting"
    world.gateway.waits_until = rfc3339(int(time.time()) + 86_400)
    await phone.page.reload()
    await phone.expect_text("Este celular ainda não aprova")
    await phone.expect_text("Ele pode aprovar assinaturas desde")
    await look.at("home-held")
    world.gateway.bindings[credential] = "active"
    world.gateway.warnings.clear()
    world.gateway.warn(kind="credential_blocked")
    await phone.page.reload()
    await phone.expect_text("Tudo foi bloqueado")
    await look.at("home-blocked-elsewhere")
    world.gateway.warnings.clear()
    await phone.page.reload()
    await phone.at("home")


async def _protecting(world: World, phone: PhoneScreens, look: Looks) -> None:
    """The screen lock: offered, turned on, asked for, not given, turned off."""
    lock = await Authenticator.of(phone.page)
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.press("Proteger com a tela de bloqueio")
    await phone.at("protect")
    await look.at("protect")
    await phone.press("Continuar")
    await phone.at("confirm-protect")
    await look.at("confirm-protect")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Ligar a proteção")
    await phone.at("protected")
    await look.at("protected")
    await phone.finish()
    await lock.tell("setUserVerified", isUserVerified=False)
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Você não confirmou com a tela de bloqueio")
    await look.at("approval-not-unlocked")
    await lock.tell("setUserVerified", isUserVerified=True)
    await phone.approve(PASSWORD)
    await phone.finish()
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.expect_text("Pedida a cada aprovação")
    await look.at("device-protected")
    await phone.press("Desligar esta proteção")
    await phone.at("confirm-unprotect")
    await look.at("confirm-unprotect")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Desligar esta proteção")
    await phone.at("unprotected")
    await look.at("unprotected")
    await phone.finish()


@pytest.mark.parametrize(("width", "height", "scheme"), [(390, 844, "light"), (1280, 800, "light"), (390, 844, "dark")])
async def test_every_screen_of_the_emission(world: World, width: int, height: int, scheme: str) -> None:
    """A visit to the emission page, looked at screen by screen."""
    world.chromium.expect_trouble("403")
    page = await world.chromium.page(width=width, height=height, color_scheme=scheme)
    look = Looks(world, page, f"emissao-{width}-{scheme}")
    emission = EmissionScreens(page, world.app)
    await emission.open()
    await look.at("identify")
    await emission.identify(PROTOCOL, CPF, "Errada9999")
    await emission.expect_text("não conferem")
    await look.at("identify-wrong")
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.at("term")
    await look.at("term")
    await emission.agree()
    await emission.choose_password("Senha1234")
    await emission.expect_text("Escolha outra")
    await look.at("password-weak")
    await emission.choose_password("Cacto8Vidro2", "Cacto8Vidro")
    await emission.expect_text("igual nos dois campos")
    await look.at("password")
    world.gateway.lose_answers = 1
    world.chromium.expect_trouble("503")
    await emission.choose_password("Cacto8Vidro2")
    await emission.at("progress")
    await look.at("progress")
    await emission.at("success")
    await page.locator(".qr svg").wait_for(state="attached")
    await look.at("success")
    assert not look.found, "\n".join(look.found)


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
async def test_the_page_that_a_system_camera_opens(world: World, width: int, height: int) -> None:
    """It runs no script, sends nothing to anybody and says what to do."""
    page = await world.chromium.page(width=width, height=height)
    await page.goto(f"{world.app}/l#1.token.5.mac")
    look = Looks(world, page, f"{width}-light")
    await look.at("outside")
    assert await page.locator("script").count() == 0
    assert world.gateway.calls == []
    assert not look.found, "\n".join(look.found)
