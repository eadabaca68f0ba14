"""Where there is no sandbox: without one running, so that it costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkid.__main__ import main


def test_production_has_no_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Phones that approve what nobody read have no business there: refused before anything is made."""
    earnest = {"ENVIRONMENT": "production", "APP__URL": "https://a.example", "GATEWAY__URL": "https://g.example"}
    for name, value in {**earnest, "VAR": str(tmp_path / "var")}.items():
        monkeypatch.setenv(f"LINKID__{name}", value)
    for words in (["sandbox"], ["sandbox", "--make"]):
        assert main(words) == 2
        assert "for development only" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()
