"""A SAM does not start over a token that is weaker than the ones we make."""

import os
import subprocess
from pathlib import Path

import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag
from pydantic import SecretStr

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import SlotDamaged
from hsm_service.hsm.module import Module
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot
from hsm_service.hsm.templates import FOR_EVER, FORCED
from hsm_service.hsm.token import Room, Token
from hsm_service.sam.process import build_sam
from linkid.platform import program
from tests.sam.world import START, Authority
from tests.support.postgres import TestDatabase


@pytest.fixture(scope="module")
def weak_slot(hsm_settings: HsmSettings) -> HsmSettings:
    """Complete, and its KEK may decrypt what it wraps: whoever has the PIN reads blobs."""
    argv = ["--init-token", "--free", "--label", "weak-sam", "--so-pin", "12345678", "--pin", "1234"]
    subprocess.run([str(program("softhsm2-util")), *argv], check=True, capture_output=True, env=dict(os.environ))
    module = Module.load(hsm_settings.module)
    module.renew(module.epoch)
    settings = hsm_settings.model_copy(update={"token_label": "weak-sam", "pin": SecretStr("1234")})
    Token(settings).run(_make_kek)
    initialise_sam_slot(Token(settings), START)
    return settings


def _make_kek(room: Room) -> None:
    uses = MechanismFlag.WRAP | MechanismFlag.UNWRAP | MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT
    template = {**FOR_EVER, Attribute.UNWRAP_TEMPLATE: FORCED}
    room.session.generate_key(KeyType.AES, 256, store=True, label="kek.1", capabilities=uses, template=template)


async def test_a_kek_that_may_decrypt(
    weak_slot: HsmSettings, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """It is looked for before anything is served: the message says what is wrong."""
    hsm, clock = Hsm(weak_slot), FixedClock(START)
    await hsm.open()
    opened = Database(await open_pool(database.dsn("linkid_sam")))
    try:
        with pytest.raises(SlotDamaged, match="the KEK may decrypt"):
            audit = AuditChain(opened, "sam-0", clock, tmp_path / "sam-0.head")
            await build_sam(hsm, opened, audit, authority.pins(), clock=clock)
    finally:
        await opened.close()
        await hsm.close()
