"""A SAM and a token that is not its own."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.audit import AuditChain
from foundation.clock import FixedClock
from foundation.database import Database, open_pool
from foundation.exits import NEVER_AGAIN
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import TokenChanged
from hsm_service.sam.process import build_sam, worn_at
from hsm_service.sam.settings import SamSettings
from linkid.serve import children as children_of
from linkid.settings import Settings
from tests.sam.children import Child
from tests.sam.world import START, Authority, Signer, World
from tests.support.postgres import TestDatabase
from tests.support.softhsm import new_token


async def test_a_root_that_no_client_trusts_is_refused(
    hsm: Hsm, database: TestDatabase, authority: Authority, tmp_path: Path
) -> None:
    """A SAM started anew on another token of the same label knows by trust.json that it is not ours."""
    stranger, root, clock = Signer().public, await hsm.root(), FixedClock(START)
    opened = Database(await open_pool(database.dsn("linkid_sam")))
    try:
        audit = AuditChain(opened, "sam-0", clock, tmp_path / "head")
        pinned = dataclasses.replace(authority.pins(), sam_roots={stranger.jkt: stranger})
        with pytest.raises(TokenChanged, match=r"trust\.json"):
            await build_sam(hsm, opened, audit, pinned, clock=clock)
        both = dataclasses.replace(pinned, sam_roots={stranger.jkt: stranger, root.jkt: root})
        await build_sam(hsm, opened, audit, both, clock=clock)
    finally:
        await opened.close()


def test_a_command_whose_pin_is_refused_says_so_by_its_code(tmp_path: Path) -> None:
    """`linkid hsm init`, which `linkid serve` runs first, is not run again after it: three starts are three tries."""
    token = new_token(tmp_path)
    token.pin_file.write_text("not the PIN")
    argv = [sys.executable, "-m", "linkid", "hsm", "init", "sam"]
    done = subprocess.run(argv, env={**os.environ, "LINKID__VAR": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == NEVER_AGAIN, done.stderr
    assert "hsm_login_refused" in done.stderr
    table = {child.name: child for child in children_of(Settings())}
    assert all(NEVER_AGAIN in table[name].never_again for name in ("hsm-sam", "hsm-ac", "sam-0", "ac"))


async def test_status_says_what_is_wrong(world: World) -> None:
    """Ready without a why, or not ready with the code of what is wrong; and the numbers of the HSM."""
    said = await world.call("status")
    assert (said["ready"], said["why"]) == (True, None)
    assert set(said["hsm"]) == {
        "request", "suspect", "login", "hanging", "renewals", "renewals_failed", "session_objects",
    }  # fmt: skip
    token = world.sam.hsm.token
    token.circuit.failed(TokenChanged("another"), 0.0, 0.0)
    said = await world.call("status")
    assert (said["ready"], said["why"]) == (False, "hsm_token_changed")
    token.circuit.healed()
    world.sam.watch.drain()
    assert (await world.call("status"))["why"] == "draining"


async def test_no_two_sams_wear_out_together(children: list[Child]) -> None:
    """Each of ten, in a fifth of the number beyond it, at least two hundredths from every other; 0 means never."""
    (first, _) = children
    at = []
    for number in range(10):
        settings = SamSettings.model_validate({**first.settings, "name": f"sam-{number}"})
        at.append(worn_at(settings))
        assert 200_000 <= at[-1] <= 240_000
    gaps = [later - earlier for earlier, later in zip(sorted(at), sorted(at)[1:], strict=False)]
    assert min(gaps) > 2_000
    never = {**first.settings, "hsm": {**first.settings["hsm"], "recycle_unwraps": 0}}
    assert worn_at(SamSettings.model_validate(never)) == 0
