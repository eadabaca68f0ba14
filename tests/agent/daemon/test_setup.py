"""`setup` shows, does and undoes; it replaces nothing that it did not write, and says what it cannot do."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Sequence
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from desktop_agent import places
from desktop_agent.errors import AgentError
from desktop_agent.profiles import Profiles
from desktop_agent.setup import desktop, plan
from desktop_agent.setup.parts import MODULE_NAME, File, NssModule, Part, State
from desktop_agent.setup.plan import Computer, make
from desktop_agent.setup.record import Record
from desktop_agent.sight import look
from linkid.platform import program
from tests.agent.daemon.conftest import Running

PROGRAMS = ("certutil", "modutil")


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    """A home with a Chromium and a Firefox that were used, without systemd."""
    monkeypatch.setattr(plan, "found", lambda name: program(name) if name in PROGRAMS else None)
    monkeypatch.setattr(plan, "library", lambda name: program("p11-kit-client"))
    home = tmp_path / "pessoa"
    (home / ".config" / "chromium").mkdir(parents=True)
    (home / ".mozilla" / "firefox" / "abc.default").mkdir(parents=True)
    (home / ".mozilla" / "firefox" / "abc.default" / "cert9.db").touch()
    return Computer(home, home / ".config", Path("/opt/with space/linkid-desktop"))


def done(parts: Sequence[Part], record: Record) -> Sequence[Part]:
    """All that is to do, except in databases: tests of programs do that."""
    chosen = [part for part in parts if isinstance(part, File) and part.state(record)[0] is State.TO_DO]
    for part in chosen:
        part.do(record)
    return chosen


def test_it_is_done_once_and_undone_whole(profiles: Profiles, computer: Computer) -> None:
    """Every file is there, again there is nothing to do; undone, nothing of ours is left and nothing else is gone."""
    before = sorted(path for path in computer.home.rglob("*") if path.is_file())
    parts, record = make(profiles, computer).parts, Record(profiles.home)
    assert len(done(parts, record)) >= 5
    assert not done(parts, Record(profiles.home))
    manifest = json.loads((computer.config / "chromium/NativeMessagingHosts/eu.webeid.json").read_text())
    assert manifest["allowed_origins"][0] == "chrome-extension://ncibgoaomkmdpilpocfeponihegamlic/"
    starter = Path(manifest["path"])
    assert stat.S_IMODE(starter.stat().st_mode) == 0o755
    assert '"/opt/with space/linkid-desktop" web-eid-host' in starter.read_text()
    module = (computer.config / "pkcs11/modules/linkid.module").read_text()
    assert f"remote: unix:path={places.runtime_folder(profiles.home)}/p11" in module
    for part in parts:
        if isinstance(part, File):
            assert "apagado" in part.undo(Record(profiles.home))
    assert sorted(path for path in computer.home.rglob("*") if path.is_file()) == before
    assert Record(profiles.home).files == []


def test_the_window_among_the_programs(
    profiles: Profiles, computer: Computer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Desktop, Dolphin and GNOME start it with the files, whatever stands in its path; if it is missing, it is said."""
    monkeypatch.setattr(desktop, "found", lambda name: Path("/usr/bin") / name)
    strange = tmp_path / "a 100% $HOME `x` \"y\" 'z' \\" / "linkid-desktop"
    strange.parent.mkdir()
    strange.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$OUT"\n')
    strange.chmod(0o755)
    parts = [*desktop.entries(replace(computer, command=strange))]
    assert [part.state(Record(profiles.home))[0] for part in parts] == [State.TO_DO] * 3
    done(parts, Record(profiles.home))
    application, menu, script = (part.path for part in parts)
    entry = ConfigParser(interpolation=None, strict=True)
    entry.read(application, "utf-8")
    assert entry["Desktop Entry"]["MimeType"] == "application/pdf;application/xml;text/xml;"
    assert Path(entry["Desktop Entry"]["Icon"]).read_bytes().startswith(b"<svg")
    # the specification: once as a string, then as a quoted argument, then the field codes
    text = entry["Desktop Entry"]["Exec"].replace("\\\\", "\\")
    read = ["sh", "-c", f"printf '%s\\n' {text.replace('%%', '%')}"]  # quotes as a shell does
    assert subprocess.run(read, capture_output=True, text=True).stdout.splitlines() == [str(strange), "window", "%F"]
    assert stat.S_IMODE(menu.stat().st_mode) == stat.S_IMODE(script.stat().st_mode) == 0o755
    subprocess.run([script, "x y.pdf"], check=True, env={"OUT": str(tmp_path / "out")})
    assert (tmp_path / "out").read_text() == "window\nx y.pdf\n"
    monkeypatch.setattr(desktop, "has_window", lambda: False)
    assert any("linkid-desktop[window]" in line for line in make(profiles, computer).lacking)


