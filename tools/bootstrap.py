#!/usr/bin/env python3
"""Sets up what Link ID needs on this machine. Needs only python3; safe to run again (a second run takes well under a second).

    python3 tools/bootstrap.py            the Python environment .venv, with locked libraries

Every step says what it does, skips itself when its inputs did not change (stamp files), and, when something cannot be had,
ends with ONE line that says what to install.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
DEPS = ROOT / "var" / "deps"
OLDEST_PYTHON = (3, 11)


class CannotSetUp(Exception):
    """Something is missing that we cannot bring ourselves; the message is the one line that says what to install."""


def say(text: str) -> None:
    """One progress line for a person."""
    print(f"  setup  {text}", flush=True)


def digest_of(*paths: Path) -> str:
    """SHA-256 over the contents of *paths* and the Python that runs us, in hex."""
    hasher = hashlib.sha256(sys.version.encode() + str(VENV).encode())
    for path in paths:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def run(*argv: str | Path, **options: object) -> None:
    """Run a program; its output is shown only when it fails."""
    done = subprocess.run(
        [str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise CannotSetUp(f"this command failed (its words are above): {' '.join(str(a) for a in argv)}")


# --- Python libraries -------------------------------------------------------------------------------------------------


def python_environment() -> None:
    """`.venv` with exactly the libraries of locks/all.txt, and our two distributions installed in place."""
    lock, server, agent = ROOT / "locks/all.txt", ROOT / "pyproject.toml", ROOT / "desktop_agent/pyproject.toml"
    stamp, wanted = VENV / ".setup-done", digest_of(lock, server, agent)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    python = VENV / "bin/python"
    if not _same_python(python):
        say(f"making .venv with Python {sys.version.split()[0]}")
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)
    pip = _a_pip(python)
    say("installing the Python libraries (the first time takes a minute or two)")
    run(*pip, "install", "-q", "--require-hashes", "-r", lock)
    run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-e",
        ROOT,
        "-e",
        ROOT / "desktop_agent",
    )
    stamp.write_text(wanted)
    say(f"Python libraries ready ({time.monotonic() - started:.0f} s)")


def _same_python(python: Path) -> bool:
    if not python.exists():
        return False
    asked = subprocess.run([python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True)
    return asked.stdout.strip() == sys.version


def _a_pip(python: Path) -> list[str | Path]:
    """The words that run some pip inside *python*'s environment; it then installs the locked one."""
    words: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check"]
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return words
    if subprocess.run([python, "-m", "ensurepip", "--default-pip"], capture_output=True).returncode == 0:
        return words
    from debian import private_package  # Debian leaves ensurepip out of python3, and carries pip as a package

    say("bringing pip from Debian's own package")
    tree = private_package("python3-pip-whl", DEPS / "pip")
    wheels = sorted((tree / "usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise CannotSetUp("no pip for this Python; please install it: apt-get install python3-venv")
    return [python, wheels[-1] / "pip", "--disable-pip-version-check"]


def main() -> int:
    os.chdir(ROOT)
    if sys.version_info < OLDEST_PYTHON:
        print("Link ID needs Python 3.11 or newer; this is " + sys.version.split()[0], file=sys.stderr)
        return 1
    DEPS.mkdir(parents=True, exist_ok=True)
    with (DEPS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make`s at once: the second waits, then finds the work done
        try:
            python_environment()
        except CannotSetUp as missing:
            print(f"setup: {missing}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
