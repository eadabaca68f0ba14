"""What a parent owes its child processes on Linux: an ordinary OS user, a way in, and an end when the parent ends."""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class OsUser:
    """Numbers of an OS user to run a child as."""

    name: str
    uid: int
    gid: int


class NoWayIn(Exception):
    """An ordinary OS user cannot be given access to where the project lies; the message says what to do."""


def die_with_parent(how: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the child *how* when the thread that started it ends, even by `kill -9`.

    Runs after the user was changed (a change of user clears the setting) and before the program is loaded. It only
    makes two system calls through a library that is loaded already, so that threads of the parent do not matter.
    Elsewhere than on Linux it does nothing.
    """
    parent = os.getpid()

    def inside_the_child() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended between fork and prctl
            os._exit(1)

    return inside_the_child


def keep_memory_private() -> None:
    """For the process that calls it: no core file when it crashes, and no other program of the same user reads it.

    A SAM holds stretched passwords and opened keys for moments, and a PKCS#11 library may crash at any of them: a core
    file would keep them. Elsewhere than on Linux only the core file is forbidden.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


_EVERYBODYS: Final = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "PYTHONPATH",
                      "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip


def everybodys_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Of *environ*, what any program needs to find its files and speak its language: nothing that is a secret."""
    return {name: value for name, value in environ.items() if name in _EVERYBODYS or name.startswith("LC_")}


def is_running(pid: int, *words: str) -> bool:
    """Whether *pid* runs with a command line that contains every one of *words* (a pid may be reused)."""
    if pid <= 0:
        return False
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # there, but not ours to look at
    return line != "" and all(word in line for word in words)  # a zombie has an empty command line


# --- ordinary OS users, when we are root ------------------------------------------------------------------------------


def ensure_user(name: str) -> OsUser:
    """The system user *name*, made now when it does not exist (we are root). Raises NoWayIn when it cannot be made."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        tool = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if tool is None:
            raise NoWayIn(f"cannot make the OS user {name}: no useradd; run as an ordinary user instead") from None
        argv = [
            tool,
            "--system",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ]
        done = subprocess.run(argv, capture_output=True, text=True)
        if done.returncode not in (0, 9):  # 9: someone else made it meanwhile
            raise NoWayIn(f"cannot make the OS user {name}: {done.stderr.strip()}") from None
        found = pwd.getpwnam(name)
    return OsUser(name, found.pw_uid, found.pw_gid)


def user_owning(path: Path) -> OsUser:
    """The OS user who owns *path*, by number if it has no name here."""
    status = path.stat()
    try:
        return OsUser(pwd.getpwuid(status.st_uid).pw_name, status.st_uid, status.st_gid)
    except KeyError:
        return OsUser(str(status.st_uid), status.st_uid, status.st_gid)


def let_pass(user: OsUser, target: Path) -> list[Path]:
    """Let *user* pass through the folders above *target*; returns the folders that had to be opened.

    Only search permission, only for that user, by a POSIX ACL entry: `chmod o+x /root` would open it to everybody.
    Raises NoWayIn where the file system has no ACLs.
    """
    opened = []
    for folder in reversed(target.resolve().parents):
        if _may_pass(user, folder):
            continue
        try:
            os.setxattr(folder, _ACL, _with_search(_acl_of(folder), user.uid))
        except OSError as cause:
            raise NoWayIn(
                f"the OS user {user.name} may not enter {folder}: move the project to where others may enter "
                f"(such as /srv), or run as an ordinary user"
            ) from cause
        opened.append(folder)
    return opened


_ACL: Final = "system.posix_acl_access"
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_SEARCH: Final = 1
_NOBODY: Final = 0xFFFFFFFF
_Entry = tuple[int, int, int]  # tag, permission bits, id: as in <linux/posix_acl_xattr.h>


def _acl_of(folder: Path) -> list[_Entry]:
    """The folder's ACL, or the one its mode bits amount to."""
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        mode = folder.stat().st_mode
        return [(_USER_OBJ, mode >> 6 & 7, _NOBODY), (_GROUP_OBJ, mode >> 3 & 7, _NOBODY), (_OTHER, mode & 7, _NOBODY)]
    return [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw), 8)]


def _with_search(entries: list[_Entry], uid: int) -> bytes:
    kept = [entry for entry in entries if entry[0] != _MASK and (entry[0], entry[2]) != (_USER, uid)]
    bits = next((entry[1] for entry in entries if (entry[0], entry[2]) == (_USER, uid)), 0) | _SEARCH
    kept.append((_USER, bits, uid))
    old_mask = next((entry[1] for entry in entries if entry[0] == _MASK), None)
    group = next(entry[1] for entry in entries if entry[0] == _GROUP_OBJ)
    kept.append((_MASK, (group if old_mask is None else old_mask) | _SEARCH, _NOBODY))
    return struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in sorted(kept, key=lambda e: (e[0], e[2]))
    )


def _may_pass(user: OsUser, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    entries = _acl_of(folder)
    mask = next((entry[1] for entry in entries if entry[0] == _MASK), 7)
    named = [entry[1] & mask for entry in entries if (entry[0], entry[2]) == (_USER, user.uid)]
    if named:
        return bool(named[0] & _SEARCH)
    return bool(status.st_mode & 0o001)
