"""What `setup` did: files with their digests, databases with our module. Undoing takes away nothing else."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from desktop_agent.profiles import write_private

FILE: Final = "setup.json"


class Record:
    """``home``: where the profiles lie."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._files: dict[str, str] = {}
        self._databases: list[str] = []
        with suppress(OSError, ValueError, TypeError, AttributeError):
            known = json.loads(self._path.read_text("utf-8"))
            self._files = {str(path): str(digest) for path, digest in known["files"].items()}
            self._databases = [str(path) for path in known["databases"]]

    @property
    def databases(self) -> list[Path]:
        return [Path(path) for path in self._databases]

    @property
    def files(self) -> list[Path]:
        return [Path(path) for path in self._files]

    def ours(self, path: Path) -> bool:
        """Whether the file is as we wrote it."""
        with suppress(OSError):
            return self._files.get(str(path)) == _digest(path.read_bytes())
        return False

    def wrote(self, path: Path, content: bytes) -> None:
        self._files[str(path)] = _digest(content)
        self._save()

    def added_to(self, database: Path) -> None:
        if str(database) not in self._databases:
            self._databases.append(str(database))
            self._save()

    def removed(self, path: Path) -> None:
        self._files.pop(str(path), None)
        if str(path) in self._databases:
            self._databases.remove(str(path))
        self._save()

    def _save(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._path, json.dumps({"files": self._files, "databases": self._databases}, indent=1).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
