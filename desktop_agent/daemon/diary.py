"""What programs asked for and how it ended: a file of this user, for `linkid-desktop history`. Nothing secret in it."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = "history.jsonl"
MOST_LINES: Final = 1000


@dataclass(frozen=True)
class Entry:
    """One request. ``outcome``: ``signed``, ``refused``, ``expired``, ``withdrawn``, ``late``, or an error's code."""

    at: str
    program: str
    what: str
    holder: str
    algorithm: str
    outcome: str
    by: str
    """``phone``, ``session`` or ``late yes``."""
    code: str = ""
    """The verification code that the phone showed."""


class Diary:
    """``home``: where the profiles lie. A disk that refuses costs the line, not the signature."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def write(self, entry: Entry) -> None:
        """Appends; when it has grown to twice its size, the older half goes."""
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(line)
            if self._path.stat().st_size > 2 * MOST_LINES * 300:
                kept = self._path.read_text("utf-8").splitlines(keepends=True)[-MOST_LINES:]
                fresh = self._path.with_suffix(".new")
                fresh.touch(mode=0o600)
                fresh.write_text("".join(kept), "utf-8")
                fresh.replace(self._path)

    def read(self, most: int) -> list[dict[str, Any]]:
        """The last ones, oldest first; lines that nobody can read are left out."""
        found = []
        with suppress(OSError):
            for line in self._path.read_text("utf-8", errors="replace").splitlines()[-most:]:
                with suppress(ValueError):
                    entry = json.loads(line)
                    if isinstance(entry, dict):
                        found.append(entry)
        return found
