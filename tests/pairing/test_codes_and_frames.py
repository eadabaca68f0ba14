"""Codes and frames: what is shown, what is accepted, and for how long. Pure."""

import contextlib
import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.encoding import unb64u
from foundation.ids import ALPHABET, new_id
from pairing.domain import frames
from pairing.domain.codes import CodeKey, read_digits, sms_text
from pairing.domain.frames import Frame, RequestCode, Shown, TypedCode
from pairing.errors import CodeMalformed, CodeNotOurs, FrameExpired

APP = "https://app.test"
BEGAN = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = CodeKey(bytes(range(32)))
SHOWN = Shown(KEY.link_secret("lnk_a"), "A" * 22, "J" * 43, "Notebook da Maria", BEGAN)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def scanned(text: str) -> Frame:
    frame = frames.read_scan(text, APP)
    assert isinstance(frame, Frame)
    return frame


# ---- frames ----


def test_frames_are_those_of_the_shared_vectors() -> None:
    """The MAC in a frame is the one that docs/protocol.md 9.3 and the other programs compute."""
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "link.json").read_text())
    secret = unb64u(vectors["link_secret"], max_len=32)
    for case in vectors["frames"]:
        shown = Shown(secret, vectors["token"], vectors["jkt"], case["name"], BEGAN)

        assert frames.frame(APP, shown, at(case["n"])) == f"{APP}/l#1.{shown.token}.{case['n']}.{case['mac']}"


@given(st.integers(0, 300_000_000), st.integers(-10_000_000, 20_000_000))
def test_a_frame_is_accepted_from_one_second_before_to_five_after(shown_at: int, later: int) -> None:
    """-1 … +5 whole seconds of the server's clock, and not a second more. Here microseconds, which no clock rounds."""
    scan = scanned(frames.frame(APP, SHOWN, BEGAN + timedelta(microseconds=shown_at)))
    looked_at = max(0, shown_at + later)
    age = looked_at // 1_000_000 - shown_at // 1_000_000
    now = BEGAN + timedelta(microseconds=looked_at)
    if -1 <= age <= 5:
        frames.check_frame(scan, SHOWN, now)
    else:
        with pytest.raises(FrameExpired):
            frames.check_frame(scan, SHOWN, now)


@pytest.mark.parametrize(
    "other",
    [
        Shown(KEY.link_secret("lnk_b"), SHOWN.token, SHOWN.jkt, SHOWN.name, BEGAN),
        Shown(SHOWN.secret, "B" * 22, SHOWN.jkt, SHOWN.name, BEGAN),
        Shown(SHOWN.secret, SHOWN.token, "K" * 43, SHOWN.name, BEGAN),
        Shown(SHOWN.secret, SHOWN.token, SHOWN.jkt, "Outro computador", BEGAN),
    ],
    ids=["secret", "token", "key", "name"],
)
def test_a_frame_of_anything_else_is_not_ours(other: Shown) -> None:
    """Secret, token, the computer's key and its name are all under the MAC."""
    scan = scanned(frames.frame(APP, other, at(10)))
    with pytest.raises(CodeNotOurs):
        frames.check_frame(scan, SHOWN, at(10))


def test_a_forged_second_is_not_ours_rather_than_expired() -> None:
    """Whoever did not see a true frame does not learn that it is a matter of time."""
    scan = scanned(frames.frame(APP, SHOWN, at(10)))
    with pytest.raises(CodeNotOurs):
        frames.check_frame(Frame(scan.token, scan.second + 1, scan.mac), SHOWN, at(11))


def test_a_name_with_separators_does_not_move_fields() -> None:
    """The name comes last: no name makes another frame's input."""
    tricky = Shown(SHOWN.secret, SHOWN.token, SHOWN.jkt, "x|y|7", BEGAN)

    assert frames.frame(APP, tricky, at(1)) != frames.frame(APP, SHOWN, at(1))


# ---- what was scanned or typed ----


def test_our_three_kinds_of_codes_are_told_apart() -> None:
    """A frame, a typed code in any dress, the QR code of a request."""
    request = new_id("req")

    assert isinstance(frames.read_scan(f" {frames.frame(APP, SHOWN, at(3))}\n", APP), Frame)
    assert frames.read_scan(f"{APP}/r#1.{request}", APP) == RequestCode(request)
    frame = frames.frame(APP, SHOWN, at(3))
    assert frames.read_scan(f"{frame}.{'k' * 43}", APP) == frames.read_scan(frame, APP)  # a computer added its key
    for typed in ("ABCDE-01234", "abcde01234", "a b c d e - 0 1 2 3 4", "ABCDE-OI234"):
        assert frames.read_scan(typed, APP) == TypedCode("abcde", "01234")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.com/l#1.x.1.y",
        f"{APP}/l#2.{'A' * 22}.1.{'A' * 22}",
        f"{APP}/l#1.{'A' * 22}.01.{'A' * 22}",
        f"{APP}/l#1.{'A' * 22}.-1.{'A' * 22}",
        f"{APP}/l#1.{'A' * 22}.999999.{'A' * 22}",
        f"{APP}/l#1.{'A' * 21}.1.{'A' * 22}",
        f"{APP}/l#1.{'A' * 22}.1.{'A' * 22}\nx",
        f"{APP}/l#1.{'A' * 22}.1.{'A' * 22}.{'k' * 42}",
        f"{APP}/l#1.{'A' * 22}.1.{'A' * 22}.{'k' * 43}.{'k' * 43}",
        f"{APP}.attacker.example/l#1.{'A' * 22}.1.{'A' * 22}",
        f"{APP}/r#1.doc_{'0' * 26}",
        f"{APP}/r#1.req_short",
        "ABCDE-0123",
        "ABCDE-012345",
        "ABCDU-01234",
        "x" * 301,
        "\x00",
        "http://localhost/l#1",
        "٠١٢٣٤٥٦٧٨٩",
    ],
)
def test_anything_else_is_not_ours(text: str) -> None:
    """Other hosts, other versions, other alphabets, nearly right."""
    with pytest.raises(CodeNotOurs):
        frames.read_scan(text, APP)


