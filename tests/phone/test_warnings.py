"""A certificate that wrong passwords locked: this phone says so until its holder read it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_warning_rings_and_stays_until_dismissed(world: World) -> None:
    """It says which phone, until when and what to do; also after a reload, until it is dismissed, and then no more."""
    phone = await world.paired()
    warning = world.gateway.warn(phone="Celular <b>antigo</b>")
    shown = phone.page.locator(".warning")
    for _ in range(2):
        await expect(shown).to_contain_text("Certificado bloqueado")
        await expect(shown).to_contain_text("no celular Celular <b>antigo</b>.")
        await expect(shown).to_contain_text("Nada pode ser assinado com ele até")
        await expect(shown).to_contain_text("Não foi você? Alguém está com um celular seu")
        await phone.page.reload()
        await phone.at("home")
    async with phone.page.expect_response(lambda one: one.request.method == "DELETE"):
        await phone.press("Entendi")
        await expect(shown).to_have_count(0)
    assert f"DELETE /phone/v1/warnings/{warning}" in world.gateway.calls
    await phone.page.reload()
    await phone.at("home")
    await phone.expect_text("Conectado")
    await expect(shown).to_have_count(0)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"here": True, "phone": "Este"}, ("neste celular.", "Alguém usou este celular")),
        ({"phone": None}, ("em um dos celulares vinculados.", "Alguém está com um celular seu")),
        ({"hours": None}, ("Certificado bloqueado para sempre", "Nada mais pode ser assinado com ele.")),
        ({"hours": 24}, ("até amanhã às",)),
        ({"hours": -1}, ("O bloqueio terminou",)),
    ],
)
async def test_it_says_what_is_so(world: World, made: dict[str, object], words: tuple[str, ...]) -> None:
    """From here or elsewhere, for a while or for ever, going on or over."""
    phone = await world.paired()
    world.gateway.warn(**made)  # type: ignore[arg-type]
    for text in words:
        await expect(phone.page.locator(".warning")).to_contain_text(text)


async def test_what_is_not_ours_or_not_known_is_passed_over(world: World) -> None:
    """Of a certificate that this phone is not bound to, of a kind of tomorrow, or malformed: nothing is shown."""
    phone = await world.paired()
    for lie in (
        {"credential": new_id("cred")}, {"kind": "credential_stolen"}, {"since": "ontem"}, {"until": 5}, {"id": None},
    ):  # fmt: skip
        world.gateway.warn()
        world.gateway.warnings[0].update(lie)
    world.gateway.warnings.insert(0, "x")  # type: ignore[arg-type]
    good = world.gateway.warn(phone="O verdadeiro")
    await expect(phone.page.locator(".warning")).to_contain_text("O verdadeiro")
    assert await phone.page.locator(".warning").count() == 1
    assert good.startswith("wrn_")
