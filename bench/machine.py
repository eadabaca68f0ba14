"""Which machine and which versions a table belongs to: absolute numbers mean nothing without."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from linkid.platform import program
from linkid.postgres import binaries

_LIBRARIES: Final = ("aiohttp", "asyncpg", "cryptography", "python-pkcs11")


def facts() -> dict[str, str]:
    """Line by line, for people."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "load before": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SoftHSM": _first_version([str(program("softhsm2-util")), "--version"]),
        "PostgreSQL": _first_version([str(binaries() / "postgres"), "--version"]),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _first_version(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"
