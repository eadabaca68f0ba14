"""A signature is approved or refused on what the signed bytes say, and on nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import re

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.gateway_double import PASSWORD, Refusal
from tests.sandbox_phone.roots import new_id

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def test_a_request_rings_is_shown_and_approved(world: World) -> None:
    """The doorbell opens the request; it shows who, what and the code; the password approves it."""
    phone = await world.paired()
    asked = world.gateway.ask_signature("Contrato de locação.pdf", "Anexo I.pdf")
    assert await phone.open_waiting() == "approval"
    digest = hashlib.sha256(b"Anexo I.pdf").hexdigest().upper()
    short = f"resumo {digest[:4]} {digest[4:8]}"
    for text in ("Notebook da Maria", "Contrato de locação.pdf", "Anexo I.pdf", "48,2 kB", "2 documentos", short):
        await phone.expect_text(text)
    assert await phone.verification_code() == "27"
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"
    await phone.finish()
    await phone.expect_text("Nenhum pedido agora")
    await phone.expect_text("Aprovado")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Mudei de ideia", "changed-mind"),
        ("O conteúdo está errado", "wrong-content"),
        ("Não fui eu que pedi", "not-me"),
    ],
)
async def test_a_refusal_is_signed_with_its_reason(world: World, words: str, reason: str) -> None:
    """Each reason is a decision of its own, without a password."""
    phone = await world.paired()
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.refuse(words)
    assert world.gateway.documents[asked].decision == f"refuse:{reason}"


async def test_a_wrong_password_may_be_corrected_until_it_locks(world: World) -> None:
    """Tries left are told; a locked credential says until when; nothing is approved."""
    world.chromium.expect_trouble("403")
    phone = await world.paired()
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    for words in ("Restam 2 tentativas", "Resta 1 tentativa", "Senha incorreta. Muitas senhas erradas: bloqueado"):
        await phone.fill("Senha de uso", "Errada999")
        await phone.press("Aprovar")
        await phone.expect_text(words)
    told = await phone.page.get_by_text("bloqueado por segurança até").text_content()
    assert re.search(r"até (hoje|amanhã) às \d\d:\d\d\.$", told or "")
    assert await phone.page.get_by_label("Senha de uso").count() == 0
    assert await phone.button("Aprovar").count() == 0
    await phone.refuse()  # which needs no password
    assert world.gateway.documents[asked].decision == "refuse:changed-mind"


@pytest.mark.parametrize(("after", "words"), [(10_700, r"até (hoje|amanhã) às \d\d:\d\d"), (None, "para sempre")])
async def test_a_certificate_that_is_locked_says_until_when(world: World, after: int | None, words: str) -> None:
    """It was locked before: by another phone, perhaps."""
    world.chromium.expect_trouble("423")
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.open_waiting()
    world.gateway.locked = Refusal(423, "credential_locked", **({} if after is None else {"retry_after": after}))
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    told = phone.page.locator(".notice.danger")
    await expect(told).to_contain_text("Muitas senhas erradas")
    assert re.search(words, await told.text_content() or "")
    assert await phone.button("Aprovar").count() == 0


async def test_a_password_that_is_none_is_not_even_tried(world: World) -> None:
    """Seven characters, or an accent, cost no attempt."""
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.open_waiting()
    for typed in ("Curta12", "acentuação1", ""):
        await phone.fill("Senha de uso", typed)
        await phone.press("Aprovar")
        await phone.expect_text("tem de 8 a 15 letras e números")
    assert sum(call.endswith("/decision") for call in world.gateway.calls) == 2  # those of the pairing


async def test_a_retired_transport_key_is_not_the_holders_problem(world: World) -> None:
    """The statement is fetched again and the same password proved to the newer key, without asking twice."""
    world.chromium.expect_trouble("409")
    phone = await world.paired()
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    world.gateway.retire_once = True
    await phone.approve(PASSWORD)
    assert world.gateway.documents[asked].decision == "approve"


@pytest.mark.parametrize("lie", ["other root", "device key", "weak", "expired", "other credential"])
async def test_what_the_sam_did_not_sign_for_this_phone_is_never_shown(world: World, lie: str) -> None:
    """A gateway that answers whatever it likes shows nothing: the request is discarded, and people are told."""
    phone = await world.paired()
    before = sum(call.endswith("/decision") for call in world.gateway.calls)
    if lie == "other root":
        world.gateway.rogue = {"by": world.roots.ac}
    elif lie == "device key":
        world.gateway.rogue = {"by": world.roots.sam_transport}
    elif lie == "weak":
        world.roots.argon2 = {"m": 1024, "t": 1, "p": 1}
    elif lie == "expired":
        world.gateway.rogue = {"expires": 1}
    credential = {"credential": new_id("cred")} if lie == "other credential" else {}
    world.gateway.ask_signature("Procuração.pdf", **credential)
    asked_again = sum(call.endswith("/waiting") for call in world.gateway.calls)
    while sum(call.endswith("/waiting") for call in world.gateway.calls) <= asked_again:
        await asyncio.sleep(0.02)
    if lie == "expired":
        await expect(phone.page.get_by_text("Nenhum pedido agora")).to_be_visible()
    else:
        await phone.expect_text("não pôde ser conferido e foi descartado")
    assert await phone.at("home") == "home"
    assert "Procuração" not in await phone.page.content()
    assert sum(call.endswith("/decision") for call in world.gateway.calls) == before


async def test_names_cannot_speak_as_the_app(world: World) -> None:
    """Markup stays text, reversing characters become visible, and a long name neither hides nor widens anything."""
    phone = await world.paired()
    caller = {"kind": "integrator", "id": new_id("cli"), "name": "<img src=x onerror=alert(1)> Banco"}
    world.gateway.ask_signature("fatura\u202efdp.exe", "x" * 120, caller=caller)
    await phone.open_waiting()
    await phone.expect_text("<img src=x onerror=alert(1)> Banco")
    await phone.expect_text("fatura\ufffdfdp.exe")
    assert await phone.page.locator("main img").count() == 0
    overflow = await phone.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


async def test_a_request_that_ran_out_is_over(world: World) -> None:
    """At its end the approval screen closes and says to ask again; nothing is sent."""
    world.gateway.leeway = 999  # the phone's clock is put forward
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.page.clock.install()
    await phone.page.reload()
    await phone.open_waiting()
    # As a phone that slept: ticking through, each silence of the stream would cut and open it again within a moment,
    # and a browser repeats by itself what was under way on a connection that was cut.
    await phone.page.clock.fast_forward(181_000)
    await phone.at("over")
    await phone.expect_text("O prazo deste pedido acabou")


async def test_a_request_decided_elsewhere_says_so(world: World) -> None:
    """Another phone was faster: this one is told, and nothing is approved twice."""
    world.chromium.expect_trouble("409")
    phone = await world.paired()
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    world.gateway.documents[asked].decision = "refuse:changed-mind"
    await phone.fill("Senha de uso", PASSWORD)
    await phone.press("Aprovar")
    await phone.at("over")
    await phone.expect_text("já foi respondido")


async def test_going_back_leaves_the_request_waiting(world: World) -> None:
    """The phone's own back button leads home, where the request waits and does not open itself again."""
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.page.go_back()
    await phone.at("home")
    await phone.expect_text("Esperando por você")
    world.gateway.ring()
    await phone.expect_text("Esperando por você")
    await phone.open_waiting()
    await phone.at("approval")


