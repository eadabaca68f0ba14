"""Tokens and PINs."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from linkid.platform import program
from softhsm_config.tokens import Token, TokenFailed, ensure_token
from tests.support.softhsm import new_token


def test_a_token_is_made_once_and_found_afterwards(tmp_path: Path) -> None:
    """Asking twice gives the same token with the same PIN: what lies under it stays readable."""
    first = new_token(tmp_path, "sam")
    pin = first.pin
    assert new_token(tmp_path, "sam").pin == pin
    assert len([*(first.conf.parent / "slot").iterdir()]) == 1


def test_each_process_has_a_token_and_pin_of_its_own(tmp_path: Path) -> None:
    """Neither the SAM's configuration nor its PIN opens the AC's token."""
    sam, ac = new_token(tmp_path, "sam"), new_token(tmp_path, "ac")
    assert sam.pin != ac.pin
    assert sam.conf.parent != ac.conf.parent
    assert (sam.label, ac.label) == ("linkid-sam", "linkid-ac")


def test_pins_and_tokens_are_for_their_owner_only(tmp_path: Path) -> None:
    """Files 0600, folders 0700, down to SoftHSM's own objects."""
    token = new_token(tmp_path)
    assert stat.S_IMODE(token.pin_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(token.so_pin_file.stat().st_mode) == 0o600
    for path in [token.conf.parent, *token.conf.parent.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_lost_pin_file_never_makes_a_new_token(tmp_path: Path) -> None:
    """A new token in the old one's place would lose every key: refused with the file to restore."""
    token = new_token(tmp_path)
    token.pin_file.unlink()
    with pytest.raises(TokenFailed, match=r"restore"):
        new_token(tmp_path)


def test_a_module_that_refuses_is_told_in_words(tmp_path: Path) -> None:
    """No half-made token is left behind, so that the next try starts from the beginning."""
    with pytest.raises(TokenFailed, match="linkid-sam could not be initialised"):
        ensure_token("sam", tmp_path / "tokens", tmp_path / "secrets", tmp_path / "no-such-module.so")
    assert new_token(tmp_path).pin


def test_a_token_can_be_opened_with_its_pin(sam_token: Token, hsm_module: Path) -> None:
    """What was initialised is what a PKCS#11 client can log in to."""
    asked = subprocess.run(
        [str(program("softhsm2-util")), "--module", str(hsm_module), "--show-slots"],
        env={"SOFTHSM2_CONF": str(sam_token.conf), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert "linkid-sam" in asked.stdout
