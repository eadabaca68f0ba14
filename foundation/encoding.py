"""Bytes as text and text as bytes, with exactly one spelling for each value.

Everything here is strict on purpose: a second spelling of the same bytes is a second hash, a second signature,
a second cache key.
"""

import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import rfc8785

from foundation.errors import BadInput, Internal, JsonObject, JsonValue

__all__ = ["BadEncoding", "JsonObject", "JsonValue", "b64u", "canonical_json", "strict_json", "unb64u"]

MAX_DEPTH: Final = 32
"""Nesting allowed in JSON. Our deepest document has 5 levels; the C parser of Python gives up near 1,000 with a
RecursionError, which must never be reachable from outside."""

MAX_DIGITS: Final = 32
"""Length of a number in JSON: beyond it Python spends quadratic time, and no field of ours is a bignum."""

_MAX_INTEGER: Final = 2**53
_EXPONENT_FROM: Final = 1e21
"""Where RFC 8785 (ECMAScript) begins to write an exponent."""

_FEW_BRACKETS: Final = 256
"""So many, all of them nested, are far from exhausting the parser: how deep they are may be looked at afterwards."""

# The closing quote is optional, so that an endless string is consumed once instead of being tried from every quote on.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[][{}]")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


class BadEncoding(BadInput):
    """Text that is not the one spelling of anything."""

    code = "bad_encoding"
    summary = "The encoding is not valid."


def b64u(data: bytes) -> str:
    """RFC 4648 section 5 without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def unb64u(text: str, *, max_len: int) -> bytes:
    """The bytes of canonical, unpadded base64url text; at most ``max_len`` bytes.

    Raises BadEncoding on padding, foreign alphabet, white space, impossible length, leftover bits that are not zero
    (they would be a second spelling), or too many bytes.
    """
    if len(text) > (max_len * 4 + 2) // 3:
        raise BadEncoding(f"more than {max_len} bytes")
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4))
    except ValueError as cause:
        raise BadEncoding("not base64url without padding") from cause
    # The decoder is a generous one: whatever it read, the text is good only if it is what we would have written.
    if b64u(data) != text:
        raise BadEncoding("not base64url without padding, or with leftover bits")
    return data


def canonical_json(value: JsonValue) -> bytes:
    """RFC 8785. Raises Internal for a value that has no canonical form (NaN, integers from 2^53 on, foreign types).

    What ``_is_simple`` says yes to, Python's own serialiser (in C) writes in the same bytes, seven times faster; a
    property test holds the two against each other. Everything else goes to the library.
    """
    if _is_simple(value):
        try:
            return _SIMPLE.encode(value).encode("utf-8")
        except UnicodeError as cause:
            raise Internal("no canonical JSON for this value: a lone surrogate") from cause
    try:
        return rfc8785.dumps(_plain(value))
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as cause:
        raise Internal(f"no canonical JSON for this value: {type(cause).__name__}") from cause


def strict_json(data: bytes, *, max_bytes: int) -> JsonValue:
    """The value of UTF-8 JSON text, refusing what parsers disagree about.

    Raises BadEncoding when longer than ``max_bytes``, not UTF-8, not JSON (RFC 8259), with NaN or Infinity, a
    duplicate key, a lone surrogate, an endless number, or nested deeper than ``MAX_DEPTH``.
    """
    if len(data) > max_bytes:
        raise BadEncoding(f"more than {max_bytes} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise BadEncoding("not UTF-8") from cause
    brackets = text.count("[") + text.count("{")  # with those in strings: never too few
    if brackets > _FEW_BRACKETS:
        _check_depth(text)
    try:
        value: JsonValue = _STRICT.decode(text)
    except json.JSONDecodeError as cause:
        raise BadEncoding(f"not JSON at character {cause.pos}") from cause
    if MAX_DEPTH < brackets <= _FEW_BRACKETS:
        _check_levels(value)
    if "\\u" in text:
        _check_surrogates(value)
    return value


_PLAIN: Final = frozenset({str, bool, type(None)})
_SIMPLE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _is_simple(value: object, depth: int = 0) -> bool:
    """Whether both serialisers agree: plain dicts with ASCII keys, lists, text, small integers, true, false, null.

    Not so: floats (ECMAScript writes them its own way), keys beyond ASCII (sorted by UTF-16 units, not by code points),
    other mappings and sequences, subclasses (an ``IntEnum`` is an ``int``), great depth.
    """
    kind = type(value)
    if kind in _PLAIN:
        return True
    if kind is int:
        return -_MAX_INTEGER < value < _MAX_INTEGER  # type: ignore[operator]
    if depth == MAX_DEPTH:
        return False
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                return False
            if type(item) not in _PLAIN and not _is_simple(item, depth + 1):
                return False
        return True
    return kind is list and all(type(item) in _PLAIN or _is_simple(item, depth + 1) for item in value)  # type: ignore[attr-defined]


def _check_depth(text: str) -> None:
    """Count brackets outside strings before the recursive parser sees them."""
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise BadEncoding(f"nested deeper than {MAX_DEPTH}")


def _check_levels(value: Any) -> None:
    """The same of what was read from few brackets, level by level."""
    level = [value]
    for _ in range(MAX_DEPTH):
        nested = [one.values() if type(one) is dict else one for one in level if type(one) in _NESTED]
        if not nested:
            return
        level = [item for items in nested for item in items]
    if any(type(one) in _NESTED for one in level):
        raise BadEncoding(f"nested deeper than {MAX_DEPTH}")


def _no_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadEncoding(f"duplicate key {twice[:64]!r}")
    return result


def _no_constant(name: str) -> JsonValue:
    raise BadEncoding(f"{name} is not JSON")


def _short_int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadEncoding("number too long")
    return int(text)


def _finite_float(text: str) -> float:
    number = float(text) if len(text) <= MAX_DIGITS else float("inf")
    if number in (float("inf"), float("-inf")):
        raise BadEncoding("number out of range")
    return number


_NESTED: Final = frozenset({dict, list})
_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_int=_short_int, parse_float=_finite_float
)


def _check_surrogates(value: JsonValue) -> None:
    """An escaped lone surrogate decodes to a string that cannot be encoded again."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as cause:
        raise BadEncoding("lone surrogate in a string") from cause


def _plain(value: object) -> Any:
    """Mappings and sequences of any kind as the dict and list that the serialiser knows."""
    if isinstance(value, float) and _MAX_INTEGER <= abs(value) < _EXPONENT_FROM:
        # It would be written with digits only, and read back as an integer that has no canonical form.
        raise rfc8785.FloatDomainError(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [_plain(item) for item in value]
    raise rfc8785.CanonicalizationError(f"not JSON: {type(value).__name__}")
