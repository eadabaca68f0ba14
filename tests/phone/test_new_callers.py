"""A request from somewhere new: its code is typed, not shown, so that a yes costs a look at the screen that asks."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

NEW = "Primeira vez neste celular"
CODE = "Código de verificação"


async def expect_new(phone: PhoneScreens) -> None:
    """The screen asks for the code and shows it nowhere."""
    await phone.expect_text(NEW)
    await expect(phone.page.locator(".big-code")).to_have_count(0)


async def test_the_code_of_a_new_caller_is_typed(world: World) -> None:
    """Nothing is sent without it; a wrong one is told, and going away buys no more tries; the right one makes the
    caller known, for this certificate, until the holder says "não fui eu"."""
    phone = await world.paired(knows=False)
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    await expect_new(phone)
    await phone.fill("Senha de uso", PASSWORD)
    for typed, words in (
        ("", "Digite os números que aparecem"), ("7", "Digite os números que aparecem"),
        ("abc", "Digite os números que aparecem"), ("28", "Restam 2 tentativas"),
    ):  # fmt: skip
        await phone.fill(CODE, typed)
        await phone.press("Aprovar")
        await phone.expect_text(words)
        await expect(phone.page.get_by_label(CODE)).to_be_focused()
    await phone.page.go_back()
    await phone.open_waiting()
    await phone.fill(CODE, "029")
    await phone.press("Aprovar")
    await phone.expect_text("Resta 1 tentativa.")
    assert world.gateway.documents[asked].decision is None
    await phone.approve(PASSWORD, " 2 7 ")
    assert world.gateway.documents[asked].decision == "approve"
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    assert await phone.verification_code() == "27"
    await phone.refuse("Não fui eu que pedi")
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await expect_new(phone)


async def test_three_wrong_codes_leave_the_no(world: World) -> None:
    """Then no yes is possible, also after going away. An application that shows no code is approved by an act of its
    own; a computer's program always shows one."""
    phone = await world.paired(knows=False)
    caller = {"kind": "integrator", "id": world.gateway.hospital, "name": "Hospital Exemplo"}
    asked = world.gateway.ask_signature(caller=caller)
    await phone.open_waiting()
    await expect_new(phone)
    for typed in ("28", "29", "30"):
        await phone.fill(CODE, typed)
        await phone.press("Aprovar")
        await phone.expect_text({"28": "Restam 2", "29": "Resta 1", "30": "Foram três"}[typed])
    for _ in range(2):
        await phone.expect_text("Foram três códigos errados")
        await expect(phone.button("Aprovar")).to_have_count(0)
        await phone.page.go_back()
        await phone.open_waiting()
    await phone.refuse("O conteúdo está errado")
    await phone.finish()
    assert world.gateway.documents[asked].decision == "refuse:wrong-content"
    asked = world.gateway.ask_signature(caller=caller)
    await phone.open_waiting()
    await phone.press("Lá não aparece nenhum código")
    await phone.expect_text("por telefone ou mensagem, recuse: é golpe")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Marque que foi você, ou recuse.")
    assert world.gateway.documents[asked].decision is None
    await phone.page.get_by_role("checkbox").check()
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"
    await phone.finish()
    world.gateway.ask_session()
    await phone.open_waiting()
    await expect_new(phone)
    await expect(phone.button("Lá não aparece nenhum código")).to_have_count(0)
