"""Ordinary OS users for child processes of root."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from linkid.processes import OsUser, is_running, let_pass

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for another OS user")


def nobody() -> OsUser:
    found = pwd.getpwnam("nobody")
    return OsUser("nobody", found.pw_uid, found.pw_gid)


def can_read(path: Path, uid: int, gid: int) -> bool:
    return _as("cat", str(path), uid=uid, gid=gid) == 0


def _as(*argv: str, uid: int, gid: int) -> int:
    quiet = subprocess.DEVNULL
    return subprocess.run(argv, user=uid, group=gid, extra_groups=[], stdout=quiet, stderr=quiet, cwd="/").returncode


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A readable file in a folder that only root may enter, as below /root."""
    folder = tmp_path / "closed"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("x")
    (folder / "deep" / "file").chmod(0o644)
    (folder / "deep").chmod(0o755)
    folder.chmod(0o700)
    return folder


@root_only
def test_one_user_is_let_through_and_no_other(closed: Path) -> None:
    """The database's OS user may pass through a private folder to its own; everybody else stays outside."""
    user, other = nobody(), 54321
    file = closed / "deep" / "file"
    assert not can_read(file, user.uid, user.gid)
    assert closed in let_pass(user, file)
    assert can_read(file, user.uid, user.gid)
    assert not can_read(file, other, other)


@root_only
def test_letting_pass_gives_no_right_to_list(closed: Path) -> None:
    """Search permission only: names in the folder stay hidden; and the second time there is nothing left to do."""
    user = nobody()
    let_pass(user, closed / "deep")
    assert _as("ls", str(closed / "deep"), uid=user.uid, gid=user.gid) == 0
    assert _as("ls", str(closed), uid=user.uid, gid=user.gid) != 0
    assert let_pass(user, closed / "deep") == []
    assert stat.S_IMODE(closed.stat().st_mode) & 0o007 == 0


def test_a_pid_counts_only_with_its_command_line() -> None:
    """A number in a pid file may belong to somebody else by now."""
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", "print('up', flush=True); input()", "linkid-marker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert is_running(child.pid, "linkid-marker")
        assert not is_running(child.pid, "postgres")
    finally:
        child.communicate(b"\n")
    assert not is_running(child.pid)
    assert not is_running(0)


def test_a_crash_leaves_no_memory_behind(tmp_path: Path) -> None:
    """A process of ours that crashes writes no core file, whatever the limits it was started with."""
    program = (
        "import ctypes, os, resource\n"
        "from linkid.processes import keep_memory_private\n"
        "keep_memory_private()\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0, 'PR_GET_DUMPABLE'\n"
        "print(open('/proc/self/cmdline').read()[:1] != '', flush=True)\n"  # the supervisor still recognises us
        "os.abort()\n"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "True\n"), done.stderr
    assert list(tmp_path.iterdir()) == []
