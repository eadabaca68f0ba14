"""Debian packages in a private folder, for people without root: `apt-get download` + `dpkg -x`."""

from __future__ import annotations

import subprocess
from pathlib import Path


def private_package(name: str, folder: Path) -> Path:
    """Unpack the Debian package *name* below *folder* and return *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "-q", name], cwd=folder, check=True, capture_output=True)
    for archive in folder.glob(f"{name}_*.deb"):
        subprocess.run(["dpkg", "-x", archive, folder], check=True, capture_output=True)
        archive.unlink()
    return folder
