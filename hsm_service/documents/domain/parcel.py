"""What goes to the process that parses strangers' bytes, and comes back: a little JSON, and parts as they are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from foundation.encoding import strict_json
from foundation.errors import BadInput, JsonObject
from hsm_service.documents.errors import BadPreparation

_MAX_HEAD: Final = 64 * 1024


@dataclass(frozen=True)
class Parcel:
    """``head``: what is said about the parts."""

    head: JsonObject
    parts: Sequence[bytes] = ()

    def to_bytes(self) -> bytes:
        """A line of JSON with the parts' lengths, then the parts."""
        told = {"head": self.head, "lengths": [len(part) for part in self.parts]}
        return json.dumps(told).encode("ascii") + b"\n" + b"".join(self.parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Parcel":
        """What ``to_bytes`` wrote. Raises BadPreparation for anything else: a parser may have been taken over."""
        line, newline, _ = data[: _MAX_HEAD + 1].partition(b"\n")
        if not newline:
            raise BadPreparation("not a parcel")
        try:
            told: Any = strict_json(line, max_bytes=_MAX_HEAD)
            head, lengths = told["head"], told["lengths"]
        except (BadInput, LookupError, TypeError) as cause:
            raise BadPreparation("its head does not hold together") from cause
        if not isinstance(head, dict) or not isinstance(lengths, list):
            raise BadPreparation("its head does not hold together")
        if not all(isinstance(length, int) and length >= 0 for length in lengths):
            raise BadPreparation("its lengths are none")
        at = len(line) + 1
        if at + sum(lengths) != len(data):
            raise BadPreparation("its lengths do not agree")
        parts = []
        for length in lengths:
            parts.append(data[at : at + length])
            at += length
        return cls(head, tuple(parts))
