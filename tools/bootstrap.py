#!/usr/bin/env python3
"""Sets up what Link ID needs on this machine. Needs only python3; safe to run again (then it takes a blink).

    python3 -m tools.bootstrap            the Python environment .venv with locked libraries, and SoftHSM
    python3 -m tools.bootstrap tests      the same, and the programs that tests and the demonstration call
    python3 -m tools.bootstrap tests survey   and, as far as they can be had, those that `make test-programs` tries

Root gets programs by apt-get; anybody else gets them unpacked below var/deps (LINKID_PRIVATE_PROGRAMS=1: root too).
Every step says what it does, skips itself when nothing changed, and, when something cannot be had, ends with ONE line
that says what to install.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

from tools import debian, programs

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
DEPS = ROOT / "var" / "deps"
OLDEST_PYTHON = (3, 11)


class CannotSetUp(Exception):
    """Something is missing that we cannot bring ourselves; the message is the one line that says what to install."""


def say(text: str) -> None:
    """One progress line for a person."""
    print(f"  setup  {text}", flush=True)


def digest_of(lock: Path, *projects: Path) -> str:
    """SHA-256, in hex, over what the environment is made from: our Python, the versions, how we are packaged."""
    import tomllib  # here, so that an older Python reaches the line that says it is too old

    hasher = hashlib.sha256(sys.version.encode() + str(VENV).encode() + lock.read_bytes())
    for project in projects:
        told = tomllib.loads(project.read_text(encoding="utf-8"))
        parts = [told["project"], told["build-system"], told["tool"]["hatch"]]  # not the settings of lint and tests
        hasher.update(json.dumps(parts, sort_keys=True).encode())
    return hasher.hexdigest()


def run(*argv: str | Path) -> None:
    """Run a program; its output is shown only when it fails."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise CannotSetUp(f"this command failed (its words are above): {' '.join(words)}")


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
    # Debian leaves ensurepip out of python3, and carries pip as a package of its own.
    advice = "no pip for this Python; please run as root: apt-get install python3-venv"
    if not debian.is_here():
        raise CannotSetUp(advice)
    say("bringing pip from Debian's own package")
    tree = debian.PrivateTree(DEPS / "pip", DEPS / "apt")
    try:
        tree.add(["python3-pip-whl"])
    except debian.AptFailed as cause:
        raise CannotSetUp(f"{advice}   ({cause})") from cause
    wheels = sorted((tree.root / "usr/share/python-wheels").glob("pip-*.whl"))
    if not wheels:
        raise CannotSetUp(advice)
    return [python, wheels[-1] / "pip", "--disable-pip-version-check"]


def main() -> int:
    if sys.version_info < OLDEST_PYTHON:
        print("setup: Link ID needs Python 3.11 or newer; this is " + sys.version.split()[0], file=sys.stderr)
        return 1
    wanted = programs.SOFTHSM + (programs.FOR_TESTS if "tests" in sys.argv[1:] else ())
    DEPS.mkdir(parents=True, exist_ok=True)
    with (DEPS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make`s at once: the second waits, then finds the work done
        try:
            python_environment()
            programs.bring(wanted, DEPS, say)
            if "tests" in sys.argv[1:]:
                programs.bring_what_can_be(programs.FOR_A_TPM, DEPS, say)
            if "survey" in sys.argv[1:]:
                programs.bring_what_can_be(programs.FOR_SURVEY, DEPS, say)
        except (CannotSetUp, programs.Missing) as missing:
            print(f"setup: {missing}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