async def test_a_request_that_comes_while_another_screen_is_open_is_offered(world: World) -> None:
    """Nothing changes under somebody's finger: the new request is offered above the screen, and opens when asked."""
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Este celular").click()
    await phone.at("device")
    world.gateway.ask_signature()
    await phone.expect_text("Chegou um pedido novo.")
    assert await phone.at("device") == "device"
    await phone.press("Ver pedido")
    await phone.at("approval")
    await phone.refuse()
    await phone.finish()
    await expect(phone.page.get_by_text("Ver pedido")).to_have_count(0)


async def test_approving_needs_no_mouse(world: World) -> None:
    """The heading has the focus when the screen comes; Tab leads through it in order; Enter approves."""
    phone = await world.paired()
    asked = world.gateway.ask_signature()
    await phone.open_waiting()
    keyboard = phone.page.keyboard
    await expect(phone.page.get_by_role("heading", level=1)).to_be_focused()
    await keyboard.press("Tab")
    await expect(phone.page.get_by_label("Senha de uso")).to_be_focused()
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await phone.at("approved")
    await expect(phone.page.get_by_role("heading", level=1)).to_be_focused()
    assert world.gateway.documents[asked].decision == "approve"


async def test_the_list_of_what_waits_keeps_the_focus(world: World) -> None:
    """The countdown ticks in place: whoever stands on a request with the keyboard stays there."""
    phone = await world.paired()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.page.go_back()
    await phone.at("home")
    waiting = phone.page.locator(".rows.urgent button.row")
    await waiting.focus()
    before = await waiting.inner_text()
    await expect(waiting).not_to_have_text(before, timeout=5_000)
    await expect(waiting).to_be_focused()


