"""A phone that waits: the phone in use says so and answers, over the SAM's bytes alone; the other one says so too."""

from __future__ import annotations

import time

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import rfc3339
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_it_was_not_me(world: World) -> None:
    """The notice names the phone, as text; one press and one question, without the password, send it away; what to do
    next is said, with "Bloquear tudo" beside it."""
    phone = await world.paired()
    world.gateway.new_phone("<img src=x onerror=alert(1)>")
    card = phone.page.locator(".warning")
    await expect(card).to_contain_text("Um novo celular está esperando")
    await expect(card).to_contain_text("<img src=x onerror=alert(1)> foi vinculado ao seu certificado")
    await expect(card).to_contain_text("ele poderá aprovar assinaturas a partir de")
    await phone.press("Não fui eu")
    await phone.at("turn-away")
    await phone.press("Não fui eu: remover")
    await phone.at("sent-away")
    await phone.expect_text("sabe a sua senha de uso")
    await expect(phone.button("Bloquear tudo")).to_be_visible()
    assert world.gateway.others == []
    await phone.press("Concluir")
    await expect(card).to_have_count(0)


async def test_it_was_me(world: World) -> None:
    """The other phone is let in at once, and the list of phones shows until when it would have waited."""
    phone = await world.paired()
    other = world.gateway.new_phone("Celular novo")
    await phone.press("Fui eu: liberar agora")
    await phone.at("admit")
    await phone.expect_text("Celular novo")
    await phone.press("Cancelar")
    await phone.at("home")
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.expect_text("Em espera: poderá aprovar a partir de")
    await phone.page.go_back()
    await phone.press("Fui eu: liberar agora")
    await phone.press("Liberar")
    await phone.at("admitted")
    assert f"POST /phone/v1/devices/{other}/admission" in world.gateway.calls


@pytest.mark.parametrize("lie", [{"device": new_id("dev")}, {"device": 7}, {"nickname": None}])
async def test_bytes_about_another_phone_are_not_answered(world: World, lie: dict[str, object]) -> None:
    """Whatever the notice said: a statement about another phone, or that cannot be read, shows no question."""
    phone = await world.paired()
    world.gateway.new_phone("Celular novo")
    world.gateway.admission_lies = lie
    await phone.press("Fui eu: liberar agora")
    await phone.at("admit")
    await expect(phone.page.get_by_role("alert")).to_be_visible()
    await expect(phone.button("Liberar")).to_have_count(0)


async def test_the_phone_that_waits_says_so(world: World) -> None:
    """Until when, why, and how it goes faster."""
    phone = await world.paired()
    [credential] = world.gateway.bindings
    world.gateway.bindings[credential] = "waiting"
    world.gateway.waits_until = rfc3339(int(time.time()) + 86_400)
    await phone.page.reload()
    await phone.expect_text("Este celular ainda não aprova")
    await phone.expect_text("Para a sua segurança, ele poderá aprovar assinaturas a partir de amanhã às")
    await phone.expect_text("Em espera")


async def test_a_wait_that_is_over(world: World) -> None:
    """Nothing is offered that cannot be any more: when it began to approve is said, and "Bloquear tudo" is near."""
    phone = await world.paired()
    world.gateway.new_phone("iPhone", hours=-1)
    await expect(phone.page.locator(".warning")).to_contain_text("Um novo celular já aprova")
    await expect(phone.page.locator(".warning")).to_contain_text("Ele pode aprovar assinaturas desde")
    await expect(phone.page.locator(".warning")).to_contain_text("remova esse celular em “Celulares”")
    await expect(phone.button("Fui eu: liberar agora")).to_have_count(0)
