"""p11-kit's RPC as bytes: a frame's header, and values both ways. Nothing here trusts a length, a count or a nesting.

A frame is ``u32 serial, u32 options length, u32 body length, options, body``; a body is ``u32 call, byte array
signature, arguments``. The letters of a signature: ``u`` ulong, ``y`` byte, ``s`` space-padded text, ``v`` version,
``M`` mechanism, ``ay`` bytes, ``au`` ulongs, ``aA`` attributes, ``fu`` ``fy`` room for ulongs or bytes, ``fA``
attributes wanted. All numbers are big endian.

Mechanisms have two encodings, which do **not** follow the negotiated version: a client that knows version 2 (p11-kit
0.25.6 and later) writes the new one even to a server that answered 0. Whoever makes a `Reader` says which.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

NULL: Final = 0xFFFFFFFF
"""A length, or a mechanism's type, that means "none"."""
MAX_OPTIONS: Final = 256
"""Bytes: the name of the client's module."""
MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes: somebody may give a whole document to one C_Sign."""
MAX_ATTRIBUTES: Final = 128
MAX_ULONGS: Final = 512
MAX_NESTING: Final = 2
"""Templates in templates: PKCS#11 has one level."""
MAX_SIGNATURE: Final = 32
"""Letters."""

BOOLEANS: Final = frozenset(
    {0x01, 0x02, 0x86, 0x162, 0x163, 0x164, 0x165, 0x170, 0x171, 0x172, 0x200, 0x202, 0x210, 0x300, 0x302}
    | set(range(0x103, 0x10D))
)
ULONGS: Final = frozenset({0x00, 0x80, 0x87, 0x88, 0x100, 0x121, 0x133, 0x134, 0x160, 0x161, 0x166, 0x201})
TEMPLATES: Final = frozenset({0x40000211, 0x40000212, 0x40000213})
ALLOWED_MECHANISMS: Final = 0x40000600

PSS: Final = frozenset({0x0D, 0x0E, 0x43, 0x44, 0x45})
"""Their parameters are three ulongs: hash, mask, length of the salt."""
BARE: Final = frozenset({0x01, 0x06, 0x40, 0x41, 0x42, 0x46, 0x220, 0x250, 0x260, 0x270} | set(range(0x1041, 0x1047)))
"""The new encoding writes nothing after the type of these."""

Value: TypeAlias = "int | bytes | list[object] | None"
Attribute: TypeAlias = tuple[int, Value]


class Malformed(Exception):
    """These bytes are no message."""


@dataclass(frozen=True)
class Header:
    """Of one frame. ``serial`` is echoed by the answer, which may come out of order."""

    SIZE = 12
    serial: int
    options: int
    body: int


def read_header(data: bytes) -> Header:
    """Raises Malformed for a frame that nobody honest sends: there is no way to go on after it."""
    header = Header(*struct.unpack(">III", data))
    if header.options > MAX_OPTIONS or not 8 <= header.body <= MAX_BODY:
        raise Malformed("frame")
    return header


@dataclass(frozen=True)
class Mechanism:
    """``type`` None: the operation is cancelled. ``pss``: hash, mask, length of the salt."""

    type: int | None
    pss: tuple[int, int, int] | None = None
    parameters: bytes | None = None