async def test_a_channel_that_closes_opens_again(world: World) -> None:
    """The live channel ends now and then; a request made after that still rings."""
    phone = await world.paired()
    for _ in range(2):
        world.gateway.hang_up()
        while not world.gateway.listeners:
            await asyncio.sleep(0.02)
    world.gateway.ask_signature()
    assert await phone.open_waiting() == "approval"


async def test_a_phone_that_was_ended_elsewhere_can_pair_again(world: World) -> None:
    """A token that is no longer accepted leads to pairing again, not to a dead end."""
    world.chromium.expect_trouble("401")
    phone = await world.paired()
    world.gateway.key = None
    await phone.page.reload()
    await phone.expect_text("não está mais vinculado")
    await phone.press("Vincular de novo")
    await phone.at("welcome")


async def test_without_a_network_the_app_opens_and_says_so(world: World) -> None:
    """The shell comes from the service worker; what was known is shown; nothing can be decided."""
    world.chromium.expect_trouble("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    phone = await world.paired()
    await phone.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await phone.page.context.set_offline(True)
    await phone.page.reload()
    await phone.at("home")
    await phone.expect_text("Sem conexão")
    await phone.page.context.set_offline(False)
    await phone.expect_text("Conectado")


async def test_computers_are_seen_and_removed(world: World) -> None:
    """Each computer is listed with its use; it may be called otherwise, on this phone, where its own name stays beside
    that; removing one asks first."""
    world.gateway.computers = [
        {
            "id": world.gateway.notebook,
            "name": "Notebook da Maria",
            "os": "Debian GNU/Linux 12",
            "since": "2026-11-20T12:00:00Z",
            "last_used": None,
            "credentials": [],
        }
    ]
    phone = await world.paired()
    await phone.page.get_by_role("button", name="Computadores").click()
    await phone.at("computers")
    await phone.expect_text("Ainda não usado")
    await phone.press("Mudar nome: Notebook da Maria")
    await phone.fill("Nome para você", " <b>Consultório</b> ")
    await phone.press("Confirmar")
    await phone.expect_text("Nome mudado.")
    await phone.expect_text("Nome no computador: Notebook da Maria")
    await phone.page.go_back()
    world.gateway.ask_signature()
    await phone.open_waiting()
    await phone.expect_text("<b>Consultório</b>")
    await phone.expect_text("Computador: Notebook da Maria")
    await phone.refuse()
    await phone.finish()
    await phone.page.get_by_role("button", name="Computadores").click()
    await phone.expect_text("<b>Consultório</b>")
    await phone.page.get_by_role("button", name="Remover: Notebook da Maria").click()
    await phone.at("remove-computer")
    await phone.press("Remover")
    await phone.expect_text("Computador removido.")
    assert world.gateway.computers == []


async def test_a_code_typed_by_hand_associates_a_computer(world: World) -> None:
    """The typed code is normalised; the screen names the computer; after approval the check code is shown large, and
    what that computer asks comes from nowhere new."""
    phone = await world.paired(knows=False)
    computer = {"id": world.gateway.notebook, "name": "Notebook da Maria", "os": "Debian GNU/Linux 12"}
    made = world.gateway.show_link("K7M2P-9XQ4T", computer={**computer, "key": "k" * 43, "address": "192.168.0.17"})
    assert await phone.type_code("k7m2p 9xq4t") == "association"
    for text in ("Notebook da Maria", "Debian GNU/Linux 12", "192.168.0.17", "MARIA DA SILVA"):
        await phone.expect_text(text)
    assert await phone.approve_association() == "042"
    assert world.gateway.documents[made].decision == "approve"
    await phone.finish()
    world.gateway.ask_signature()
    await phone.open_waiting()
    assert await phone.verification_code() == "27"


async def test_a_system_that_asks_who_one_is(world: World) -> None:
    """Identification names the system and what it may do, and can be refused."""
    phone = await world.paired()
    made = world.gateway.show_link("K7M2P-9XQ4T", "identify")
    assert await phone.type_code("K7M2P9XQ4T") == "identification"
    await phone.expect_text("Cartório Digital")
    await phone.expect_text("Ver os seus certificados e pedir assinaturas")
    await phone.refuse("Não fui eu que pedi")
    assert world.gateway.documents[made].decision == "refuse:not-me"


async def test_a_system_whose_page_shows_a_number(world: World) -> None:
    """It rings: the screen says whose page it is and wants the number, and sends it with the yes; a wrong one is told
    beside the field and can be typed anew. One that shows none asks for none, and is no better known by it."""
    world.chromium.expect_trouble("400")
    phone = await world.paired(knows=False)
    hospital, other = ({"id": one, "name": "Hospital"} for one in (world.gateway.hospital, new_id("cli")))
    made = world.gateway.ask_who("0427", integrator=hospital)
    world.gateway.ring()
    await phone.at("identification")
    await phone.expect_text("A página é dele, não do Link ID")
    await phone.press("Aprovar")
    await phone.expect_text("Digite os 4 números")
    await phone.fill("Número que aparece na tela", "0428")
    await phone.press("Aprovar")
    await phone.expect_text("Número errado. Confira o que aparece na página. Restam 2 tentativas.")
    await phone.fill("Número que aparece na tela", "04 27")
    await phone.press("Aprovar")
    await phone.at("approved")
    assert world.gateway.documents[made].decision == "approve"
    await phone.finish()
    without = world.gateway.ask_who(integrator=other)
    world.gateway.ring()
    await phone.at("identification")
    await phone.press("Aprovar")
    await phone.at("approved")
    assert world.gateway.documents[without].decision == "approve"
    await phone.finish()
    for caller, shown in ((hospital, 1), (other, 0)):
        world.gateway.ask_signature(caller={"kind": "integrator", **caller})
        await phone.open_waiting()
        await expect(phone.page.locator(".big-code")).to_have_count(shown)
        await phone.refuse()
        await phone.finish()


async def test_a_code_that_is_not_ours_can_be_typed_again(world: World) -> None:
    """A wrong code is told beside the field."""
    world.chromium.expect_trouble("400")
    phone = await world.paired()
    world.gateway.scan_errors = [Refusal(400, "code_not_ours")]
    await phone.press("Digitar código")
    await phone.fill("Código", "K7M2P-9XQ4")
    await phone.press("Confirmar")
    await phone.expect_text("O código tem 10 letras e números.")
    await phone.fill("Código", "K7M2P-9XQ4T")
    await phone.press("Confirmar")
    await phone.expect_text("Este código não é do Link ID")
