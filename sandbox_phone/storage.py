"""Where a phone keeps what it knows between two runs: its key, token, device and pinned trust."""

import json
import os
from pathlib import Path
from typing import Any, Protocol


class Storage(Protocol):
    """One JSON object, read and replaced whole."""

    def load(self) -> dict[str, Any]: ...

    def save(self, content: dict[str, Any]) -> None: ...


class MemoryStorage:
    """Forgotten with the process."""

    def __init__(self) -> None:
        self._content: dict[str, Any] = {}

    def load(self) -> dict[str, Any]:
        return dict(self._content)

    def save(self, content: dict[str, Any]) -> None:
        self._content = dict(content)


class FileStorage:
    """A file that only its owner reads (0600), replaced atomically. The private key in it is a sandbox's."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return content

    def save(self, content: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        fresh.replace(self._path)
