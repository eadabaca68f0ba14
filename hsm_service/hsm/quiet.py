"""Nobody is inside the token while an object of it is made or destroyed: across threads and processes, by two locks.

SoftHSM 2.6 leaves broken objects behind when a token object is made while somebody searches. So every visit to the
token holds the shared side of a file lock, and whoever makes an object the exclusive side. Two files: visitors pass
``turnstile`` first, and whoever wants to be alone stands in it while the last visitors leave; otherwise the room would
never be empty under load. The kernel lets go of the locks of a process that dies.

Measured: 4 us for each visit, beside 1,400 for a signature. HSMs that need no such care are given no file.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hsm_service.hsm.faults import HsmUnavailable, TokenBusy

ALONE_SECONDS: Final = 30.0
"""How long whoever makes an object tries to be alone. Who still is inside then hangs, and no object is made."""
TURN_SECONDS: Final = 2.0
"""How long it keeps others out while it waits; then it lets them pass (somebody may be generating an RSA-4096 key)."""
VISIT_SECONDS: Final = 3.5
"""How long a visitor waits for each of the two locks: together less than the deadline of a call, so that it does not
count as one that hangs in the module."""
_LOOK_SECONDS: Final = 0.002


class Quiet:
    """One for each token of a process. Without a file it does nothing."""

    def __init__(self, file: Path | None) -> None:
        """``file``: the same for every process that uses the token; made when it is not there."""
        self._file = file
        self._local = threading.local()

    @property
    def kept(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Be in the token beside others. Raises TokenBusy when somebody changes it for longer than we wait."""
        if self._file is None or getattr(self._local, "inside", False):
            yield
            return
        turnstile, room = self._files(self._file)
        _take(turnstile, fcntl.LOCK_SH, VISIT_SECONDS)
        try:
            _take(room, fcntl.LOCK_SH, VISIT_SECONDS)
        finally:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False
            fcntl.flock(room, fcntl.LOCK_UN)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """K6: be the only one, of all processes. Not from within ``visit``. Raises TokenBusy."""
        if self._file is None:
            yield
            return
        turnstile, room = self._files(self._file)
        _clear(turnstile, room)
        self._local.inside = True
        try:
            yield
        finally:
            self._local.inside = False
            fcntl.flock(room, fcntl.LOCK_UN)
            fcntl.flock(turnstile, fcntl.LOCK_UN)

    def _files(self, file: Path) -> tuple[int, int]:
        """This thread's own: two threads that share a descriptor share its lock, and one would let go for both."""
        found: _Files | None = getattr(self._local, "files", None)
        if found is None:
            found = self._local.files = _Files(file)
        return found.descriptors


class _Files:
    """Two descriptors, closed when their thread ends."""

    def __init__(self, file: Path) -> None:
        self.descriptors = (-1, -1)
        try:
            turnstile, room = (
                os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
                for path in (file, file.with_name(f"{file.name}.room"))
            )
        except OSError as cause:
            raise HsmUnavailable(f"{file}: {cause.strerror}") from cause
        self.descriptors = (turnstile, room)

    def __del__(self) -> None:
        for descriptor in self.descriptors:
            if descriptor >= 0:
                os.close(descriptor)


def _clear(turnstile: int, room: int) -> None:
    """Both locks, exclusively; in turns, so that nobody outside waits for long. Raises TokenBusy."""
    until = time.monotonic() + ALONE_SECONDS
    while True:
        _take(turnstile, fcntl.LOCK_EX, ALONE_SECONDS)
        try:
            return _take(room, fcntl.LOCK_EX, TURN_SECONDS)
        except TokenBusy:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
            if time.monotonic() > until:
                raise
            time.sleep(TURN_SECONDS / 4)


def _take(file: int, how: int, seconds: float) -> None:
    """``flock`` with an end: a process that hangs inside must not hang us."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TokenBusy("the token is being changed, or somebody hangs in it", retry_after=5) from None
            time.sleep(_LOOK_SECONDS)
        else:
            return
