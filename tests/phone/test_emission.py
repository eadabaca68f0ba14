"""EMISSÃO DE CERTIFICADO DIGITAL: from the protocol number to the certificate, and what must not get through."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.phone.conftest import World
from tests.phone.emission_double import CPF, INSTALL_PASSWORD, PROTOCOL
from tests.support.emission_screens import EmissionScreens

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

USAGE_PASSWORD = "Cacto8Vidro2"


async def opened(world: World) -> EmissionScreens:
    emission = EmissionScreens(await world.chromium.page(width=1280, height=800), world.app, patience_ms=20_000)
    await emission.open()
    return emission


async def test_from_the_protocol_number_to_the_certificate(world: World) -> None:
    """Identification, term and usage password lead to the certificate; the passwords were proved, never sent."""
    emission = EmissionScreens(await world.chromium.page(), world.app, patience_ms=20_000)
    bodies: list[str] = []
    emission.page.on("request", lambda request: bodies.append(request.url + (request.post_data or "")))
    await emission.emit(PROTOCOL, "123.456.789-09", INSTALL_PASSWORD, USAGE_PASSWORD)
    assert world.gateway.usage_password_is(USAGE_PASSWORD)
    await emission.expect_text("PRÓXIMOS PASSOS")
    await emission.expect_text("5f3a9c0e77d1b2a4")
    assert not any(secret in body for body in bodies for secret in (USAGE_PASSWORD, INSTALL_PASSWORD, CPF))
    assert all(body.startswith((world.app, world.roots.gateway, "blob:")) for body in bodies)


async def test_one_message_for_protocol_cpf_and_password(world: World) -> None:
    """Which of the three is wrong is not told; the tries left are; the right ones then go on without a new captcha."""
    world.chromium.expect_trouble("403")
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, "Errada9999")
    await emission.expect_text("Protocolo, CPF ou senha de instalação não conferem")
    await emission.expect_text("Restam 4 tentativas.")
    assert await emission.page.get_by_label("Informe a senha de instalação").input_value() == ""
    await expect(emission.page.get_by_label("Não sou um robô")).to_be_hidden()
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.at("term")
    assert world.gateway.starts == 1


async def test_after_five_wrong_attempts_it_says_when_to_come_back(world: World) -> None:
    """The lock is told with its end."""
    world.chromium.expect_trouble("423")
    world.gateway.tries = 1
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, "Errada9999")
    await emission.expect_text("Muitas tentativas erradas para este protocolo. Tente de novo em 60 minutos.")


async def test_another_protocol_needs_another_captcha(world: World) -> None:
    """A captcha serves one protocol number."""
    world.chromium.expect_trouble("403")
    emission = await opened(world)
    await emission.identify("1000000001", CPF, INSTALL_PASSWORD)
    await emission.expect_text("não conferem")
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.at("term")
    assert world.gateway.starts == 2


@pytest.mark.parametrize(
    ("protocol", "cpf", "password", "says"),
    [
        ("123", CPF, INSTALL_PASSWORD, "O protocolo tem 10 números."),
        (PROTOCOL, "11111111111", INSTALL_PASSWORD, "Este CPF não confere."),
        (PROTOCOL, "12345678900", INSTALL_PASSWORD, "Este CPF não confere."),
        (PROTOCOL, CPF, "curta", "tem de 8 a 15 letras e números"),
    ],
)
async def test_slips_are_caught_before_they_cost_an_attempt(
    world: World, protocol: str, cpf: str, password: str, says: str
) -> None:
    """What cannot be right is told beside its field, and nothing is sent."""
    emission = await opened(world)
    await emission.identify(protocol, cpf, password)
    await emission.expect_text(says)
    assert world.gateway.starts == 0


async def test_a_robot_that_did_not_tick_the_box(world: World) -> None:
    """Without the captcha the form is not sent, and the box is pointed at."""
    emission = await opened(world)
    await emission.fill("Informe o protocolo de sua solicitação", PROTOCOL)
    await emission.fill("Informe o CPF do Titular", CPF)
    await emission.fill("Informe a senha de instalação", INSTALL_PASSWORD)
    await emission.press("Prosseguir")
    await emission.expect_text("Marque “Não sou um robô”.")
    await expect(emission.page.get_by_label("Não sou um robô")).to_be_focused()


async def test_the_captcha_by_keyboard(world: World) -> None:
    """The box is a checkbox: the space bar ticks it."""
    emission = await opened(world)
    await emission.page.get_by_label("Não sou um robô").focus()
    await emission.page.keyboard.press("Space")
    await emission.expect_text("Verificado")


async def test_the_rules_of_the_usage_password(world: World) -> None:
    """Two equal passwords of 8 to 15 ASCII letters and digits, other than the installation password."""
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.agree()
    for first, second, says in (
        ("curta1", "curta1", "A senha deve ter entre 8 e 15 caracteres."),
        ("acentuação1", "acentuação1", "A senha deve usar somente letras"),
        (INSTALL_PASSWORD, INSTALL_PASSWORD, "A senha deve ser diferente da senha de instalação."),
        (USAGE_PASSWORD, "Cacto8Vidro3", "A senha deve ser igual nos dois campos."),
    ):
        await emission.choose_password(first, second)
        await emission.expect_text(says)
    assert world.gateway.emitted is None
    await emission.choose_password(USAGE_PASSWORD)
    await emission.at("success")


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("87654321", "sequência ou repetição"),
        ("qwertyui7", "sequência ou repetição"),
        ("Senha1234", "entre as primeiras que alguém tentaria"),
        ("23111990", "usa uma data"),
        ("Maria2026", "usa dados seus"),
        ("123456789090", "usa dados seus"),  # her CPF and a digit
        ("31988881234", "usa dados seus"),  # the page knows the end of her number only
    ],
)
async def test_a_password_that_is_easy_to_guess_is_refused(world: World, password: str, says: str) -> None:
    """It says why and what to do instead, to a screen reader too; what was typed stays, and nothing was sent."""
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.agree()
    await emission.choose_password(password)
    alert = emission.page.get_by_role("alert").filter(has_text=says)
    await expect(alert).to_be_visible()
    await expect(alert).to_contain_text("Escolha outra: por exemplo, as primeiras letras de uma frase")
    field = emission.page.get_by_label("Senha de uso", exact=True)
    await expect(field).to_be_focused()
    await expect(field).to_have_attribute("aria-invalid", "true")
    for label in ("Senha de uso", "Repita a senha de uso"):
        assert await emission.page.get_by_label(label, exact=True).input_value() == password
    assert world.gateway.password_bodies == []
    await emission.choose_password(USAGE_PASSWORD)
    await emission.at("success")


async def test_the_list_of_rules_follows_what_is_typed(world: World) -> None:
    """Each rule says whether it is kept, in words too, before anything is pressed."""
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.agree()
    await emission.at("password")
    rule = emission.page.get_by_role("listitem").filter(has_text="difícil de adivinhar")
    for typed, told in (("", "falta"), ("12345678", "falta"), (USAGE_PASSWORD, "cumprido"), ("Silva1990", "falta")):
        await emission.fill("Senha de uso", typed)
        await expect(rule).to_contain_text(told)


async def test_an_answer_that_was_lost_is_asked_for_again(world: World) -> None:
    """The last step is repeated byte for byte, so that it has the same answer."""
    world.chromium.expect_trouble("503")
    world.gateway.lose_answers = 2
    emission = EmissionScreens(await world.chromium.page(), world.app)
    await emission.emit(PROTOCOL, CPF, INSTALL_PASSWORD, USAGE_PASSWORD)
    assert len(world.gateway.password_bodies) == 3
    assert all(body == world.gateway.password_bodies[0] for body in world.gateway.password_bodies)


async def test_wrong_data_are_not_agreed_to(world: World) -> None:
    """Whoever sees wrong data stops here: nothing is signed."""
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.at("term")
    await emission.press("Os dados estão errados")
    await emission.at("term-refused")
    assert not any(call.endswith("/agree") for call in world.gateway.calls)


async def test_a_term_that_the_authority_did_not_sign_is_not_shown(world: World) -> None:
    """Nor by the SAM's root: each role signs its own."""
    emission = await opened(world)
    world.gateway.term_by = world.roots.sam
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.expect_text("não foi assinado pelo Link ID")
    assert await emission.at("identify") == "identify"


async def test_a_term_about_somebody_else_is_not_shown(world: World) -> None:
    """The AC's term must carry the CPF that was typed here."""
    world.gateway.term_cpf = "98765432100"
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.expect_text("não foi assinado pelo Link ID")


async def test_no_usage_password_for_a_key_that_the_sam_did_not_announce(world: World) -> None:
    """A gateway that wants the usage password for itself gets none: the field never comes."""
    emission = await opened(world)
    world.gateway.key_by = world.roots.ac
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.agree()
    await emission.expect_text("não foi assinado pelo Link ID")
    assert await emission.page.get_by_label("Senha de uso").count() == 0


async def test_weak_parameters_for_the_installation_password_are_refused(world: World) -> None:
    """Argon2 below the floor: the installation password is not stretched for whoever asks that."""
    world.roots.argon2 = {"m": 8, "t": 1, "p": 1}
    emission = await opened(world)
    await emission.identify(PROTOCOL, CPF, INSTALL_PASSWORD)
    await emission.expect_text("não foi assinado pelo Link ID")
    assert not any(call.endswith("/identify") for call in world.gateway.calls)
