"""What happens while a program waits for its signature, and what is said of how it went."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

GOOD, BAD, ENDLESS, LACKING, SILENT = "ok", "fails", "did not end", "lacking", "silent"
_CODE: Final = re.compile(r"\b(?:CKR|ERR(?!_CKR))_[A-Z0-9_]*[A-Z0-9]\b")


@dataclass(frozen=True)
class Column:
    """``after``: seconds from the phone's bell to its answer. ``killed``: the daemon is, while the request waits."""

    name: str
    title: str
    answer: str = "approve"
    after: float = 0.0
    killed: bool = False

    @property
    def usual(self) -> tuple[str, ...]:
        """How it should end: one word, or, where the daemon was killed, another for the second try."""
        if self.killed:
            return BAD, GOOD
        return (GOOD if self.answer == "approve" else BAD,)


COLUMNS: Final = (
    Column("yes", "yes"),
    Column("no", "no", answer="refuse"),
    Column("killed", "daemon killed; again", after=2.0, killed=True),
    Column("5", "yes after 5 s", after=5.0),
    Column("20", "yes after 20 s", after=20.0),
    Column("45", "yes after 45 s", after=45.0),
)
"""In the order in which they run: what takes seconds first and alone, then what waits, side by side."""
SHOWN: Final = ("yes", "5", "20", "45", "no", "killed")


@dataclass(frozen=True)
class Try:
    """One go of a program. ``code``: the error that it named. ``asked``: how often the phone rang."""

    end: str
    seconds: float
    asked: int = 0
    code: str = ""
    fresh: bool = False
    """Whether a program that would have lived on was ended before."""

    def text(self) -> str:
        if self.end == LACKING:
            return self.code
        said = f"{self.end} ({self.code})" if self.code and self.end == BAD else self.end
        rang = f", {self.asked} requests" if self.asked > 1 else ""
        return f"{'opened anew: ' if self.fresh else ''}{said}{rang}, {self.seconds:.1f} s"


@dataclass(frozen=True)
class Cell:
    """What came of a row under a column."""

    tries: tuple[Try, ...]

    @property
    def lacking(self) -> bool:
        return self.tries[0].end == LACKING

    @property
    def ends(self) -> tuple[str, ...]:
        return tuple(one.end for one in self.tries)

    def text(self) -> str:
        return "; ".join(one.text() for one in self.tries)

    def data(self) -> list[dict[str, Any]]:
        return [vars(one) for one in self.tries]

    @classmethod
    def of(cls, data: list[Mapping[str, Any]]) -> Cell:
        return cls(tuple(Try(**one) for one in data))


def code_in(output: str) -> str:
    """The last error of PKCS#11, of Chromium or of Web eID that a program names, if it names any."""
    found = [one for one in _CODE.findall(output) if one != "CKR_OK"]
    return found[-1] if found else ""
