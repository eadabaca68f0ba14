"""LINKID_PROFILE: where a process spent its time, in development."""

from __future__ import annotations

import pstats
from pathlib import Path

import pytest

from linkid import running
from linkid.environment import OWN, environment_of
from linkid.running import run_process
from linkid.settings import AppHost, Gateway, Settings


async def the_work_of_this_test() -> None:
    """Something to find in a profile."""


@pytest.fixture(autouse=True)
def _our_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' process stays readable, and its logs go where other tests look for them."""
    monkeypatch.setattr(running, "keep_memory_private", lambda: None)
    monkeypatch.setattr(running, "configure", lambda *_, **__: None)


def test_a_profile_is_written_when_the_process_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file, named after the process, in which its functions are found."""
    monkeypatch.setenv("LINKID_PROFILE", str(tmp_path / "profiles"))
    assert run_process(Settings(), "sam-0", the_work_of_this_test) == 0
    (file,) = (tmp_path / "profiles").glob("sam-0-*.prof")
    functions = {name for _, _, name in pstats.Stats(str(file)).stats}  # type: ignore[attr-defined]
    assert "the_work_of_this_test" in functions


def test_without_the_variable_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process is profiled only when told to be."""
    monkeypatch.delenv("LINKID_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run_process(Settings(), "sam-0", the_work_of_this_test) == 0
    assert list(tmp_path.rglob("*.prof")) == []


def test_production_refuses_to_be_profiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process says why, and does not begin its work."""
    began = []

    async def work() -> None:
        began.append(True)

    monkeypatch.setenv("LINKID_PROFILE", str(tmp_path))
    settings = Settings(
        environment="production",
        app=AppHost(url="https://app.example.com"),
        gateway=Gateway(url="https://api.example.com"),
    )
    assert run_process(settings, "gateway-0", work) == 1
    assert "LINKID_PROFILE" in capsys.readouterr().err
    assert (began, list(tmp_path.iterdir())) == ([], [])


def test_gateway_and_sam_are_told_of_it_and_nobody_else() -> None:
    """Under `linkid serve`."""
    told = {process for process in OWN if "LINKID_PROFILE" in environment_of(process, {"LINKID_PROFILE": "/x"})}
    assert told == {"gateway", "sam"}
