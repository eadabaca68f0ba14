"""What the gateway hands to the process that verifies: the document, whom to trust, what time it is; and as bytes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """DER where nothing else is said."""

    document: bytes
    original: bytes | None
    """The content of a detached signature."""
    roots: tuple[bytes, ...]
    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    now: int
    """Seconds since 1970."""

    def to_bytes(self) -> bytes:
        """A line of JSON with the lengths, then the parts."""
        groups: list[Sequence[bytes]] = [
            [self.document],
            [] if self.original is None else [self.original],
            self.roots,
            self.certificates,
            self.lists,
        ]
        head = {"now": self.now, "lengths": [[len(part) for part in group] for group in groups]}
        return json.dumps(head).encode("ascii") + b"\n" + b"".join(part for group in groups for part in group)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Question":
        """What ``to_bytes`` wrote; it comes from our own gateway."""
        head, _, rest = data.partition(b"\n")
        told = json.loads(head)
        groups: list[tuple[bytes, ...]] = []
        at = 0
        for lengths in told["lengths"]:
            parts = []
            for length in lengths:
                parts.append(rest[at : at + length])
                at += length
            groups.append(tuple(parts))
        (document,), original, roots, certificates, lists = groups
        return cls(document, original[0] if original else None, roots, certificates, lists, told["now"])
