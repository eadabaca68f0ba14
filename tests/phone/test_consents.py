"""Consents and codes on the phone: danger before the yes, an end one button away, codes without a network."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest
from joserfc.jwk import ECKey
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD
from tests.sandbox_phone.roots import new_id
from tests.support.phone_screens import PhoneScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

TICK = "Entendi o risco e confio neste sistema com a minha senha."


def rfc6238(secret: bytes, at: float) -> str:
    """The code of a moment, by the RFC's own words and none of ours."""
    digest = hmac.digest(secret, (int(at) // 30).to_bytes(8, "big"), hashlib.sha256)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


async def shown_code(phone: PhoneScreens) -> str:
    """What the screen of codes shows."""
    return "".join((await phone.page.locator(".big-code-digits bdi").text_content() or "").split())


async def test_a_consent_costs_a_tick_of_its_own(world: World) -> None:
    """Who, how many, until when, and what it costs in plain words; without the tick nothing is sent."""
    phone = await world.paired()
    asked = world.gateway.ask_consent()
    assert await phone.open_waiting() == "approval"
    for text in (
        "Autorizar este sistema?", "Hospital Exemplo", "sem perguntar aqui no celular", "até 500 assinaturas",
        "(30 dias)", "vê a sua senha", "Os documentos não aparecem aqui",
    ):  # fmt: skip
        await phone.expect_text(text)
    assert await phone.verification_code() == "27"
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.expect_text("Marque que você entendeu, ou recuse.")
    assert world.gateway.documents[asked].decision is None
    await phone.page.get_by_role("checkbox", name=TICK).check()
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"
    await phone.expect_text("Sistema autorizado")


async def test_a_consent_beyond_all_limits_is_never_shown(world: World) -> None:
    """A computer's, for one: discarded, and people are told (the others: phone_app/test/codes.test.ts)."""
    phone = await world.paired()
    world.gateway.ask_consent(caller={"kind": "computer", "id": new_id("cmp"), "name": "Notebook"})
    await phone.expect_text("não pôde ser conferido e foi descartado")
    assert await phone.at("home") == "home"


async def test_consents_are_listed_and_ended(world: World) -> None:
    """From home: who, how far, until when; ended after one question; where nobody offers them there is no such row."""
    phone = await world.paired()
    await phone.expect_text("Conectado")
    await expect(phone.page.get_by_text("Autorizações")).to_have_count(0)
    world.gateway.explicit = True
    world.gateway.give_consent("Hospital <b>Exemplo</b>")
    world.gateway.give_consent("Cartório Digital", maximum=1, used=0, last_used=None)
    await phone.page.reload()
    await phone.page.get_by_role("button", name="Autorizações").click()
    await phone.at("consents")
    for text in (
        "Hospital <b>Exemplo</b>",
        "17 de 500 assinaturas usadas",
        "(12 dias)",
        "0 de 1 assinatura usada",
        "Ainda não usada",
    ):
        await phone.expect_text(text)
    await phone.press("Encerrar: Cartório Digital")
    await phone.at("end-consent")
    await phone.press("Encerrar")
    await phone.expect_text("Autorização encerrada.")
    assert [one["caller"]["name"] for one in world.gateway.consents] == ["Hospital <b>Exemplo</b>"]


async def test_codes_are_set_up_once_and_need_no_network(world: World) -> None:
    """With the password, and a wrong one is said; then, also after a start without network, the code of this moment."""
    world.chromium.expect_trouble("403", "ERR_INTERNET_DISCONNECTED")
    world.gateway.explicit = True
    phone = await world.paired()
    await phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await phone.page.get_by_role("button", name="Código para usar sem internet").click()
    await phone.press("Ativar o código neste celular")
    await phone.at("set-up-codes")
    await phone.fill("Senha de uso", "Errada999")
    await phone.press("Ativar")
    await phone.expect_text("Senha incorreta")
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Ativar")
    for offline in (False, True):
        if offline:
            await phone.page.context.set_offline(True)
            await phone.page.reload()
            await phone.page.get_by_role("button", name="Código para usar sem internet").click()
        await phone.at("codes")
        await phone.expect_text("Muda em")
        now = time.time()
        assert await shown_code(phone) in {rfc6238(world.gateway.secret, now + away) for away in (-1, 0, 1)}
    kept = await phone.page.evaluate(
        """async () => {
          const names = (await indexedDB.databases()).map(one => one.name);
          const found = [];
          for (const name of names) {
            const database = await new Promise(done => {
              const asked = indexedDB.open(name);
              asked.onsuccess = () => done(asked.result);
            });
            for (const store of database.objectStoreNames) {
              const all = await new Promise(done => {
                const asked = database.transaction(store).objectStore(store).getAll();
                asked.onsuccess = () => done(asked.result);
              });
              for (const one of all)
                if (one instanceof CryptoKey) found.push([one.algorithm.name, one.type, one.extractable]);
            }
          }
          return found;
        }"""
    )
    assert ["HMAC", "secret", False] in kept


async def test_a_secret_for_another_key_is_never_asked_for(world: World) -> None:
    """A gateway that has another key signed gets no password."""
    world.gateway.explicit = True
    world.gateway.delivery = ECKey.generate_key("P-256")
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Código para usar sem internet").click()
    await phone.press("Ativar o código neste celular")
    await expect(phone.page.locator(".notice.danger")).to_be_visible()
    await expect(phone.page.get_by_label("Senha de uso", exact=True)).to_have_count(0)
    assert all(one.decision is None for one in world.gateway.documents.values() if one.document["type"] == "generator")
