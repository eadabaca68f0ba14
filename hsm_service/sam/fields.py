"""Reads the body of a private call: what is missing or of another kind is a defect of the caller, and said so."""

from collections.abc import Sequence
from typing import TypeVar

from foundation.encoding import BadEncoding, JsonObject, JsonValue, unb64u
from foundation.ids import is_id
from hsm_service.sam.errors import BadCall
from protocol.errors import BadKey
from protocol.keys import P256Key

T = TypeVar("T")
_MAX_TEXT = 400
_MAX_LIST = 128
_MAX_SIZE = 2**53


class Fields:
    """One JSON object. Every reader raises BadCall naming the member, and never repeats its value."""

    def __init__(self, body: JsonObject) -> None:
        self._body = body

    def has(self, name: str) -> bool:
        """Whether it is there and not null."""
        return self._body.get(name) is not None

    def text(self, name: str, *, max_characters: int = _MAX_TEXT) -> str:
        """Text, not too long."""
        value = self._body.get(name)
        if not isinstance(value, str) or len(value) > max_characters:
            raise BadCall(f"{name}: text of at most {max_characters} characters")
        return value

    def text_or_none(self, name: str, *, max_characters: int = _MAX_TEXT) -> str | None:
        """Text, or nothing."""
        return self.text(name, max_characters=max_characters) if self.has(name) else None

    def one_of(self, name: str, choices: Sequence[T]) -> T:
        """One of these."""
        value = self._body.get(name)
        for choice in choices:
            if value == choice and isinstance(value, str):
                return choice
        raise BadCall(f"{name}: one of {', '.join(map(str, choices))}")

    def id(self, name: str, *prefixes: str) -> str:
        """An id of one of these kinds."""
        value = self._body.get(name)
        if not isinstance(value, str) or not any(is_id(value, prefix) for prefix in prefixes):
            raise BadCall(f"{name}: an id that begins with {' or '.join(prefixes)}")
        return value

    def id_or_none(self, name: str, *prefixes: str) -> str | None:
        """An id, or nothing."""
        return self.id(name, *prefixes) if self.has(name) else None

    def ids(self, name: str, prefix: str) -> list[str]:
        """A list of ids of one kind."""
        return [Fields({name: one}).id(name, prefix) for one in self._list(name)]

    def data(self, name: str, *, size: int | None = None, max_bytes: int = 16_384) -> bytes:
        """base64url: exactly ``size`` bytes, or at most ``max_bytes``."""
        return self._bytes(name, self._body.get(name), size, max_bytes)

    def datas(self, name: str, *, max_bytes: int) -> list[bytes]:
        """A list of base64url values."""
        return [self._bytes(name, one, None, max_bytes) for one in self._list(name)]

    def key(self, name: str) -> P256Key:
        """A P-256 public key as JWK."""
        try:
            return P256Key.from_jwk(self._body.get(name))
        except BadKey as cause:
            raise BadCall(f"{name}: {cause.detail}") from cause

    def object(self, name: str) -> "Fields":
        """An object within."""
        value = self._body.get(name)
        if not isinstance(value, dict):
            raise BadCall(f"{name}: an object")
        return Fields(value)

    def objects(self, name: str) -> "list[Fields]":
        """A list of objects."""
        found = self._list(name)
        objects = [Fields(one) for one in found if isinstance(one, dict)]  # as ``strict_json`` reads objects
        if len(objects) != len(found):
            raise BadCall(f"{name}: a list of objects")
        return objects

    def size_or_none(self, name: str) -> int | None:
        """A whole number of bytes, or nothing."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MAX_SIZE:
            raise BadCall(f"{name}: a whole number of bytes")
        return value

    def number(self, name: str) -> int:
        """A whole number from 0 on, below 2^53."""
        found = self.size_or_none(name)
        if found is None:
            raise BadCall(f"{name}: a whole number")
        return found

    def raw(self, name: str) -> JsonValue:
        """Whatever it is: the reader of ``protocol`` that takes it checks the form."""
        return self._body.get(name)

    def _list(self, name: str) -> Sequence[JsonValue]:
        value = self._body.get(name)
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > _MAX_LIST:
            raise BadCall(f"{name}: a list of at most {_MAX_LIST}")
        return value

    @staticmethod
    def _bytes(name: str, value: JsonValue, size: int | None, max_bytes: int) -> bytes:
        if not isinstance(value, str):
            raise BadCall(f"{name}: base64url text")
        try:
            data = unb64u(value, max_len=size or max_bytes)
        except BadEncoding as cause:
            raise BadCall(f"{name}: {cause.detail}") from cause
        if size is not None and len(data) != size:
            raise BadCall(f"{name}: {size} bytes")
        return data
