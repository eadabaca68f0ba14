"""An AC in this process: its own slot in SoftHSM, its own schema, its private socket."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from foundation.channel import PrivateClient
from foundation.clock import FixedClock
from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_ac_slot
from hsm_service.hsm.token import Token
from issuance.ac.process import RunningAc, initialise_authority, serving_ac
from issuance.ac.settings import AcSettings
from linkid.platform import program
from protocol.keys import P256Key
from softhsm_config.tokens import Token as TokenFiles
from tests.issuance.people import FakeSam, Operator, Visitor, public_of, write_pins
from tests.support.postgres import TestDatabase

LABEL = "issuance-ac"
_MADE: list[HsmSettings] = []


@pytest.fixture(scope="session")
def ac_slot(sam_token: TokenFiles, hsm_module: Path) -> HsmSettings:
    """The AC's slot with its objects; RSA-4096 takes a while, so once per test process (other folders import this)."""
    if _MADE:
        return _MADE[0]
    argv = ["--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", "1234"]
    subprocess.run([str(program("softhsm2-util")), *argv], check=True, capture_output=True, env=dict(os.environ))
    module = Module.load(hsm_module)
    module.renew(module.epoch)
    settings = HsmSettings(module=hsm_module, token_label=LABEL, pin=SecretStr("1234"))
    initialise_ac_slot(Token(settings), datetime.now(UTC))
    _MADE.append(settings)
    return settings


@pytest.fixture
def ac_root_key(ac_slot: HsmSettings) -> P256Key:
    """The public half of the AC's root, as `linkid hsm init` notes it in trust.json."""
    return Token(ac_slot).run(lambda room: room.p256_public("root.1"))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A Unix socket's address has little room."""
    folder = Path(f"/tmp/linkid-ac-{os.getpid()}")
    folder.mkdir(mode=0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def settings(database: TestDatabase, ac_slot: HsmSettings, tmp_path: Path, short_folder: Path) -> AcSettings:
    """An AC of this test alone."""
    return AcSettings(
        dsn=database.dsn("linkid_ac"),
        hsm=ac_slot,
        listen=f"unix:{short_folder}/ac.sock",
        pki_folder=tmp_path / "pki",
        head_file=tmp_path / "ac.head",
        trust_file=tmp_path / "trust.json",
        operators_file=tmp_path / "operators.json",
    )


@pytest.fixture
def clock() -> FixedClock:
    """Begins at the real time of this test: captchas and the visitor's DPoP proofs carry the machine's."""
    return FixedClock(datetime.now(UTC).replace(microsecond=0))


@dataclass
class World:
    """Everybody, and the AC between them."""

    ac: RunningAc
    client: PrivateClient
    settings: AcSettings
    database: TestDatabase
    clock: FixedClock
    operator: Operator
    sam: FakeSam

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def visitor(self) -> Visitor:
        return Visitor(self.client, self.operator.ac_root)


@pytest.fixture
async def world(settings: AcSettings, clock: FixedClock, database: TestDatabase) -> AsyncIterator[World]:
    """A serving AC, an operator it knows, a SAM it knows."""
    await initialise_authority(settings, clock)
    async with serving_ac(settings, clock) as ac, PrivateClient(settings.listen) as client:
        operator = Operator(client, await ac.hsm.root())
        sam = FakeSam()
        write_pins(settings.trust_file, settings.operators_file, public_of(sam.root), public_of(operator.key))
        yield World(ac, client, settings, database, clock, operator, sam)
