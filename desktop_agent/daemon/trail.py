"""What the next daemon must know when this one is gone: the request that stands on a phone, and who was connected.

A daemon that is killed can take nothing back, and p11-kit's client, inside each program, connects only once. So the
next one withdraws what it finds here, and says which programs have to be opened anew. It lies where the sockets lie: in
memory, of this user only, gone with the login. A handle is a secret for the few minutes that its request lives.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from desktop_agent.pkcs11.peer import Program

FILE: Final = "trail.json"
LIFE_SECONDS: Final = 190
"""A request lives 180 s; what is older need not be withdrawn."""
MOST_BYTES: Final = 256 * 1024
_STARTED: Final = 19
"""Which word of /proc/PID/stat, behind the name in brackets, says when the process began (proc(5): field 22)."""


@dataclass(frozen=True)
class Left:
    """A request that nobody took back. ``until``: seconds since 1970."""

    handle: str
    until: int


@dataclass(frozen=True)
class Present:
    """A process: a number is given to another one some day, number and beginning together are not."""

    pid: int
    started: int
    name: str


class Trail:
    """``clock``: seconds since 1970. A file that cannot be read or written costs its use, nothing else."""

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        self._path, self._clock = path, clock
        self._requests: dict[str, Left] = {}
        self._present: Counter[Present] = Counter()
        self._ended = False
        self.left: Mapping[str, Left] = {}
        """By association, what the daemon before us had on the phone."""
        self._stranded: set[Present] = set()
        self._read()

    def holds(self, profile: str, handle: str) -> None:
        """The request of this association that is on the phone now; empty: none."""
        self._requests.pop(profile, None)
        if handle:
            self._requests[profile] = Left(handle, self._clock() + LIFE_SECONDS)
        self._write()

    @contextmanager
    def present(self, program: Program) -> Iterator[None]:
        """While a program is connected."""
        one = Present(program.pid, started(program.pid), program.name)
        self._stranded.discard(one)
        self._present[one] += 1
        self._write()
        try:
            yield
        finally:
            if not self._ended:
                self._present[one] -= 1
                self._present += Counter()  # those that are not there any more go
                self._write()

    def end(self) -> None:
        """From here on whoever goes was sent away by us: the next daemon must know them."""
        self._ended = True

    def stranded(self) -> list[Present]:
        """Programs that were connected to the daemon before, run still, and have not come again."""
        self._stranded = {one for one in self._stranded if one.started and started(one.pid) == one.started}
        return sorted(self._stranded, key=lambda one: (one.name, one.pid))

    def _read(self) -> None:
        with suppress(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            if self._path.stat().st_size <= MOST_BYTES:
                said = json.loads(self._path.read_bytes())
                self._stranded = {
                    Present(int(one["pid"]), int(one["started"]), str(one["name"])) for one in said["programs"]
                }
                left = {
                    str(name): Left(str(one["handle"]), int(one["until"])) for name, one in said["requests"].items()
                }
                self.left = {name: one for name, one in left.items() if one.until > self._clock()}

    def _write(self) -> None:
        """Those of before stay in it as long as they are true: this daemon may be killed, too."""
        said = {
            "requests": {name: asdict(one) for name, one in {**self.left, **self._requests}.items()},
            "programs": [asdict(one) for one in {*self._present, *self.stranded()}],
        }
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(said, file)
            fresh.replace(self._path)

    def withdrawn(self, profile: str) -> None:
        """What was left of this association is off the phone."""
        self.left = {name: one for name, one in self.left.items() if name != profile}
        self._write()


def started(pid: int, proc: Path = Path("/proc")) -> int:
    """When a process began, in the kernel's ticks; 0 when there is none."""
    with suppress(OSError, ValueError, IndexError):
        return int((proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[_STARTED])
    return 0
