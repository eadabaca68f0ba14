"""What an operator types, and what the AC makes of it."""

import argparse
import json
import stat
from pathlib import Path

import pytest

from issuance.errors import EmissionRefused
from issuance.operator import OperatorContext, add_commands, perform
from issuance.operator.requests import birth, e164
from tests.issuance.conftest import World
from tests.issuance.people import CPF, public_of, write_pins

MARIA = (
    *("--name", "Maria da Conceição D'Ávila", "--cpf", "529.982.247-25", "--birth", "31/12/1979"),
    *("--email", "maria@example.com", "--phone", "(31) 99999-8888"),
)


class Terminal:
    """A place to type commands at."""

    def __init__(self, world: World, folder: Path, typed: str = "") -> None:
        self.said: list[str] = []
        self.complaints: list[str] = []
        trust = folder / "operator-trust.json"
        trust.write_text(json.dumps({"v": 1, "sam": [], "ac": [world.operator.ac_root.jwk]}))
        self.context = OperatorContext(
            key_file=folder / "operator" / "operator.key",
            operators_file=world.settings.operators_file,
            trust_file=trust,
            ac=world.settings.listen,
            sams=[f"unix:{folder}/no-sam.sock"],
            emission_page="http://localhost:8440/emissao/",
            clock=world.clock,
            say=self.said.append,
            complain=self.complaints.append,
            read_password=lambda: typed,
        )

    async def type(self, *words: str) -> int:
        parser = argparse.ArgumentParser("linkid")
        add_commands(parser.add_subparsers(dest="command", required=True))
        return await perform(parser.parse_args(words), self.context)


@pytest.fixture
def terminal(world: World, tmp_path: Path) -> Terminal:
    return Terminal(world, tmp_path, "Instala123")


async def test_the_key_is_made_once_and_private(terminal: Terminal) -> None:
    """`operator init` makes a key that only its owner reads, pins it, and changes nothing the second time."""
    assert await terminal.type("operator", "init") == 0
    first = terminal.context.key_file.read_bytes()
    assert stat.S_IMODE(terminal.context.key_file.stat().st_mode) == 0o600
    assert await terminal.type("operator", "init") == 0
    assert terminal.context.key_file.read_bytes() == first
    pinned = json.loads(terminal.context.operators_file.read_text())["operators"]
    assert len([entry for entry in pinned if entry["name"] == "operator"]) == 1


async def test_a_request_opens_the_emission_page(terminal: Terminal, world: World) -> None:
    """What the card says is what the emission page takes: protocol number, CPF, installation password."""
    await terminal.type("operator", "init")
    terminal.said.clear()
    assert await terminal.type("request", "new", *MARIA, "--json") == 0
    placed = json.loads(terminal.said[0])
    visitor = world.visitor()
    await visitor.start(world.now, placed["protocol"])
    term = await visitor.identify(world.now, placed["install_password"], placed["cpf"])
    assert term.document.text("name") == "Maria da Conceição D'Ávila"
    assert await visitor.agree() == "RSA-2048"


async def test_the_password_is_read_from_standard_input(terminal: Terminal, world: World) -> None:
    """`--install-password -` takes the first line typed; the card shows it with protocol and address."""
    await terminal.type("operator", "init")
    terminal.said.clear()
    assert await terminal.type("request", "new", *MARIA, "--protocol", "1000556194", "--install-password", "-") == 0
    for expected in ("1000556194", "Instala123", "http://localhost:8440/emissao/", "529.982.247-25", "MARIA"):
        assert expected.lower() in terminal.said[0].lower()
    visitor = world.visitor()
    await visitor.start(world.now)
    with pytest.raises(EmissionRefused):
        await visitor.identify(world.now, "Instala124")
    await visitor.identify(world.now, "Instala123", CPF)


