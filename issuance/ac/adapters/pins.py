"""Pinned keys from files beside the process (docs/protocol.md section 2): never rows, never fetched."""

from pathlib import Path

from foundation.watched_file import WatchedFile
from issuance.ac.domain.permit import Pins
from protocol import pins


class FilePins:
    """Call it for the pins that hold now; files are read again when they changed."""

    def __init__(self, trust_file: Path, operators_file: Path) -> None:
        """``trust.json`` for the SAM's roots; ``operators.json`` for those whose orders count."""
        self._operators = WatchedFile(operators_file, pins.operators)
        self._sam_roots = WatchedFile(trust_file, lambda data: pins.roots(data, "sam"))

    def __call__(self) -> Pins:
        """Raises FileUnreadable. A missing file pins nobody."""
        return Pins(operators=self._operators(), sam_roots=self._sam_roots())
