"""One token per process, each in a folder of its own, its PINs random and kept in files that only its owner reads.

<tokens>/sam/softhsm2.conf      what SOFTHSM2_CONF of that process names
<tokens>/sam/slot/…             SoftHSM's own files
<secrets>/hsm-sam.pin           the user PIN: the process needs it
<secrets>/hsm-sam.so-pin        the security officer's PIN: only for re-initialising; keep it elsewhere in earnest
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

LABELS: Final = {"sam": "linkid-sam", "ac": "linkid-ac"}
"""Process: the label of its token."""

_TOOL_SECONDS: Final = 30.0


class TokenFailed(Exception):
    """SoftHSM did not do what we asked; the message ends with its own words."""


@dataclass(frozen=True)
class Token:
    """Where a token is and how it is opened."""

    label: str
    conf: Path
    """Value for SOFTHSM2_CONF, before the module is loaded; SoftHSM reads it once per process."""
    pin_file: Path
    so_pin_file: Path

    @property
    def pin(self) -> str:
        """The user PIN."""
        return self.pin_file.read_text(encoding="ascii")


def ensure_token(process: str, tokens: Path, secrets_folder: Path, module: Path) -> Token:
    """The token of *process* (`sam` or `ac`), initialised when it is not there yet; never touched when it is.

    `module` is libsofthsm2.so. Raises TokenFailed; also when the token is there but its PIN file
    is not, because a new token in its place would make every key wrapped under the old one worthless.
    """
    folder = tokens / process
    token = Token(
        LABELS[process],
        folder / "softhsm2.conf",
        secrets_folder / f"hsm-{process}.pin",
        secrets_folder / f"hsm-{process}.so-pin",
    )
    slot = folder / "slot"
    for path in (folder, slot, secrets_folder):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(token.conf, configuration(slot))
    if any(slot.glob("*/token.object")):
        if not token.pin_file.exists():
            raise TokenFailed(f"the token {token.label} exists but {token.pin_file} does not: restore that file")
        return token
    _initialise(token, slot, module)
    return token


def configuration(slot: Path) -> str:
    """The text of softhsm2.conf for a token below *slot*."""
    return resources.files(__package__).joinpath("softhsm2.conf").read_text("utf-8").replace("@TOKENS@", str(slot))


def _initialise(token: Token, slot: Path, module: Path) -> None:
    pin, so_pin = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    _write(token.so_pin_file, so_pin)
    _write(token.pin_file, pin)
    done = subprocess.run(
        [sys.executable, "-m", "softhsm_config.initialise", str(module), token.label],
        env={**os.environ, "SOFTHSM2_CONF": str(token.conf)},
        input=f"{so_pin}\n{pin}\n",
        capture_output=True,
        text=True,
        timeout=_TOOL_SECONDS,
    )
    if done.returncode != 0 or not any(slot.glob("*/token.object")):
        for half_made in slot.iterdir():
            shutil.rmtree(half_made)
        raise TokenFailed(f"the token {token.label} could not be initialised: {done.stderr.strip()[-500:]}")


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
