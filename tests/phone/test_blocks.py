""" "Bloquear tudo" on the phone: one press and one question, home says so from then on, and the way back is plain."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import Page, expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, rfc3339
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_blocked_and_unblocked(world: World) -> None:
    """Press, confirm, told how to undo; home shows it and offers no way before its time; then the password opens it."""
    world.chromium.expect_trouble("403")
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Bloquear tudo").click()
    await phone.at("block")
    await phone.press("Cancelar")
    await phone.at("home")
    assert not world.gateway.blocks
    await phone.page.get_by_role("button", name="Bloquear tudo").click()
    await phone.press("Bloquear tudo agora")
    await phone.at("blocked")
    await phone.expect_text("Você poderá desbloquear neste celular a partir de")
    assert len(world.gateway.blocks) == 1
    await phone.press("Concluir")
    await phone.expect_text("Certificado bloqueado")
    await phone.expect_text("Você poderá desbloquear neste celular a partir de")
    await expect(phone.button("Desbloquear")).to_have_count(0)

    for block in world.gateway.blocks.values():
        block |= {"since": rfc3339(int(time.time()) - 3601), "from": rfc3339(int(time.time()) - 1)}
    await phone.page.reload()
    await phone.press("Desbloquear")
    await phone.at("unblock")
    await phone.fill("Senha de uso", "Errada999")
    await phone.press("Desbloquear")
    await phone.expect_text("Senha incorreta. Restam 2 tentativas antes do bloqueio.")
    assert world.gateway.blocks
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Desbloquear")
    await phone.at("unblocked")
    assert not world.gateway.blocks
    await phone.press("Concluir")
    await phone.at("home")
    await expect(phone.page.get_by_text("Certificado bloqueado")).to_have_count(0)


async def tab_to(page: Page, words: str) -> None:
    """With nothing but the Tab key, to the control that begins with these words."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if str(await page.evaluate("document.activeElement.innerText.trim()")).startswith(words):
            return
    raise AssertionError(f"no way to {words!r} by keyboard")


async def test_by_keyboard_alone(world: World) -> None:
    """From home to everything blocked without a pointer, each screen beginning at its heading; a press that fails for
    want of a network says so, and the next one works."""
    world.chromium.expect_trouble("ERR_INTERNET_DISCONNECTED")
    phone = await world.paired()
    page = phone.page
    await tab_to(page, "Bloquear tudo")
    await page.keyboard.press("Enter")
    await phone.at("block")
    assert await page.evaluate("document.activeElement.tagName + document.activeElement.innerText") == (
        "H1Bloquear tudo?"
    )
    await page.context.set_offline(True)
    await tab_to(page, "Bloquear tudo agora")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Sem conexão com o Link ID")
    await page.context.set_offline(False)
    await page.keyboard.press("Enter")  # the focus is where it was
    await phone.at("blocked")
    assert world.gateway.blocks


async def test_blocked_on_another_phone(world: World) -> None:
    """The warning says from which phone; the card, that it is undone there; no button pretends otherwise."""
    phone = await world.paired()
    world.gateway.blocks[world.gateway.credentials[0]["id"]] = {
        "since": rfc3339(int(time.time())), "here": False, "from": None,
    }  # fmt: skip
    world.gateway.warn(hours=None, kind="credential_blocked")
    await phone.expect_text("Tudo foi bloqueado")
    await phone.expect_text("Celular antigo")
    await phone.page.reload()
    await phone.expect_text("Ele foi bloqueado em outro lugar.")
    await expect(phone.button("Desbloquear")).to_have_count(0)
    await phone.press("Entendi")
    world.gateway.warn(hours=None, kind="credential_unblocked")
    await phone.expect_text("Alguém conhece a sua senha de uso.")
    world.gateway.warn(hours=None, kind="something_new")  # a newer gateway's
    await phone.page.reload()
    await phone.expect_text("Alguém conhece a sua senha de uso.")
    await expect(phone.page.locator(".warning")).to_have_count(2)


async def test_a_document_about_another_certificate_is_not_answered(world: World) -> None:
    """A gateway that puts another certificate's document in the place of the one chosen is found out before a password
    is typed; one that the SAM did not sign as well."""
    phone = await world.paired()
    asked = world.gateway.credentials[0]["id"]
    world.gateway.blocks[asked] = {"since": rfc3339(1_700_000_000), "here": True, "from": rfc3339(1_700_003_600)}
    await phone.page.reload()
    for lie in ({"credential": new_id("cred")}, {"device_key": "A" * 43}):
        add = world.gateway.add
        world.gateway.add = lambda *a, lie=lie, add=add, **k: add(*a, **{**k, **lie})  # type: ignore[method-assign]
        await phone.press("Desbloquear")
        await phone.at("unblock")
        await expect(phone.page.get_by_role("alert").first).to_be_visible()
        await expect(phone.page.get_by_label("Senha de uso", exact=True)).to_have_count(0)
        world.gateway.add = add  # type: ignore[method-assign]
        await phone.page.go_back()
        await phone.at("home")
    assert world.gateway.blocks


async def test_not_me_says_how_it_is_undone(world: World) -> None:
    """After "não fui eu": what it did, who lifts it, and the panic block one press away."""
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.refuse("Não fui eu que pedi")
    await phone.expect_text("não pode mais pedir assinaturas com este certificado")
    await phone.expect_text("Foi engano?")
    await phone.press("Bloquear tudo")
    await phone.at("block")
