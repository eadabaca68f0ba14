"""One spelling for each value."""

import base64
import contextlib
import json
import re
import time
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from foundation.encoding import BadEncoding, b64u, canonical_json, strict_json, unb64u
from foundation.errors import BadInput, Internal

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not 2**53 <= abs(number) < 1e21)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_json)
def test_both_serialisers_write_the_same_bytes(value: Any) -> None:
    """What Python's serialiser is trusted with has the very bytes that the library of RFC 8785 gives it."""
    assert canonical_json(value) == rfc8785.dumps(value)


@given(st.binary(max_size=80))
def test_b64u_round_trip(data: bytes) -> None:
    """Every byte string has its text, without padding."""
    text = b64u(data)

    assert "=" not in text
    assert unb64u(text, max_len=len(data)) == data


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("YQ==", "padding"),
        ("Y Q", "white space"),
        ("YQ\n", "a newline at the end"),
        ("Y", "an impossible length"),
        ("YR", "leftover bits that are not zero: a second spelling of 'a'"),
        ("+/", "the other alphabet"),
        ("YQ\x00", "a NUL"),
        ("ÿÿ", "not ASCII"),
    ],
)
def test_b64u_has_one_spelling(text: str, why: str) -> None:
    """Whatever is not exactly what we would have written is refused."""
    with pytest.raises(BadEncoding):
        unb64u(text, max_len=100)


@given(st.text("AQYg-_+/=\n ÿ", max_size=9) | st.binary(max_size=9).map(b64u))
def test_b64u_is_read_by_its_own_rule(text: str) -> None:
    """Good is what has our alphabet only, and is written again as it was: said once more, by a pattern."""
    padded = text + "=" * (-len(text) % 4)
    good = re.fullmatch(r"[A-Za-z0-9_-]*", text) is not None and len(text) % 4 != 1
    good = good and base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).rstrip(b"=").decode() == text

    try:
        found: bytes | None = unb64u(text, max_len=9)
    except BadEncoding:
        found = None
    assert found == (base64.urlsafe_b64decode(padded) if good else None)


@given(st.integers(0, 70))
def test_b64u_length_is_exact(size: int) -> None:
    """max_len bytes pass, one more does not, and the refusal comes before decoding."""
    assert len(unb64u(b64u(bytes(size)), max_len=size)) == size
    with pytest.raises(BadEncoding):
        unb64u(b64u(bytes(size + 1)), max_len=size)


def test_canonical_json_is_rfc_8785() -> None:
    """Members sorted by UTF-16, shortest numbers, minimal escapes (the RFC's own example)."""
    value: dict[str, list[float | bool | None] | str] = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )

    assert canonical_json(value) == expected.encode()


@given(_json)
def test_canonical_json_is_stable(value: Any) -> None:
    """Parsed strictly and written again, it is the same bytes."""
    once = canonical_json(value)

    assert canonical_json(strict_json(once, max_bytes=len(once))) == once


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, 2.0**53, 1e20, {"x": -(2**60)}, "\ud800", b"x", {1: 2}, object()]
)
def test_no_canonical_form(value: Any) -> None:
    """What has no canonical form is a fault of ours, never silently something else."""
    with pytest.raises(Internal):
        canonical_json(value)


@given(_json)
def test_strict_json_reads_what_json_writes(value: Any) -> None:
    """Strict does not mean poor: every JSON value passes."""
    text = json.dumps(value).encode()

    assert strict_json(text, max_bytes=len(text)) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"a":1,"\\u0061":2}', "duplicate key in another spelling"),
        (b'{"x":{"b":1,"b":1}}', "duplicate key deeper"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "-Infinity"),
        (b"1e999", "a number that becomes infinite"),
        (b"1" * 33, "an endless integer"),
        (b"0." + b"1" * 40, "an endless fraction"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udc00":1}', "lone surrogate as key"),
        (b'"\xff"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "UTF-16"),
        (b"", "nothing"),
        (b"{} {}", "two values"),
        (b"{'a':1}", "single quotes"),
        (b'{"a":1,}', "trailing comma"),
        (b'{"a":01}', "leading zero"),
        (b'"\x01"', "control character in a string"),
        (b"[" * 33 + b"]" * 33, "nested deeper than 32"),
        (b"[" * 200_000, "nested to exhaust the stack"),
        (b'{"a":' * 100_000, "nested objects to exhaust the stack"),
    ],
)
def test_strict_json_refuses(text: bytes, why: str) -> None:
    """What parsers disagree about, or choke on, is refused as bad input."""
    with pytest.raises(BadEncoding) as caught:
        strict_json(text, max_bytes=1_000_000)

    assert isinstance(caught.value, BadInput)


def test_strict_json_counts_brackets_outside_strings_only() -> None:
    """Brackets inside a string are no nesting, whatever is escaped around them."""
    text = json.dumps(["[" * 100, '\\"{{{{' * 20]).encode()

    assert strict_json(text, max_bytes=len(text)) == ["[" * 100, '\\"{{{{' * 20]


@pytest.mark.parametrize(
    "text",
    [
        b'"' + b'\\"' * 500_000,
        b'["' * 250_000,
        b'"' * 1_000_000,
        b"[" * 30 + b'"\\' * 400_000,
        b"{" * 1_000_000,
        b"[1,2]," * 160_000,
        b"1" * 1_000_000,
    ],
)
def test_strict_json_is_quick_to_refuse(text: bytes) -> None:
    """A megabyte made to be tried again and again costs a fraction of a second."""
    started = time.process_time()

    with pytest.raises(BadEncoding):
        strict_json(text, max_bytes=len(text))

    assert time.process_time() - started < 1.0


def test_strict_json_depth_is_exact() -> None:
    """Thirty-two levels pass, also beside other brackets; one more does not."""
    deepest = b"[" * 32 + b"]" * 32
    siblings = b"[" + b",".join([b"[" * 31 + b"]" * 31] * 5) + b"]"
    for good in (deepest, siblings):
        assert strict_json(good, max_bytes=1000)
    with pytest.raises(BadEncoding, match="nested deeper"):
        strict_json(b"[" + siblings + b"]", max_bytes=1000)


@given(st.integers(30, 35), st.integers(0, 300), st.sampled_from(["[", '{"a":']), st.sampled_from(["", "0", '"[{"']))
def test_strict_json_depth_is_the_same_however_it_is_counted(depth: int, others: int, opening: str, inner: str) -> None:
    """Few brackets are counted in what was read, many in the text; a bracket in a string is none either way."""
    text = f"[{opening * depth}{inner or '[]'}{'}' * depth if opening != '[' else ']' * depth}{',[]' * others}]"
    levels = 1 + depth + (not inner)

    if levels <= 32:
        assert len(strict_json(text.encode(), max_bytes=10_000)) == 1 + others  # type: ignore[arg-type]
    else:
        with pytest.raises(BadEncoding, match="nested deeper"):
            strict_json(text.encode(), max_bytes=10_000)


def test_strict_json_limits_bytes() -> None:
    """The limit is on bytes, and one byte more is refused unread."""
    assert strict_json(b'"ab"', max_bytes=4) == "ab"
    with pytest.raises(BadEncoding, match="more than 3 bytes"):
        strict_json(b'"ab"', max_bytes=3)


@given(st.binary(max_size=60))
def test_strict_json_never_raises_anything_else(data: bytes) -> None:
    """Any bytes give a value or BadEncoding."""
    with contextlib.suppress(BadEncoding):
        strict_json(data, max_bytes=60)
