"""A SAM for each test, on its own database; the token is the test process's."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr

from foundation.clock import FixedClock
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot
from hsm_service.hsm.token import Token
from softhsm_config.tokens import Token as TokenFiles
from tests.sam.children import Child
from tests.sam.explicit import ON
from tests.sam.world import START, Authority, World, open_world
from tests.support.postgres import TestDatabase
from tests.support.softhsm import add_token


@pytest.fixture(scope="session")
def hsm_settings(sam_token: TokenFiles, hsm_module: Path) -> HsmSettings:
    """The SAM's token with its objects."""
    settings = HsmSettings(module=hsm_module, token_label=sam_token.label, pin=SecretStr(sam_token.pin))
    initialise_sam_slot(Token(settings), START)
    return settings


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The AC that every SAM of these tests pins."""
    return Authority()


@pytest.fixture
async def hsm(hsm_settings: HsmSettings) -> AsyncIterator[Hsm]:
    """The token for asyncio."""
    opened = Hsm(hsm_settings)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def world(hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path) -> AsyncIterator[World]:
    """A SAM that works."""
    made = await open_world(hsm, database, tmp_path / "sam-0.head", FixedClock(START), authority)
    await made.sam.watch.look()
    yield made
    await made.close()


@pytest.fixture
async def explicit_world(
    hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> AsyncIterator[World]:
    """A SAM whose operator lets applications ask for consents."""
    made = await open_world(hsm, database, tmp_path / "sam-0.head", FixedClock(START), authority, explicit=ON)
    await made.sam.watch.look()
    yield made
    await made.close()


_count = iter(range(1000))


@pytest.fixture
def house_settings(sam_token: TokenFiles, hsm_module: Path, tmp_path: Path) -> HsmSettings:
    """A token of the test's own, so that its rotations are nobody else's."""
    label = f"rotated-{next(_count)}"
    add_token(label, hsm_module)
    said = {"module": hsm_module, "token_label": label, "pin": "1234", "quiet_lock": tmp_path / "quiet"}
    settings = HsmSettings.model_validate(said)
    initialise_sam_slot(Token(settings), START)
    return settings


@pytest.fixture
async def own(
    house_settings: HsmSettings, database: TestDatabase, authority: Authority, tmp_path: Path
) -> AsyncIterator[World]:
    """A SAM over it."""
    opened = Hsm(house_settings)
    await opened.open()
    made = await open_world(opened, database, tmp_path / "sam-0.head", FixedClock(START), authority)
    await made.sam.watch.look()
    yield made
    await made.close()
    await opened.close()


@pytest.fixture
async def children(
    database: TestDatabase, authority: Authority, hsm_settings: HsmSettings, sam_token: TokenFiles, tmp_path: Path
) -> AsyncIterator[list[Child]]:
    """Two SAMs, not started, on one database and one token."""
    (tmp_path / "trust.json").write_text(json.dumps({"v": 1, "sam": [], "ac": [authority.public.jwk]}))
    operators = {"v": 1, "operators": [{"name": "Ana", "key": authority.operator.public.jwk}]}
    (tmp_path / "operators.json").write_text(json.dumps(operators))
    (tmp_path / "root.pem").write_bytes(authority.root.public_bytes(Encoding.PEM))
    made = []
    for name in ("sam-0", "sam-1"):
        settings = {
            "name": name, "environment": "development", "listen": f"unix:{tmp_path}/{name}.sock",
            "database": database.dsn("linkid_sam"), "head_file": str(tmp_path / f"{name}.head"),
            "trust": str(tmp_path / "trust.json"), "root_certificate": str(tmp_path / "root.pem"),
            "operators": str(tmp_path / "operators.json"),
            "hsm": {"module": str(hsm_settings.module), "token_label": hsm_settings.token_label,
                    "pin": hsm_settings.pin.get_secret_value()},
        }  # fmt: skip
        made.append(Child(settings, tmp_path, sam_token.conf))
    yield made
    for child in made:
        if child.process is not None and child.process.returncode is None:
            child.process.kill()
            await child.process.wait()
        await child.client.close()
        if child.log.exists():
            print(child.log.read_text(encoding="utf-8"))  # shown when the test fails
