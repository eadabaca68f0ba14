"""DER taken apart and put together without looking inside.

asn1crypto encodes a tree anew when one leaf of it was changed, twice at each level: a signature with a time stamp
inside took it a minute. What is put into a container here is bytes, and so is what stays as it was.
"""

from collections.abc import Iterable

from asn1crypto import parser


def parts(der: bytes) -> list[bytes]:
    """The encodings inside one. Raises ValueError."""
    contents = parser.parse(der, strict=True)[4]
    found, at = [], 0
    while at < len(contents):
        size = parser.peek(contents[at:])
        found.append(bytes(contents[at : at + size]))
        at += size
    return found


def sequence_of(*encodings: bytes) -> bytes:
    """SEQUENCE."""
    return bytes(parser.emit(0, 1, 16, b"".join(encodings)))


def set_of(encodings: Iterable[bytes]) -> bytes:
    """SET OF, in the order that DER demands."""
    return bytes(parser.emit(0, 1, 17, b"".join(sorted(encodings))))


def tagged(number: int, encoding: bytes) -> bytes:
    """The same under an implicit context tag."""
    return bytes(parser.emit(2, 1, number, parser.parse(encoding)[4]))


def tag_of(der: bytes) -> tuple[int, int]:
    """Class and number."""
    found = parser.parse(der)
    return int(found[0]), int(found[2])
