"""Which usage passwords are too easy to guess: the table that the emission page is held to as well."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_phone.domain.usage_password import COMMON, About, weakness

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/usage_password.json").read_text("utf-8"))
ABOUTS = {name: About(**members) for name, members in VECTORS["abouts"].items()}


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['password']}-{case['about']}")
def test_each_password_of_the_table(case: dict[str, Any]) -> None:
    """Refused for its reason, or taken."""
    assert weakness(case["password"], ABOUTS[case["about"]]) == case["weakness"]


def test_the_words_are_the_pages() -> None:
    """The same words in the same order: the same cut wins on both sides."""
    assert " ".join(COMMON) == VECTORS["common"]
    assert len(set(COMMON)) == len(COMMON)


@pytest.mark.parametrize("tail", ["", "1", "99", "2026", "123", "x"])
def test_no_common_word_is_saved_by_its_tail(tail: str) -> None:
    """Nor by a digit or a year in front, nor by capitals."""
    guesses = [guess for word in COMMON for guess in (word + tail, tail + word, (word + tail).title())]
    assert [guess for guess in guesses if len(guess) >= 8 and weakness(guess, ABOUTS["nobody"]) is None] == []


@pytest.mark.parametrize("password", [case["password"] for case in VECTORS["cases"] if case["weakness"] is None])
def test_a_good_one_is_good_in_capitals_too(password: str) -> None:
    """Capitals add nothing and take nothing."""
    about = ABOUTS["nobody"]
    assert weakness(password.upper(), about) is weakness(password.lower(), about) is None