class Reader:
    """Takes values off a body, front to back. Every method raises Malformed rather than read what is not there."""

    def __init__(self, data: bytes, *, new_mechanisms: bool) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._new = new_mechanisms
        self._one: dict[str, Callable[[], object]] = {
            "u": self.u64, "y": self.byte, "s": self.blob, "z": self.blob, "M": self.mechanism,
        }  # fmt: skip
        self._two: dict[str, Callable[[], object]] = {
            "ay": self.byte_array, "fu": self.u32, "fy": self.u32, "fA": self.wanted, "aA": self.attributes,
        }  # fmt: skip

    def call(self) -> tuple[int, str]:
        """Which call, and the signature its arguments claim to have."""
        number, letters = self.u32(), self.blob()
        if letters is None or len(letters) > MAX_SIGNATURE or not letters.isascii():
            raise Malformed("signature")
        return number, letters.decode("ascii")

    def arguments(self, signature: str) -> list[object]:
        """All values of ``signature``, and nothing after them."""
        values: list[object] = []
        at = 0
        while at < len(signature):
            two = self._two.get(signature[at : at + 2])
            values.append(two() if two else self._one[signature[at]]())
            at += 2 if two else 1
        if self._at != len(self._data):
            raise Malformed("bytes after the last argument")
        return values

    def byte(self) -> int:
        return self._take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def blob(self) -> bytes | None:
        """Bytes behind their length; None for NULL."""
        length = self.u32()
        return None if length == NULL else self._take(length)

    def byte_array(self) -> bytes | None:
        """A flag, then the bytes; or, without them, how many there would be."""
        if self._flag():
            return self.blob()
        self.u32()
        return None

    def attributes(self, depth: int = 0) -> list[Attribute]:
        """A template: types with values."""
        if depth > MAX_NESTING:
            raise Malformed("nesting")
        return [self._attribute(depth) for _ in range(self._count(MAX_ATTRIBUTES))]

    def wanted(self, depth: int = 0) -> list[tuple[int, int]]:
        """What C_GetAttributeValue wants: types, and the room for each."""
        if depth > MAX_NESTING:
            raise Malformed("nesting")
        found = []
        for _ in range(self._count(MAX_ATTRIBUTES)):
            kind, room = self.u32(), self.u32()
            if kind in TEMPLATES and room:
                self.wanted(depth + 1)
            found.append((kind, room))
        return found

    def mechanism(self) -> Mechanism:
        kind = self.u32()
        if kind == NULL:
            return Mechanism(None)
        if self._new and (kind in BARE or not self._flag()):
            return Mechanism(kind)
        if kind in PSS:
            return Mechanism(kind, pss=(self.u64(), self.u64(), self.u64()))
        return Mechanism(kind, parameters=self.blob())

    def _attribute(self, depth: int) -> Attribute:
        kind = self.u32()
        if not self._flag():
            return kind, None
        self.u32()  # the length in the ABI of the caller, which need not be ours
        if kind in BOOLEANS:
            return kind, self.byte()
        if kind in ULONGS:
            return kind, self.u64()
        if kind in TEMPLATES:
            return kind, [*self.attributes(depth + 1)]
        if kind == ALLOWED_MECHANISMS:
            return kind, [self.u64() for _ in range(self._count(MAX_ULONGS))]
        return kind, self.blob()

    def _flag(self) -> bool:
        flag = self.byte()
        if flag > 1:
            raise Malformed("flag")
        return flag == 1

    def _count(self, most: int) -> int:
        count = self.u32()
        if count > most:
            raise Malformed("count")
        return count

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise Malformed("too short")
        value = bytes(self._data[self._at : self._at + size])
        self._at += size
        return value


# --- answers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """``s``: padded with spaces to the width that PKCS#11 fixes."""

    text: str
    width: int


@dataclass(frozen=True)
class Needed:
    """In the place of an array: so much room is needed."""

    count: int


def answer(call: int, signature: str, values: Sequence[object]) -> bytes:
    """The body of a good answer."""
    return u32(call) + blob(signature.encode("ascii")) + b"".join(_encoded(signature, values))


def refusal(rv: int) -> bytes:
    """The body of any other answer."""
    return u32(0) + blob(b"u") + u64(rv)


def frame(serial: int, body: bytes) -> bytes:
    return struct.pack(">III", serial, 0, len(body)) + body


def u32(value: int) -> bytes:
    return struct.pack(">I", value)


def u64(value: int) -> bytes:
    return struct.pack(">Q", value)


def blob(value: bytes) -> bytes:
    return u32(len(value)) + value


def _encoded(signature: str, values: Sequence[object]) -> list[bytes]:
    parts: list[bytes] = []
    rest, at = iter(values), 0
    while at < len(signature):
        letters = signature[at : at + 2]
        if letters not in ("ay", "au", "aA"):
            letters = signature[at]
        parts.append(_one(letters, next(rest)))
        at += len(letters)
    return parts


def _one(letters: str, value: object) -> bytes:
    match letters, value:
        case "u", int():
            return u64(value)
        case "v", (int(major), int(minor)):
            return bytes([major, minor])
        case "s", Text(text, width):
            return blob(_cut(text, width).ljust(width))
        case "ay" | "au", Needed(count):
            return b"\0" + u32(count)
        case "ay", bytes():
            return b"\1" + blob(value)
        case "au", list():
            return b"\1" + u32(len(value)) + b"".join(map(u64, value))
        case "aA", list():
            return u32(len(value)) + b"".join(put_attribute(kind, item) for kind, item in value)
        case _:
            raise TypeError(f"{letters!r} takes no {type(value).__name__}")


def _cut(text: str, width: int) -> bytes:
    """UTF-8 of at most ``width`` bytes, never half a letter."""
    return text.encode()[:width].decode(errors="ignore").encode()


def put_attribute(kind: int, value: Value) -> bytes:
    """One attribute; ``value`` None: we have none."""
    if value is None:
        return u32(kind) + b"\0"
    if isinstance(value, int):
        if kind in BOOLEANS:
            return u32(kind) + b"\1" + u32(1) + bytes([value])
        return u32(kind) + b"\1" + u32(8) + u64(value)
    if isinstance(value, bytes):
        return u32(kind) + b"\1" + u32(len(value)) + blob(value)
    raise TypeError("we have no templates")
