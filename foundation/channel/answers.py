"""Reading what another process of ours answered. A member that is missing or of another kind means versions that do not
fit: a fault of ours, found at the first call, and never half understood.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from foundation.channel.client import DEADLINE
from foundation.channel.wire import BadAnswer
from foundation.encoding import BadEncoding, unb64u
from foundation.errors import JsonObject, JsonValue


class PrivateCalls(Protocol):
    """``PrivateClient``, as far as adapters use it."""

    async def call(
        self, name: str, body: JsonObject | None = None, *, deadline: float = DEADLINE, near: str | None = None
    ) -> JsonObject:
        """Ask and return."""
        ...


def near(body: JsonObject) -> str | None:
    """The id that a call is about: an activation, its document and its credential end alike (``foundation.ids``)."""
    for name in ("activation", "document", "credential"):
        value = body.get(name)
        if isinstance(value, str):
            return value
    return None


class Answer:
    """One JSON object. Every reader raises BadAnswer naming call and member."""

    def __init__(self, call: str, body: JsonObject) -> None:
        """``call``: what was asked, for the error."""
        self._call = call
        self._body = body

    def has(self, name: str) -> bool:
        """Whether it is there and not null."""
        return self._body.get(name) is not None

    def text(self, name: str) -> str:
        """Text."""
        value = self._body.get(name)
        if not isinstance(value, str):
            raise self.bad(f"no text in {name}")
        return value

    def text_or_none(self, name: str) -> str | None:
        """Text, or nothing."""
        return self.text(name) if self.has(name) else None

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._body.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.bad(f"no whole number in {name}")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._body.get(name)
        if not isinstance(value, bool):
            raise self.bad(f"neither true nor false in {name}")
        return value

    def instant(self, name: str) -> datetime:
        """Seconds since 1970, as inside signed things."""
        return datetime.fromtimestamp(self.number(name), UTC)

    def instant_or_none(self, name: str) -> datetime | None:
        """Seconds since 1970, or nothing."""
        return self.instant(name) if self.has(name) else None

    def data(self, name: str, *, max_bytes: int) -> bytes:
        """base64url."""
        return self._bytes(name, self._body.get(name), max_bytes)

    def datas(self, name: str, *, max_bytes: int) -> list[bytes]:
        """A list of base64url values."""
        return [self._bytes(name, one, max_bytes) for one in self._list(name)]

    def object(self, name: str) -> "Answer":
        """An object within."""
        return self._within(name, self._body.get(name))

    def objects(self, name: str) -> "list[Answer]":
        """A list of objects."""
        return [self._within(name, one) for one in self._list(name)]

    def bad(self, what: str) -> BadAnswer:
        """The error, for whoever finds more that cannot be: raise it."""
        return BadAnswer(f"{self._call}: {what}")

    def _list(self, name: str) -> list[JsonValue]:
        value = self._body.get(name)
        if not isinstance(value, list):
            raise self.bad(f"no list in {name}")
        return value

    def _within(self, name: str, value: JsonValue) -> "Answer":
        if not isinstance(value, Mapping):
            raise self.bad(f"no object in {name}")
        return Answer(self._call, value)

    def _bytes(self, name: str, value: JsonValue, max_bytes: int) -> bytes:
        if not isinstance(value, str):
            raise self.bad(f"no base64url in {name}")
        try:
            return unb64u(value, max_len=max_bytes)
        except BadEncoding as cause:
            raise self.bad(f"no base64url in {name}") from cause
