"""The Termo de Titularidade: what a holder agrees to, in Portuguese, with a version and a hash.

The texts stand in ``terms/``, one file a version. A term that was shown is never edited: a new text is a new file,
added to ``TERMS``, because agreements name the version and the hash of what was on the screen.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

from foundation.encoding import b64u, canonical_json
from foundation.errors import JsonValue


@dataclass(frozen=True)
class Term:
    """One version of the text."""

    version: str
    title: str
    paragraphs: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        """The member ``term`` of the document ``emission-term``."""
        return {"version": self.version, "title": self.title, "paragraphs": list(self.paragraphs)}

    @property
    def hash(self) -> str:
        """SHA-256 of its canonical JSON, base64url: what the AC records of an agreement."""
        return b64u(hashlib.sha256(canonical_json(self.as_json())).digest())


def _read(version: str) -> Term:
    """The file of a version: a title, then paragraphs, parted by blank lines; line breaks inside mean nothing."""
    text = resources.files(__package__).joinpath("terms", f"{version}.txt").read_text(encoding="utf-8")
    title, *paragraphs = (" ".join(block.split()) for block in text.split("\n\n"))
    return Term(version, title, tuple(paragraphs))


TERMS: Final[Mapping[str, Term]] = {version: _read(version) for version in ("2026-11",)}
CURRENT: Final = TERMS["2026-11"]
