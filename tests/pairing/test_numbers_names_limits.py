"""Numbers of the Brazilian plan, names that are shown to others, and sliding windows. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.network import network
from pairing.domain.ceremony import MAX_SENDS, RESEND_WAITS, resend_at
from pairing.domain.limits import SENDING, Limit, Scope, budget, reopens_in
from pairing.domain.names import read_computer_name, read_nickname, read_system
from pairing.domain.numbers import masked, neighbourhood, read_number
from pairing.errors import NicknameInvalid, NumberForeign, NumberInvalid, NumberNotMobile

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "+5511987654321",
        "(11) 98765-4321",
        "11 98765 4321",
        "011 98765-4321",
        "0 15 11 98765-4321",
        "+55 (11) 98765-4321",
        " 11987654321 ",
        "55 11 98765-4321",
    ],
)
def test_a_mobile_number_has_one_spelling(text: str) -> None:
    """However it was typed, with trunk or carrier prefix, it is stored and compared as E.164."""
    assert read_number(text) == "+5511987654321"


def test_old_trunking_numbers_are_mobile() -> None:
    """+55 21 7890-1234 never got a ninth digit."""
    assert read_number("+55 21 7890-1234") == "+552178901234"


@pytest.mark.parametrize(
    ("text", "suggestion"), [("+551187654321", "+5511987654321"), ("(31) 8765-4321", "+5531987654321")]
)
def test_a_missing_ninth_digit_is_offered(text: str, suggestion: str) -> None:
    """Numbers as they were before 2016 are not guessed, but offered."""
    with pytest.raises(NumberInvalid) as caught:
        read_number(text)

    assert caught.value.data["suggestion"] == suggestion


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("+551132145678", NumberNotMobile),
        ("0800 123 4567", NumberNotMobile),
        ("+1 415 555 2671", NumberForeign),
        ("+351 912 345 678", NumberForeign),
        ("10 98765-4321", NumberInvalid),
        ("00 98765-4321", NumberInvalid),
        ("98765-4321", NumberInvalid),
        ("", NumberInvalid),
        ("maria", NumberInvalid),
        ("11987654321;ext=9", NumberInvalid),
        ("+5511987654321" + "0" * 40, NumberInvalid),
        ("+55", NumberInvalid),
        ("\x00", NumberInvalid),
    ],
)
def test_other_numbers_are_refused_with_a_reason(text: str, error: type[Exception]) -> None:
    """Fixed lines, other countries, area codes that do not exist, and no numbers at all."""
    with pytest.raises(error):
        read_number(text)


@given(st.text(max_size=60))
def test_reading_a_number_never_fails_otherwise(text: str) -> None:
    """A number that our tables take, or one of three errors."""
    try:
        number = read_number(text)
    except (NumberInvalid, NumberForeign, NumberNotMobile):
        return
    assert number.startswith("+55")
    assert len(number) in (13, 14)
    assert number[1:].isdigit()


def test_a_mask_keeps_area_and_end() -> None:
    """Enough to recognise one's own number, too little to learn somebody's."""
    assert masked("+5511987654321") == "+55 11 •••••-4321"
    assert neighbourhood("+5511987654321") == "+551198765"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Celular da Maria", "Celular da Maria"),
        ("  Celular\t da \n Maria ", "Celular da Maria"),
        ("Cafe\u0301", "Café"),
        ("Maria\u202egpj.exe", "Mariagpj.exe"),
        ("📱", "📱"),
        ("x" * 40, "x" * 40),
    ],
)
def test_a_nickname_is_one_clean_line(text: str, name: str) -> None:
    """No controls, no direction tricks, one spelling."""
    assert read_nickname(text) == name


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "\u0301\u0301", "x" * 41, "\n"])
def test_a_name_nobody_can_see_or_too_long_is_refused(text: str) -> None:
    """One to forty characters, at least one visible."""
    with pytest.raises(NicknameInvalid):
        read_nickname(text)


@given(st.text(max_size=400))
def test_names_always_fit_their_columns(text: str) -> None:
    """Whatever an agent calls itself."""
    assert 1 <= len(read_computer_name(text)) <= 64
    assert len(read_system(text)) <= 40


def test_a_computer_without_a_name_has_one() -> None:
    """The approval screen never shows an empty line."""
    assert read_computer_name(" \u200b ") == "Computador"


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_one_customer_is_one_network(address: str, subject: str) -> None:
    """An IPv6 customer has 2^64 addresses and counts once."""
    assert network(address) == subject


@given(st.integers(0, 86_400), st.integers(1, 86_400))
def test_a_window_reopens_when_its_blocking_use_leaves(age: int, window: int) -> None:
    """Seconds to wait: at least one, never longer than the window."""
    limit = Limit(Scope.NUMBER, 3, timedelta(seconds=window))
    wait = reopens_in(limit, NOW - timedelta(seconds=age), NOW)

    assert 1 <= wait <= max(1, window)
    if age < window:
        assert wait == window - age


def test_limits_of_a_number_allow_a_whole_pairing() -> None:
    """Whoever uses all messages of one pairing is not stopped before."""
    limits = [limit for limit in SENDING if limit.scope is Scope.NUMBER]

    assert min(limit.count for limit in limits) >= MAX_SENDS
    assert budget(5).count == 5


def test_waits_between_messages_grow() -> None:
    """30, 60, 120 seconds."""
    waits = [resend_at(sends, NOW) - NOW for sends in (1, 2, 3)]

    assert waits == [timedelta(seconds=seconds) for seconds in (30, 60, 120)] == list(RESEND_WAITS)
