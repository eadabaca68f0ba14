"""A small file that somebody may replace while we run: read again when it changed, and only then."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from foundation.errors import LinkIdError, Unavailable

T = TypeVar("T")
_NEVER: Final = object()


class FileUnreadable(Unavailable):
    """A file that must be good is damaged, or may not be read. ``detail`` has its name and what is wrong."""

    code = "file_unreadable"


class WatchedFile(Generic[T]):
    """Call it for what the file says now."""

    def __init__(self, path: Path, read: Callable[[bytes | None], T]) -> None:
        """``read`` makes a value of the bytes (None: there is no file); it raises a LinkIdError about bad ones."""
        self._path, self._read = path, read
        self._seen: object = _NEVER
        self._value: T | None = None

    def __call__(self) -> T:
        """Raises FileUnreadable, each time until the file is good again: an old value does not outlive its file."""
        seen = self._stamp()
        if seen != self._seen or self._value is None:
            self._value = self._fresh()
            self._seen = seen
        return self._value

    def _stamp(self) -> object:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise FileUnreadable(f"{self._path.name}: {cause.strerror}") from cause
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _fresh(self) -> T:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = None
        except OSError as cause:
            raise FileUnreadable(f"{self._path.name}: {cause.strerror}") from cause
        try:
            return self._read(data)
        except LinkIdError as cause:
            raise FileUnreadable(f"{self._path.name}: {cause.detail or cause.code}") from cause