def test_somebody_elses_file_stays(profiles: Profiles, computer: Computer) -> None:
    """A real Web eID's manifest is not replaced, and the person is told; nor is a file removed that was changed."""
    real = computer.config / "chromium" / "NativeMessagingHosts" / "eu.webeid.json"
    real.parent.mkdir()
    real.write_text('{"path": "/usr/bin/web-eid"}')
    record = Record(profiles.home)
    parts = make(profiles, computer).parts
    (ours,) = [part for part in parts if isinstance(part, File) and part.path == real]
    state, why = ours.state(record)
    assert state is State.SOMEBODY_ELSES
    assert str(real) in why
    module = next(part for part in parts if isinstance(part, File) and part.path.name == "linkid.module")
    module.do(record)
    module.path.write_text("remote: unix:path=/elsewhere\n")
    assert "não foi apagado" in module.undo(Record(profiles.home))
    assert module.path.exists()
    module.path.unlink()
    module.path.symlink_to("/nonexistent")
    assert module.state(record)[0] is State.SOMEBODY_ELSES


def test_a_home_that_cannot_be_written(profiles: Profiles, computer: Computer, tmp_path: Path) -> None:
    """The system's refusal comes out as it is, and nothing is recorded that was not done."""
    (tmp_path / "file").touch()
    part = File("x", tmp_path / "file" / "below", "content")
    with pytest.raises(OSError):
        part.do(Record(profiles.home))
    assert Record(profiles.home).files == []


def test_what_is_missing_is_said(profiles: Profiles, computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No NSS tools, no p11-kit, a browser in a snap: each with its cure."""
    (computer.home / "snap" / "firefox").mkdir(parents=True)
    assert any("snap" in line for line in make(profiles, computer).lacking)
    monkeypatch.setattr(plan, "found", lambda name: None)
    assert any("libnss3-tools" in line for line in make(profiles, computer).lacking)
    monkeypatch.setattr(plan, "library", lambda name: None)
    assert any("p11-kit-modules" in line for line in make(profiles, computer).lacking)


def test_a_browser_that_is_open_is_left_alone(profiles: Profiles, computer: Computer) -> None:
    """Firefox writes its database itself while it runs: we wait until it is closed, and say so."""
    folder = computer.home / ".mozilla" / "firefox" / "abc.default"
    part = NssModule("Firefox", folder, Path("/lib/p11-kit-proxy.so"), program("modutil"))
    assert part.state(Record(profiles.home))[0] is State.TO_DO
    (folder / "lock").symlink_to(f"127.0.1.1:+{os.getpid()}")
    state, why = part.state(Record(profiles.home))
    assert (state, "feche" in why) == (State.SOMEBODY_ELSES, True)


def test_a_real_database(profiles: Profiles, computer: Computer) -> None:
    """certutil makes it, modutil adds our module and takes it out again; a broken one is an error in words."""
    record, parts = Record(profiles.home), make(profiles, computer).parts
    database, module = [part for part in parts if "nssdb" in part.what][:2]
    for part in (database, module):
        assert part.state(record)[0] is State.TO_DO
        part.do(record)
        assert part.state(record)[0] is State.DONE
    assert MODULE_NAME in (computer.home / ".pki/nssdb/pkcs11.txt").read_text()
    module.undo(Record(profiles.home))
    assert MODULE_NAME not in (computer.home / ".pki/nssdb/pkcs11.txt").read_text()
    assert "não foi alterado" in module.undo(Record(profiles.home))
    broken = NssModule("Firefox", computer.home / "nowhere", Path("/lib/x.so"), program("modutil"))
    with pytest.raises(AgentError, match="modutil não conseguiu"):
        broken.do(record)


async def test_doctor_says_why_a_program_sees_nothing(running: Running, computer: Computer, profiles: Profiles) -> None:
    """No module file, one that points elsewhere, no daemon, no certificate: each is found, with its cure."""
    (sentence,) = await look(profiles, computer)
    assert sentence.good
    assert "linkid-desktop setup" in sentence.what
    module = next(part for part in make(profiles, computer).parts if isinstance(part, File))
    module.do(Record(profiles.home))
    module.path.write_text("remote: unix:path=/elsewhere\n")
    running.gateway.ended = True
    bad = [finding.what for finding in await look(profiles, computer) if not finding.good]
    assert any("aponta para outro lugar" in what for what in bad)
    assert any("Firefox não conhece" in what for what in bad)
    assert any("o daemon não tem nenhum certificado" in what for what in bad)
    running.gateway.ended = False
    assert any("os programas veem" in finding.what for finding in await look(profiles, computer)), "before any came"
