"""Fixtures for every test. What they are is said where they are written: tests/support."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from linkid.platform import prepare_playwright
from tests.support.postgres import database, empty_database, migrated_template, postgres_server, shared_database
from tests.support.softhsm import hsm_module, sam_token

prepare_playwright()


def _work_in_memory() -> None:
    """Temporary files in memory where there is plenty: a database for a test costs 25 ms there, and 500 on ext4."""
    memory, enough = Path("/dev/shm"), 6 * 2**30
    if "TMPDIR" in os.environ or not os.access(memory, os.W_OK | os.X_OK):
        return
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if min(shutil.disk_usage(memory).free, available) < enough or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return
    os.environ["TMPDIR"] = str(memory)  # for the workers and whatever they start, too
    tempfile.tempdir = None


def _hear_ctrl_c() -> None:
    """A shell without job control starts what runs in its background deaf to SIGINT, and programs inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


_work_in_memory()
_hear_ctrl_c()

__all__ = [
    "database",
    "empty_database",
    "hsm_module",
    "migrated_template",
    "postgres_server",
    "sam_token",
    "shared_database",
]

_FIRST: Final = (
    "ground/test_serve.py", "sam/test_machine.py", "journeys", "attacks", "sandbox/", "phone", "issuance", "agent",
    "registration", "ground", "oauth",
)  # fmt: skip
"""Where the slow files are. Workers take whole files (`--dist loadfile`), so the long ones must not be left for last;
and a package's files one after the other, because a fixture of the package ends when a worker leaves it."""


def pytest_collection_finish() -> None:
    """Seven thousand tests stay to the end: the collector of cycles need not look at them again each time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow places first, everything else as it stands."""
    here = Path(__file__).parent
    items.sort(key=lambda item: _place(item.path.relative_to(here).as_posix(), _FIRST))


def _place(file: str, first: Sequence[str]) -> int:
    return next((index for index, start in enumerate(first) if file.startswith(start)), len(first))
