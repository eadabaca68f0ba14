"""Tokens for the tests of PKCS#11: the SAM's and the AC's, initialised, in this process's SoftHSM."""

import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_ac_slot, initialise_sam_slot
from hsm_service.hsm.token import Token
from softhsm_config.tokens import Token as TokenFiles
from tests.hsm.fault_token import Lab
from tests.support.softhsm import add_token

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


_numbers = itertools.count(1)


@pytest.fixture
def lab(sam_token: TokenFiles, hsm_module: Path, tmp_path: Path) -> Iterator[Lab]:
    """A SAM's token of its own for one test of faults; its files are gone after it."""
    slot, label = sam_token.conf.parent / "slot", f"faults-{next(_numbers)}"
    before = set(slot.iterdir())
    add_token(label, hsm_module)
    (files,) = set(slot.iterdir()) - before
    settings = HsmSettings(module=hsm_module, token_label=label, pin=SecretStr("1234"))
    initialise_sam_slot(Token(settings), NOW)
    made = Token(settings)
    made.open()
    yield Lab(made, files, settings)
    for folder in set(slot.iterdir()) - before:
        folder.rename(tmp_path / folder.name)
    made.module.renew(made.epoch)


@pytest.fixture(scope="session")
def settings(sam_token: TokenFiles, hsm_module: Path) -> HsmSettings:
    """How the SAM's token is reached."""
    return HsmSettings(module=hsm_module, token_label=sam_token.label, pin=SecretStr(sam_token.pin))


@pytest.fixture(scope="session")
def token(settings: HsmSettings) -> Token:
    """The SAM's token with its objects."""
    made = Token(settings)
    initialise_sam_slot(made, NOW)
    return made


@pytest.fixture(scope="session")
def ac_token(token: Token, hsm_module: Path) -> Token:
    """The AC's token with its objects."""
    add_token("linkid-ac", hsm_module)
    made = Token(HsmSettings(module=hsm_module, token_label="linkid-ac", pin=SecretStr("1234")))
    initialise_ac_slot(made, NOW)
    return made


@pytest.fixture
async def hsm(settings: HsmSettings, token: Token) -> AsyncIterator[Hsm]:
    """The SAM's token for asyncio."""
    made = Hsm(settings)
    await made.open()
    yield made
    await made.close()