async def test_the_card_is_for_the_holder_and_the_rest_for_the_operator(terminal: Terminal) -> None:
    """What is handed on is Portuguese and indented; around it stands English, which tells of a password made here."""
    await terminal.type("operator", "init")
    for given, notes in (((), 2), (("--install-password", "-"), 1)):
        terminal.said.clear()
        assert await terminal.type("request", "new", *MARIA, *given) == 0
        lines = terminal.said[0].splitlines()
        card = [line for line in lines if line.startswith("  ")]
        assert [line.split("  ")[1] for line in card] == [
            "Titular", "CPF", "Protocolo", "Senha de instalação", "Emissão", "Emitir até", "Celular",
        ]  # fmt: skip
        around = [line for line in lines if line and line not in card]
        assert around[0] == "The order is placed. Hand this to the holder:"
        assert len(around) == notes


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--cpf", "529.982.247-24", "CPF"),
        ("--birth", "31/02/1979", "birth"),
        ("--birth", "31/12/2079", "--birth"),
        ("--email", "maria@example", "e-mail"),
        ("--phone", "12", "--phone"),
        ("--phone", "(31) 3333-4444", "mobile"),
        ("--name", " ", "--name"),
        ("--name", "Μαρία", "characters"),
        ("--rg", "12345", "--rg"),
        ("--valid-days", "1827", "--valid-days"),
        ("--valid-days", "0", "--valid-days"),
        ("--protocol", "12", "ten digits"),
    ],
)
async def test_a_mistake_is_told_before_anything_is_sent(
    terminal: Terminal, option: str, value: str, told: str
) -> None:
    """One line that names what is wrong, exit code 1, and no order at the AC."""
    await terminal.type("operator", "init")
    assert await terminal.type("request", "new", *MARIA, option, value) == 1
    (complaint,) = terminal.complaints
    assert any(word in complaint for word in told.split("|"))
    assert "\n" not in complaint


async def test_an_operator_whose_key_is_not_pinned_orders_nothing(terminal: Terminal, world: World) -> None:
    """A key alone orders nothing: the AC must have been told of it."""
    await terminal.type("operator", "init")
    write_pins(
        world.settings.trust_file,
        world.settings.operators_file,
        public_of(world.sam.root),
        public_of(world.operator.key),
    )
    assert await terminal.type("request", "new", *MARIA) == 1
    assert "operator init" in terminal.complaints[0]


async def test_a_password_goes_to_no_false_authority(terminal: Terminal, world: World) -> None:
    """The AC's transport key must be vouched for by the root that trust.json names."""
    await terminal.type("operator", "init")
    somebody = public_of(world.sam.root)
    terminal.context.trust_file.write_text(json.dumps({"v": 1, "sam": [], "ac": [somebody.jwk]}))
    assert await terminal.type("request", "new", *MARIA) == 1
    assert "trust.json" in terminal.complaints[0]


async def test_the_life_of_a_certificate_in_commands(terminal: Terminal, world: World) -> None:
    """Listed and shown once it is issued; revoked for good; the SAM's silence is told and the command repeatable."""
    await terminal.type("operator", "init")
    terminal.said.clear()
    assert await terminal.type("certificate", "list") == 0
    assert terminal.said == ["no certificates"]
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.up_to_agreement(world.now)
    leaf, _, _ = await visitor.issue(world.sam.possession(visitor, world.now))
    serial = f"{leaf.serial_number:x}"
    await terminal.type("certificate", "list")
    assert serial in terminal.said[-1]
    assert "valid" in terminal.said[-1]
    assert await terminal.type("certificate", "show", "--serial", serial.upper(), "--pem") == 0
    assert terminal.said[-1].startswith("-----BEGIN CERTIFICATE-----")
    words = ("certificate", "revoke", "--protocol", "1000556194", "--reason", "keyCompromise")
    assert await terminal.type(*words) == 3
    assert await terminal.type(*words) == 3
    assert "run the same command again" in terminal.complaints[-1]
    assert "revoked (keyCompromise" in terminal.said[-1]
    assert await terminal.type("certificate", "revoke", "--serial", "ab12", "--reason", "superseded") == 1


@pytest.mark.parametrize("text", ["31/12/1979", "31121979", "1979-12-31", " 31/12/1979 "])
def test_dates_as_people_write_them(text: str) -> None:
    """Day first, or ISO."""
    assert birth(text) == "31121979"


@pytest.mark.parametrize("text", ["(31) 99999-8888", "31999998888", "+55 31 99999-8888", "031 99999 8888"])
def test_numbers_as_people_write_them(text: str) -> None:
    """Brazilian unless it says otherwise."""
    assert e164(text) == "+5531999998888"
