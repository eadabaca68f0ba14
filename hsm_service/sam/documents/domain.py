"""An approval document as stored. Pure."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Final

from foundation.encoding import JsonObject, JsonValue, b64u, canonical_json
from protocol.documents import Document

MAX_PENDING: Final = 5
"""Waiting requests of one credential, of all callers together (section 15: push bombing)."""


class State(StrEnum):
    """What became of it."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Fixed:
    """One row of ``sam.documents``: bytes that nobody serialises again."""

    document: Document
    context: Mapping[str, JsonValue]
    state: State = State.WAITING
    mac: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        """The document's id, as its bytes say."""
        return self.document.id

    @cached_property
    def context_bytes(self) -> bytes:
        """As stored."""
        return canonical_json(self.context)

    @property
    def rank(self) -> int:
        """Waiting, then over."""
        return 0 if self.state is State.WAITING else 1

    def meaning(self) -> JsonObject:
        """Under the MAC: the bytes and the context. The state is not: it is guarded, remembered and audited."""
        return {
            "id": self.document.id,
            "type": self.document.type,
            "document": self.document.hash,
            "context": b64u(hashlib.sha256(self.context_bytes).digest()),
        }

    @property
    def credential(self) -> str | None:
        """The one credential it is about, if it is about one."""
        value = self.document.members.get("credential")
        return value if isinstance(value, str) else None

    @property
    def device(self) -> str | None:
        """The one phone that may decide it, if it is for one."""
        value = self.document.members.get("device")
        return value if isinstance(value, str) else None

    @property
    def caller(self) -> str | None:
        """``kind:id`` of who asked, for requests."""
        if not self.document.is_request:
            return None
        caller = self.document.object("caller")
        return caller_name(str(caller["kind"]), str(caller["id"]))

    @property
    def consent(self) -> str | None:
        """The consent that it was opened under with the holder's factors: then no phone decided it."""
        value = self.context.get("consent")
        return value if isinstance(value, str) else None

    def expired(self, now: datetime) -> bool:
        """Whether its time, as the bytes say, is over."""
        return now.timestamp() >= self.document.expires

    @property
    def expires_at(self) -> datetime:
        """For the column that finds what is over."""
        return datetime.fromtimestamp(self.document.expires, UTC)


def caller_name(kind: str, id_: str) -> str:
    """How a caller is written in rows."""
    return f"{kind}:{id_}"
