"""What is read from outside while it runs: the SAM's rows, the audit chains, memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Final

import asyncpg

from demo.stack import Stack, StackFailed
from protocol.documents import Document
from soak.faults import superuser
from soak.ledger import Occurrence, Violation

_PAGE: Final = 4096
_TELLING: Final = 180.0
"""Seconds: a shorter life says nothing about growth."""
_JUDGED: Final = 600.0
"""Seconds of life before growth is a violation: until then pools, caches and statements of ten connections fill."""
MOST_GROWTH: Final = 1024.0
"""kB a minute in the second half of a long life. What a SAM remembers on purpose (docs/threats.md, 2) is a tenth."""
MOST_OF_A_PLACE: Final = 1.15
"""The last quarter of a run against its second, whichever processes had the name: lives end sooner or later in their
filling, so it swings by a tenth."""


async def occurrences(stack: Stack) -> list[Occurrence]:
    """Of every activation, whoever made it. Raises OSError, asyncpg's errors while the database is away."""
    connection = await asyncpg.connect(superuser(stack), timeout=5)
    try:
        rows = await connection.fetch(_OCCURRENCES)
    finally:
        await connection.close()
    return [one for row in rows for one in _occurrences(row)]


def _occurrences(row: asyncpg.Record) -> list[Occurrence]:
    digests = Document.parse(row["data"]).digests()
    return [
        Occurrence(row["document"], ordinal, digest or b"", signature)
        for ordinal, (digest, signature) in enumerate(zip_longest(digests, row["signatures"] or ()))
    ]


async def made_twice(stack: Stack) -> list[Violation]:
    """Activations whose signatures were made more than once, as the audit tells."""
    connection = await asyncpg.connect(superuser(stack), timeout=5)
    try:
        rows = await connection.fetch(_MADE_TWICE)
    finally:
        await connection.close()
    return [Violation("double", str(row["document"]), f"the audit tells {row['times']} times of it") for row in rows]


async def chains(stack: Stack) -> list[Violation]:
    """`linkid audit verify`: every chain, and the heads outside."""
    try:
        await stack.linkid("audit", "verify")
    except StackFailed as failed:
        return [Violation("audit", "-", str(failed))]
    return []


# --- memory -----------------------------------------------------------------------------------------------------------


@dataclass
class Memory:
    """Resident set sizes by process: (name, pid) to [(seconds, kB)]."""

    samples: dict[tuple[str, int], list[tuple[float, float]]] = field(default_factory=dict)

    def look(self, stack: Stack, names: Sequence[str]) -> None:
        """One sample of each."""
        for name in names:
            pid = stack.pid(name)
            if pid is None:
                continue
            try:
                pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if pages:  # none: it is being buried
                self.samples.setdefault((name, pid), []).append((time.monotonic(), pages * _PAGE / 1024))

    def now(self, name: str) -> float:
        """MB of the newest process of that name, 0 if there is none."""
        found = [each for (one, _), each in self.samples.items() if one == name]
        return found[-1][-1][1] / 1024 if found else 0.0

    def lives(self) -> list[Life]:
        """One row for each process."""
        return [_life(name, pid, each) for (name, pid), each in self.samples.items()]

    def places(self) -> list[Place]:
        """One row for each name: whichever process had it, one after the other."""
        found: dict[str, list[tuple[float, float]]] = {}
        for (name, _), samples in self.samples.items():
            found.setdefault(name, []).extend(samples)
        return [
            _place(name, sorted(samples), sum(one == name for one, _ in self.samples))
            for name, samples in found.items()
        ]

    def judge(self) -> list[Violation]:
        """A process that lived long enough to tell, and grew all the while; and a place that grows over its processes,
        each larger than the one before."""
        lives = [
            Violation("memory", life.name, f"pid {life.pid} grows by {life.growth:.0f} kB a minute")
            for life in self.lives()
            if life.growth is not None and life.seconds >= _JUDGED and life.growth > MOST_GROWTH
        ]
        return lives + [
            Violation("memory", place.name, f"from {place.quarters[1]:.0f} MB to {place.quarters[3]:.0f}, over all")
            for place in self.places()
            if place.seconds >= _JUDGED * 2 and place.quarters[3] > place.quarters[1] * MOST_OF_A_PLACE
        ]


@dataclass(frozen=True)
class Place:
    """A name: how many processes had it, seconds watched, the median MB in each quarter of them."""

    name: str
    processes: int
    seconds: float
    quarters: Sequence[float]


def _place(name: str, samples: Sequence[tuple[float, float]], processes: int) -> Place:
    begin, end = samples[0][0], samples[-1][0]
    parts: list[list[float]] = [[], [], [], []]
    for at, size in samples:
        parts[min(3, int(4 * (at - begin) / (end - begin or 1)))].append(size / 1024)
    return Place(name, processes, end - begin, [median(part) if part else 0.0 for part in parts])


@dataclass(frozen=True)
class Life:
    """A process: seconds watched, first, last and largest MB; kB a minute in the second half (None: too short)."""

    name: str
    pid: int
    seconds: float
    first: float
    last: float
    most: float
    growth: float | None


def _life(name: str, pid: int, samples: Sequence[tuple[float, float]]) -> Life:
    begin, end = samples[0][0], samples[-1][0]
    sizes = [size / 1024 for _, size in samples]
    second_half = [(at, size) for at, size in samples if at - begin >= (end - begin) / 2]
    growth = slope(second_half) * 60 if end - begin >= _TELLING else None
    return Life(name, pid, end - begin, sizes[0], sizes[-1], max(sizes), growth)


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that fits best (least squares), in units a second."""
    count = len(samples)
    if count < 2:
        return 0.0
    mean_at, mean_size = (sum(one[axis] for one in samples) / count for axis in (0, 1))
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (size - mean_size) for at, size in samples) / spread if spread else 0.0


_OCCURRENCES = """
SELECT a.document, d.data, g.signatures FROM sam.activations a JOIN sam.documents d ON d.id = a.document
LEFT JOIN sam.signatures g ON g.activation = a.id WHERE d.type = 'sign'
"""
_MADE_TWICE = """
SELECT said ->> 'document' AS document, count(*) AS times
FROM (SELECT convert_from(body, 'UTF8')::json AS said FROM audit.lines) AS lines
WHERE said ->> 'event' = 'signatures.made' GROUP BY 1 HAVING count(*) > 1
"""
