"""What holders are told by e-mail: once, about what is new, and in words that say what to do."""

from datetime import UTC, datetime

import pytest

from pairing.domain.letters import Letter, computer_associated, number_proved_elsewhere, phone_bound
from tests.pairing.conftest import Gateway
from tests.pairing.people import COMPANYS, MARIAS, NOBODY

AT = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


async def test_a_bound_phone_and_a_computer_are_announced_once(gateway: Gateway) -> None:
    """The holder hears of each new phone and computer by another way than the one just used."""
    phone, computer = await gateway.paired(), gateway.computer()
    await computer.associate(phone)

    assert gateway.letters.sent == [
        ((MARIAS,), "Link ID: novo celular no seu certificado em nuvem"),
        ((MARIAS,), "Link ID: novo computador no seu certificado em nuvem"),
    ]


async def test_a_number_proved_on_another_phone_is_announced(gateway: Gateway) -> None:
    """SIM swap: whoever uses a credential on another phone already is told, about that credential only."""
    await gateway.paired()
    gateway.letters.sent.clear()
    thief = gateway.phone()
    await thief.verify()

    assert gateway.letters.sent == [((MARIAS,), "Link ID: seu número foi confirmado em outro celular")]
    assert COMPANYS not in gateway.letters.sent[0][0]


async def test_the_same_phone_again_is_no_news(gateway: Gateway) -> None:
    """Proving the number again with the same key, and deciding the test twice."""
    phone = await gateway.paired()
    gateway.letters.sent.clear()
    phone.token = None
    await phone.verify()

    assert gateway.letters.sent == []


async def test_a_number_nobody_has_is_announced_to_nobody(gateway: Gateway) -> None:
    """And so is a first pairing before it is bound."""
    await gateway.phone().give_number(NOBODY)
    await gateway.phone().verify()

    assert gateway.letters.sent == []


@pytest.mark.parametrize(
    "letter",
    [number_proved_elsewhere(AT), phone_bound("Celular da Maria", AT), computer_associated("Notebook", AT)],
    ids=lambda letter: letter.subject,
)
def test_a_letter_says_when_and_what_to_do(letter: Letter) -> None:
    """Brasília's time, both cases, and no link to click: people learn not to."""
    assert "22/11/2026 às 23:30 (horário de Brasília)" in letter.text
    assert "Foi você?" in letter.text
    assert "Não foi você?" in letter.text
    assert "http" not in letter.text
    assert "\n" not in letter.subject
