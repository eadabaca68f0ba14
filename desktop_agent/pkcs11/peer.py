"""Which program is at the other end of a socket: what the system says of it, not what it says itself.

It is the name that the phone shows and the grants are for. It is no barrier: whoever runs as this user can start that
program too, or look into it. The barriers are the phone and the password.
"""

import os
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UCRED: Final = struct.Struct("3i")
_INTERPRETERS: Final = re.compile(r"(python|java|node|ruby|perl|php|bash|dash|sh\b|mono|dotnet)", re.IGNORECASE)
_MOST_WORDS: Final = 40
_MOST_BYTES: Final = 8192


@dataclass(frozen=True)
class Program:
    """``identity`` is what grants are for: the file that runs, and of interpreters also what they run."""

    pid: int
    name: str
    identity: str


class Stranger(Exception):
    """Another user's process, or nobody knows whose."""


def program_of(connection: socket.socket) -> Program:
    """Who connected. Raises Stranger unless it is a process of our own user."""
    try:
        pid, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    except (OSError, AttributeError) as cause:
        raise Stranger from cause
    if uid != os.getuid():
        raise Stranger
    return describe(pid)


def describe(pid: int, proc: Path = Path("/proc")) -> Program:
    """What ``/proc`` tells of a process; it may be gone already."""
    exe, words = "", []
    with suppress(OSError):
        exe = os.readlink(proc / str(pid) / "exe").removesuffix(" (deleted)")
    with suppress(OSError):
        with (proc / str(pid) / "cmdline").open("rb") as file:
            words = file.read(_MOST_BYTES).decode(errors="replace").split("\0")[:_MOST_WORDS]
    name = os.path.basename(exe) or "programa desconhecido"
    if _INTERPRETERS.match(name) and (runs := _what_runs(words[1:])):
        return Program(pid, f"{os.path.basename(runs)} ({name})", f"{exe} {runs}")
    return Program(pid, name, exe or f"pid {pid}")


def _what_runs(words: list[str]) -> str:
    """The script, module or class that an interpreter was given; empty when it is none that can be told."""
    rest = iter(words)
    for word in rest:
        if word in ("-jar", "-m"):
            return next(rest, "")
        if word == "-c":
            return ""
        if word in ("-cp", "-classpath", "--module-path", "-X", "-W"):
            next(rest, "")  # its value
        elif word and not word.startswith("-"):
            return word
    return ""
