"""File systems so small that a test can fill them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, kibibytes: int) -> Iterator[Path]:
    """One of its own at *folder*. Needs the right to mount; without it the test is skipped, and says so."""
    folder.mkdir(exist_ok=True)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k,mode=0755", "none", str(folder)]
    if subprocess.run(argv, capture_output=True).returncode != 0:
        pytest.skip("a full disk needs a disk: no right to mount one here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Until nothing more goes onto it; taking the file away makes room."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def read_only(folder: Path, refuses: bool = True) -> None:
    """A disk of ours takes no more writing, as one with a fault does; or takes it again."""
    subprocess.run(["mount", "-o", "remount,ro" if refuses else "remount,rw", str(folder)], check=True)
