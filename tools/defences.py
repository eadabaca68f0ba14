#!/usr/bin/env python3
"""Turns each defence off, in a copy of the project, and runs the test that should notice.

    .venv/bin/python -m tools.defences             all of tests/attacks/defences.toml (an hour and a half)
    .venv/bin/python -m tools.defences possession  those with that word in their name

Exit code 1 when a test does not notice: then nothing holds that defence, and a test is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests/attacks/defences.toml"
_LINKED = ("var/deps", "phone_app/node_modules", "tests/oauth/strangers/node_modules")
_COPIED = ("phone_app/dist",)  # built anew for a browser when a source is changed


@dataclass(frozen=True)
class Defence:
    """A line of ours, what is put in its place, and who should notice: a test of pytest, or a file of vitest's."""

    name: str
    file: str
    find: str
    instead: str
    test: str


def read_table() -> list[Defence]:
    """All of them."""
    return [Defence(**entry) for entry in tomllib.loads(TABLE.read_text(encoding="utf-8"))["defence"]]


def copy(to: Path) -> None:
    """The project as it is now, with what is dear to make linked."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    for name in _LINKED:
        if (ROOT / name).exists() and not (to / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).symlink_to(ROOT / name)
    for name in _COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, to / name, dirs_exist_ok=True)
    _environment(to)


def _environment(to: Path) -> None:
    """A Python that knows our libraries and the copy: one that a test starts without any environment has it, too."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", to / ".venv"], check=True)
    (packages,) = (to / ".venv").glob("lib/python*/site-packages")
    (packages / "copy.pth").write_text(f"{to}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")


def noticed(defence: Defence, project: Path) -> bool:
    """Whether its test fails without it."""
    file = project / defence.file
    text = file.read_text(encoding="utf-8")
    if text.count(defence.find) != 1:
        raise SystemExit(f"{defence.name}: its line is not there once in {defence.file}; see {TABLE.name}")
    file.write_text(text.replace(defence.find, defence.instead), encoding="utf-8")
    try:
        return _run(defence.test, project) != 0
    finally:
        file.write_text(text, encoding="utf-8")


def _run(test: str, project: Path) -> int:
    words = ["tools.web", "test"] if test.endswith(".ts") else ["pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    python = project / ".venv/bin/python"  # the copy's code, not that which is installed in place
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    quiet = subprocess.DEVNULL
    if test.startswith("tests/phone/"):
        subprocess.run([python, "-m", "tools.web", "build"], cwd=project, env=environment, stdout=quiet, check=True)
    return subprocess.run([python, "-m", *words], cwd=project, env=environment, stdout=quiet, stderr=quiet).returncode


def main(words: list[str]) -> int:
    survived = 0
    with tempfile.TemporaryDirectory(prefix="linkid-defences-") as folder:
        project = Path(folder)
        copy(project)
        chosen = [one for one in read_table() if not words or any(word.lower() in one.name.lower() for word in words)]
        whole: set[str] = set()
        for defence in chosen:
            # What fails with everything in place would "notice" anything. A machine that is slow gets a second look.
            if defence.test not in whole and all(_run(defence.test, project) for _ in range(2)):
                told = "FAILS ANYWAY"
            else:
                whole.add(defence.test)
                told = "noticed" if noticed(defence, project) else "NOT NOTICED"
            survived += told != "noticed"
            print(f"{told:<12} {defence.name}: {defence.test}", flush=True)
        print(f"{len(chosen) - survived} of {len(chosen)} noticed", flush=True)
    return 1 if survived or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
