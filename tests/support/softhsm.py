"""Fresh SoftHSM tokens. The library reads SOFTHSM2_CONF once per process: a test process has one for good.

    def test_x(sam_token: Token) -> None: ...   one token per test process, label linkid-sam
    new_token(tmp_path, "ac")                   another one, for a child started with {"SOFTHSM2_CONF": str(token.conf)}
    add_token("spare", hsm_module)              a further empty one beside `sam_token`, PIN 1234

A test that loads the PKCS#11 module in its own process takes `sam_token`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hsm_service.hsm.module import Module
from linkid.platform import program
from softhsm_config.tokens import Token, ensure_token


def new_token(folder: Path, process: str = "sam") -> Token:
    """A fresh token below *folder* (`tokens/`, `secrets/`)."""
    return ensure_token(process, folder / "tokens", folder / "secrets", program("softhsm-module"))


def add_token(label: str, module: Path) -> None:
    """A further empty token in the same SoftHSM; the loaded module looks again."""
    argv = [
        str(program("softhsm2-util")),
        "--init-token",
        "--free",
        "--label",
        label,
        "--so-pin",
        "12345678",
        "--pin",
        "1234",
    ]
    subprocess.run(argv, check=True, capture_output=True, env=dict(os.environ))
    loaded = Module.load(module)
    loaded.renew(loaded.epoch)


@pytest.fixture(scope="session")
def hsm_module() -> Path:
    """The PKCS#11 module of SoftHSM on this machine."""
    return program("softhsm-module")


@pytest.fixture(scope="session")
def sam_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """The token of this test process, with SOFTHSM2_CONF set for the module to find it."""
    token = new_token(tmp_path_factory.mktemp("softhsm"))
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(token.conf)
    yield token
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before
