"""Phones of a holder, what was asked before, and what is running out: found, understood, ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from joserfc.jwk import ECKey
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, rfc3339
from tests.sandbox_phone.roots import unb64u

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_phones_are_listed_and_sent_away(world: World) -> None:
    """Alone: a spare is advised, and how to have one; two: the other is removed after one question; this one is marked,
    and its own end says what that means."""
    world.chromium.expect_trouble("404")
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.at("phones")
    await phone.expect_text("Você só tem este celular.")
    await phone.press("Ter outro celular")
    await phone.at("another-phone")
    await phone.expect_text("Confirme com a sua senha de uso e aprove o teste.")
    await phone.press("Concluir")
    await phone.press("Desvincular: Celular da Maria")
    await phone.at("unpair")
    await phone.expect_text("É o seu único celular")
    await phone.page.go_back()
    await phone.at("home")

    gone = world.gateway.other_phone()
    world.gateway.other_phone("<b>Reserva</b>", state="trial", last_used=None)
    await phone.page.get_by_role("button", name="Celulares").click()
    await phone.expect_text("<b>Reserva</b>")
    await phone.expect_text("Ainda falta aprovar o teste nele")
    await expect(phone.page.get_by_text("Você só tem este celular.")).to_have_count(0)
    await phone.press("Remover: Celular antigo")
    await phone.at("remove-phone")
    await phone.expect_text("as sessões que ele abriu são encerradas na hora")
    await phone.press("Remover")
    await phone.expect_text("Celular removido.")
    assert gone not in [one["device"] for one in world.gateway.others]
    await phone.press("Remover: <b>Reserva</b>")
    world.gateway.others.clear()  # somebody else was faster
    await phone.press("Remover")
    await phone.expect_text("não está mais vinculado aos seus certificados")


async def test_history_and_its_evidence(world: World, tmp_path: Path) -> None:
    """By day, in pages, each with what became of it; what was answered has its evidence, which is handed over only when
    the SAM's root signed it."""
    phone = await world.paired()
    asked = world.gateway.was_asked("Contrato.pdf", "Anexo.pdf")
    world.gateway.was_asked("<i>recibo</i>.pdf", state="refused", ago=200, phone=None, here=False)
    world.gateway.was_asked(state="expired", ago=400)
    world.gateway.was_asked(
        state="approved", ago=200_000, type="session", purpose="Plantão", maximum=200, used=17,
        until=int(time.time()) - 100_000, documents=None, decision="approve:without-key",
    )  # fmt: skip
    world.gateway.past.append({"request": 7, "type": {}, "caller": {}})  # no entry at all
    await phone.page.get_by_role("button", name="Histórico").click()
    await phone.at("history")
    for text in ("Contrato.pdf e mais 1 documento", "Não fui eu", "<i>recibo</i>.pdf", "Sem resposta"):
        await phone.expect_text(text)
    await phone.press("Mostrar mais")
    await phone.expect_text("até 200 assinaturas")
    await expect(phone.button("Mostrar mais")).to_have_count(0)
    assert await phone.page.locator("main h2").count() == 2

    await phone.page.get_by_role("button", name="Detalhes: Notebook da Maria, Aprovado").first.click()
    await phone.at("past")
    await phone.expect_text("Anexo.pdf")
    async with phone.page.expect_download() as arriving:
        await phone.press("Baixar comprovante")
    await (await arriving.value).save_as(tmp_path / "kept.jws")
    said = json.loads(unb64u((tmp_path / "kept.jws").read_text().split(".")[1]))
    assert said == {"v": 1, "type": "evidence", "document": asked}
    assert asked in (await arriving.value).suggested_filename
    world.gateway.evidence_by = ECKey.generate_key("P-256")
    await phone.press("Baixar comprovante")
    await phone.expect_text("não foi assinado pelo Link ID e foi descartado")


async def test_a_lapsed_request_has_no_evidence(world: World) -> None:
    """Nobody answered: there is nothing to prove, and no button says otherwise. None at all: it says what will come."""
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Histórico").click()
    await phone.expect_text("Nenhum pedido até agora")
    await phone.page.go_back()
    world.gateway.was_asked(state="withdrawn")
    await phone.page.get_by_role("button", name="Histórico").click()
    await phone.page.get_by_role("button", name="Detalhes").click()
    await phone.expect_text("Cancelado")
    await expect(phone.button("Baixar comprovante")).to_have_count(0)


ENDS = {
    31: None, 30: "Vence em 30 dias.", 12: "Vence em 12 dias. Combine a renovação", 0: "Vence hoje.",
    1: "Vence em 1 dia. Peça já um novo", -1: "Venceu: não assina mais.",
}  # fmt: skip


async def test_certificates_that_run_out(world: World) -> None:
    """The days that are left; from thirty on it is said that it ends, from fifteen what to do, from five that it is
    urgent."""
    phone = await world.paired()
    for days, words in ENDS.items():
        world.gateway.credentials[0]["valid_to"] = rfc3339(int(time.time()) + days * 86_400 + 3600)
        await phone.page.reload()
        await phone.expect_text(words or f"Faltam {days} dias")
        if words is None:
            await expect(phone.page.locator(".ends")).to_have_count(0)


async def test_tries_left_stand_beside_the_password(world: World) -> None:
    """When somebody guessed lately, whoever types next knows how many are left before they type."""
    phone = await world.paired()
    world.gateway.password_tries = 1
    await phone.page.reload()
    await phone.expect_text("Conectado")
    await expect(phone.page.get_by_text("Nenhum associado")).to_be_visible()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.expect_text("Alguém digitou a senha errada há pouco. Resta 1 tentativa antes do bloqueio.")
    await phone.approve(PASSWORD)
