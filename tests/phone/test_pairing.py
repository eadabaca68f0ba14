"""A phone is paired in the manual's order, and nothing wrong on the way binds it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, SMS_CODE
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_from_the_first_screen_to_ready(world: World) -> None:
    """Number, SMS code, nickname, notices, usage password and the test lead home, and the credential is active."""
    phone = await world.paired()
    assert set(world.gateway.bindings.values()) == {"active"}
    assert world.gateway.nickname == "Celular da Maria"
    await phone.expect_text("Conectado")
    await phone.expect_text("MARIA DA SILVA")
    await phone.expect_text("Pessoa física · Válido até")


async def test_going_to_the_sms_and_back_loses_nothing(world: World) -> None:
    """A browser that was closed while the SMS was read opens again where it was."""
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.page.close()
    phone.page = await phone.page.context.new_page()
    await phone.open()
    await phone.at("code")
    await phone.expect_text("(31) 99999-1234")
    await phone.enter_code(SMS_CODE)
    await phone.at("nickname")


async def test_a_wrong_code_says_how_many_tries_are_left(world: World) -> None:
    """A wrong code is told with the tries left, and the last one leads back to the number."""
    world.chromium.expect_trouble("403", "410")
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code("000000")
    await phone.expect_text("Restam 4 tentativas")
    await expect(phone.page.get_by_label("Código de confirmação")).to_be_focused()
    world.gateway.code_tries = 1
    await phone.enter_code("000001")
    await phone.at("number")
    await phone.expect_text("Muitas tentativas erradas")


async def test_a_code_that_is_no_code_is_not_sent(world: World) -> None:
    """Five digits do not cost a try."""
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code("12345")
    await phone.expect_text("O código tem 6 números.")
    assert not any(call.endswith("/code") for call in world.gateway.calls)


async def test_another_code_can_be_asked_for_only_after_the_wait(world: World) -> None:
    """The resend button counts down, and sends once it may."""
    world.gateway.leeway = 120  # the phone's clock is put forward
    phone = await world.phone()
    await phone.page.clock.install()
    await phone.open()
    await phone.ask_for_code("31999991234")
    again = phone.page.get_by_role("button", name=re.compile("Enviar outro código"))
    await expect(again).to_be_disabled()
    await phone.page.clock.run_for(31_000)
    await expect(again).to_be_enabled()
    await again.click()
    await phone.expect_text("Enviamos um código novo")
    assert any(call.endswith("/resend") for call in world.gateway.calls)


async def test_a_wrong_usage_password_binds_nothing(world: World) -> None:
    """A wrong password is told with the tries left; the right one afterwards goes on."""
    world.chromium.expect_trouble("403")
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code(SMS_CODE)
    await phone.name_it("Celular da Maria")
    await phone.prove_password("Errada999")
    await phone.expect_text("Restam 2 tentativas")
    assert world.gateway.bindings == {}
    await phone.prove_password(PASSWORD)
    await phone.approve_test()


async def test_one_of_several_certificates_is_chosen(world: World) -> None:
    """With several certificates people choose; a revoked one cannot be chosen; another can be added later."""
    world.gateway.credentials += [
        {**world.gateway.credentials[0], "id": new_id("cred"), "subject": "ACME LTDA:12345678000190"},
        {**world.gateway.credentials[0], "id": new_id("cred"), "subject": "VELHO", "state": "revoked"},
    ]
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code(SMS_CODE)
    await phone.name_it("Celular da Maria")
    await phone.at("credential")
    await expect(phone.page.get_by_role("button", name="VELHO")).to_be_disabled()
    await phone.prove_password(PASSWORD, "ACME LTDA")
    await phone.approve_test()
    await phone.press("Vincular outro certificado")
    await phone.prove_password(PASSWORD, "MARIA DA SILVA")
    await phone.approve_test()
    assert sorted(world.gateway.bindings.values()) == ["active", "active"]


async def test_a_gateway_that_offers_another_certificate_is_found_out(world: World) -> None:
    """The SAM's document names another subject than the one chosen from the gateway's list: no password leaves."""
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code(SMS_CODE)
    await phone.name_it("Celular da Maria")
    await phone.at("pair-password")
    world.gateway.credentials[0]["subject"] = "OUTRA PESSOA"
    await phone.prove_password(PASSWORD)
    await phone.expect_text("não foi assinado pelo Link ID")
    assert not any(call.endswith("/decision") for call in world.gateway.calls)


async def test_without_streams_the_test_comes_by_asking(world: World) -> None:
    """When the live channel does not get through, polling finds the test."""
    world.chromium.expect_trouble("503")
    world.gateway.live_fails = True
    await world.paired()


async def test_a_number_without_certificates_says_what_to_do(world: World) -> None:
    """No certificate for the number is an answer with a next step, not a dead end."""
    world.gateway.credentials = []
    phone = await world.phone()
    await phone.ask_for_code("31999991234")
    await phone.enter_code(SMS_CODE)
    await phone.name_it("Celular da Maria")
    await phone.at("no-credential")
    await phone.press("Tentar de novo")
    await phone.at("number")


async def test_notices_can_be_allowed(world: World) -> None:
    """A phone whose browser already allows notices is not asked again."""
    phone = await world.phone(permissions=["notifications"])
    await phone.ask_for_code("31999991234")
    await phone.enter_code(SMS_CODE)
    await phone.name_it("Celular da Maria")
    await phone.at("pair-password")


async def test_a_phone_that_is_unpaired_forgets_everything(world: World) -> None:
    """Unpairing deletes key and token here and tells the gateway."""
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.press("Desvincular este celular")
    await phone.at("unpair")
    await phone.press("Desvincular este celular")
    await phone.at("welcome")
    assert world.gateway.key is None
    kept = await phone.page.evaluate("indexedDB.databases().then(all => all.length)")
    assert kept == 1  # the key of a phone that was never paired


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Safari/604.1"


async def test_an_iphone_pairs_in_the_installed_app_alone(world: World) -> None:
    """In its browser the app says how it is installed, and does not begin; opened by its icon it begins."""
    phone = await world.phone(user_agent=IPHONE)
    await phone.expect_text("Primeiro, instale o Link ID")
    await phone.expect_text("Adicionar à Tela de Início")
    await expect(phone.button("Vamos começar!")).to_have_count(0)
    await phone.page.context.add_init_script("Object.defineProperty(navigator, 'standalone', {get: () => true})")
    await phone.page.reload()
    await phone.press("Vamos começar!")
    await phone.at("number")


async def test_the_ninth_digit_is_offered(world: World) -> None:
    """A number of before 2016 leads to the same with its 9, after one press; no other one is ever put in its place."""
    world.chromium.expect_trouble("400")
    world.gateway.suggestions = {"+553199991234": "+5531888881234"}
    phone = await world.phone()
    await phone.press("Vamos começar!")
    await phone.fill("Número de celular com DDD", "(31) 9999-1234")
    await phone.press("Seguinte")
    await phone.press("Confirmar")
    await phone.press("Pedir código de confirmação")
    await phone.expect_text("Este número não parece ser um celular")
    world.gateway.suggestions = {"+553199991234": "+5531999991234"}
    await phone.press("Pedir código de confirmação")
    await phone.expect_text("Parece que falta o 9")
    await phone.press("Usar (31) 99999-1234")
    await phone.at("confirm-number")
    await phone.press("Confirmar")
    await phone.press("Pedir código de confirmação")
    await phone.at("code")