@given(st.text(max_size=400))
def test_reading_never_fails_otherwise(text: str) -> None:
    """Whatever a camera reads: one of ours, or CodeNotOurs."""
    with contextlib.suppress(CodeNotOurs):
        frames.read_scan(text, APP)


# ---- typed codes ----


def test_a_typed_code_changes_every_half_minute_and_answers_for_a_whole_one() -> None:
    """Whoever begins to type just before it changes still finishes in time."""
    first, second = frames.typed_code(SHOWN, "abcde", at(29)), frames.typed_code(SHOWN, "abcde", at(30))

    assert first[:6] == second[:6] == "ABCDE-"
    assert first != second

    code = frames.read_scan(first, APP)
    assert isinstance(code, TypedCode)
    for good in (0, 29, 59.9):
        frames.check_typed(code, SHOWN, at(good))
    with pytest.raises(CodeNotOurs):
        frames.check_typed(code, SHOWN, at(60))


def test_a_typed_code_of_the_future_is_not_accepted() -> None:
    """Codes are not valid before they are shown."""
    code = frames.read_scan(frames.typed_code(SHOWN, "abcde", at(90)), APP)
    assert isinstance(code, TypedCode)
    with pytest.raises(CodeNotOurs):
        frames.check_typed(code, SHOWN, at(80))


@given(st.binary(min_size=5, max_size=5))
def test_locators_are_readable_aloud(random: bytes) -> None:
    """Five characters of Crockford's alphabet."""
    locator = frames.new_locator(random)

    assert len(locator) == 5
    assert set(locator) <= set(ALPHABET)


# ---- SMS and check codes ----


def test_each_message_has_its_own_code() -> None:
    """The code of the first message is not that of the second, nor another pairing's, nor another key's."""
    codes = {KEY.sms_code("par_a", 1), KEY.sms_code("par_a", 2), KEY.sms_code("par_b", 1)}
    codes.add(CodeKey(bytes(32)).sms_code("par_a", 1))

    assert len(codes) == 4
    assert all(len(code) == 6 and set(code) <= set(string.digits) for code in codes)
    assert KEY.sms_code_matches(KEY.sms_code("par_a", 2), "par_a", 2)
    assert not KEY.sms_code_matches(KEY.sms_code("par_a", 1), "par_a", 2)


def test_check_codes_depend_on_link_phone_and_asker() -> None:
    """Three digits for one pair of keys in one link."""
    codes = [KEY.check_code(*who) for who in (("l", "p", "c"), ("m", "p", "c"), ("l", "q", "c"), ("l", "p", "d"))]

    assert all(len(code) == 3 and set(code) <= set(string.digits) for code in codes)
    assert len(set(codes)) == 4


def test_a_code_key_of_another_length_is_refused() -> None:
    """A short key is a mistake that must not start."""
    with pytest.raises(ValueError, match="32 bytes"):
        CodeKey(b"short")


@pytest.mark.parametrize("typed", ["123456", "123 456", " 123-456 ", "12 34 56"])
def test_people_type_codes_in_groups(typed: str) -> None:
    """Spaces and hyphens do not matter."""
    assert read_digits(typed, 6) == "123456"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "１２３４５６", "१२३४५६", "123456" + " " * 40 + "7", "1" * 100_000]
)
def test_other_texts_are_not_codes(typed: str) -> None:
    """Full-width and other scripts' digits included: one spelling only."""
    with pytest.raises(CodeMalformed):
        read_digits(typed, 6)


@given(st.text(max_size=60))
def test_reading_digits_never_fails_otherwise(typed: str) -> None:
    """A code or CodeMalformed."""
    with contextlib.suppress(CodeMalformed):
        assert len(read_digits(typed, 3)) == 3


def test_the_message_is_one_segment_and_bound_to_our_page() -> None:
    """GSM-7 without diacritics, at most 160 characters, the last line origin-bound (WICG)."""
    text = sms_text("123456", "app.assinaturas.example.com.br")

    assert text.isascii()
    assert len(text) <= 160
    assert text.splitlines()[-1] == "@app.assinaturas.example.com.br #123456"
    assert text.startswith("123456 ")
