"""Sessions on the phone: what is allowed stands large, without a key it is said twice, an end is one button away."""

from __future__ import annotations

import re
import time

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, rfc3339
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

INTEGRATOR = {"kind": "integrator", "name": "Hospital Exemplo"}
TICK = "Entendi o risco e confio neste sistema para assinar em meu nome durante a sessão."


async def test_a_session_is_shown_and_approved(world: World) -> None:
    """Who, how many, until when in words, what for, and the code; the plain yes, with the password."""
    phone = await world.paired()
    asked = world.gateway.ask_session()
    assert await phone.open_waiting() == "approval"
    for text in (
        "Abrir sessão de assinaturas?", "Notebook da Maria", "até 2.500 assinaturas", "(8 horas)",
        "Prontuários do plantão", "Você vê exatamente o que permite", "os documentos não aparecem aqui um por um",
    ):  # fmt: skip
        await phone.expect_text(text)
    assert await phone.verification_code() == "27"
    await expect(phone.page.get_by_role("checkbox")).to_have_count(0)
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"
    await phone.finish()
    await phone.expect_text("Sessão de assinaturas")


async def test_without_a_key_the_holder_says_so_expressly(world: World) -> None:
    """The warning stands there; without the tick nothing is sent, with it the decision is the other word."""
    phone = await world.paired()
    asked = world.gateway.ask_session(caller={"id": world.gateway.hospital, **INTEGRATOR}, session_key=[], purpose="")
    await phone.open_waiting()
    await phone.expect_text("Este sistema não tem chave própria")
    await phone.expect_text("(não informado)")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Marque que você entendeu, ou recuse.")
    assert world.gateway.documents[asked].decision is None
    box = phone.page.get_by_role("checkbox", name=TICK)
    await expect(box).to_be_focused()
    await box.check()
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve:without-key"


async def test_a_refusal_needs_neither_tick_nor_password(world: World) -> None:
    """ "Não fui eu" is one step away, as with every request."""
    phone = await world.paired()
    asked = world.gateway.ask_session(caller={"id": new_id("cli"), **INTEGRATOR}, session_key=[])
    await phone.open_waiting()
    await phone.refuse("Não fui eu que pedi")
    assert world.gateway.documents[asked].decision == "refuse:not-me"


async def test_open_sessions_are_listed_and_ended(world: World) -> None:
    """From home: who, how far, until when, in the last hour to the second; ended after one question; then the list says
    so. One that is over meanwhile says that, and needs no end."""
    phone = await world.paired()
    world.gateway.open_session()
    world.gateway.open_session("Hospital Exemplo", caller=INTEGRATOR, with_key=False, maximum=1, used=0)
    for name, seconds in (("Cartório", 1800), ("Clínica", 0)):
        world.gateway.open_session(name, until=rfc3339(int(time.time()) + seconds))
    await phone.page.reload()
    await phone.expect_text("4 abertas")
    await phone.page.get_by_role("button", name="Sessões abertas").click()
    await phone.at("sessions")
    for text in ("17 de 2.500 assinaturas usadas", "(3 horas)", "Sistema sem chave própria", "0 de 1 assinatura usada"):
        await phone.expect_text(text)
    ticking = phone.page.get_by_text(re.compile(r"\((30:00|29:\d\d)\)"))
    before = await ticking.inner_text()
    await expect(ticking).not_to_have_text(before)
    await phone.expect_text("Terminou")
    await expect(phone.button("Encerrar: Clínica")).to_have_count(0)
    del world.gateway.sessions[2:]
    await phone.press("Encerrar: Notebook da Maria")
    await phone.at("end-session")
    await phone.expect_text("O que já foi assinado continua valendo.")
    await phone.press("Cancelar")
    await phone.at("sessions")
    assert len(world.gateway.sessions) == 2
    await phone.press("Encerrar: Notebook da Maria")
    await phone.press("Encerrar")
    await phone.expect_text("Sessão encerrada.")
    assert [one["caller"]["name"] for one in world.gateway.sessions] == ["Hospital Exemplo"]


async def test_whoever_has_none_sees_no_such_row(world: World) -> None:
    """Home stays as it is for those who never heard the word."""
    phone = await world.paired()
    await phone.at("home")
    while not any(call.endswith("/sessions") for call in world.gateway.calls):
        await phone.page.wait_for_timeout(20)
    await expect(phone.page.get_by_text("Sessões abertas")).to_have_count(0)


async def test_a_session_beyond_the_limits_is_never_shown(world: World) -> None:
    """Whatever signed it: more signatures than a session may have are discarded, and people are told."""
    phone = await world.paired()
    world.gateway.ask_session(maximum=100_001)
    await phone.expect_text("não pôde ser conferido e foi descartado")
    assert await phone.at("home") == "home"
