"""Debian packages: installed with apt-get by root, or unpacked into a private folder for people without root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path


class AptFailed(Exception):
    """apt-get or dpkg did not do what we asked; the message holds its last words."""


def is_here() -> bool:
    """Whether this is a Debian-like machine."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg") is not None


def install(packages: Sequence[str]) -> None:
    """Install *packages* for the whole machine (we are root)."""
    words = ["install", "-y", "-q", "--no-install-recommends", *packages]
    try:
        _apt(words)
    except AptFailed:  # the lists of packages are missing or old
        _apt(["update", "-q"])
        _apt(words)


class PrivateTree:
    """Packages unpacked below one folder of our own, with all that they need and the machine does not have.

    `scratch` keeps apt's own lists when the machine has none or old ones.
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self._scratch = scratch
        self._options: list[str] = []

    def add(self, packages: Sequence[str]) -> None:
        """Bring *packages* and their dependencies. Raises AptFailed."""
        try:
            self._bring(packages)
        except AptFailed:
            self._lists_of_our_own()
            self._bring(packages)

    def libraries(self) -> list[Path]:
        """Folders for LD_LIBRARY_PATH."""
        found = [*self.root.glob("usr/lib/*-linux-gnu*"), *self.root.glob("lib/*-linux-gnu*")]
        nested = [path for folder in found for path in (folder / "nss", folder / "pulseaudio") if path.is_dir()]
        return [*found, *nested]

    def _bring(self, packages: Sequence[str]) -> None:
        planned = _apt([*self._options, "-s", "install", "--no-install-recommends", *packages])
        names = [line.split()[1] for line in planned.splitlines() if line.startswith("Inst ")]
        names += [name for name in packages if name not in names]  # installed already, and wanted here all the same
        archives = self._scratch / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir(parents=True)
        _apt([*self._options, "download", "-q", *names], folder=archives)
        self._unpack(sorted(archives.glob("*.deb")))
        shutil.rmtree(archives)

    def _unpack(self, archives: Iterable[Path]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for archive in archives:
            _run(["dpkg", "-x", str(archive), str(self.root)])

    def _lists_of_our_own(self) -> None:
        lists, cache = self._scratch / "lists", self._scratch / "cache"
        for folder in (lists / "partial", cache / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._options = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}"]
        _apt([*self._options, "update", "-q"])


def _apt(words: Sequence[str], folder: Path | None = None) -> str:
    return _run(["apt-get", *words], folder)


def _run(argv: Sequence[str], folder: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise AptFailed(f"{' '.join(argv[:4])} …: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout
