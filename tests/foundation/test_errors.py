"""Errors are data."""

import re

import pytest

import foundation.audit
import foundation.channel
import foundation.database
import foundation.dpop
import foundation.ids
import foundation.migrations
import foundation.web  # noqa: F401 - so that every_error knows them all
from foundation.errors import FAMILIES, BadInput, Internal, LinkIdError, Locked, every_error, family_of

OURS = [kind for kind in every_error() if kind.__module__.startswith("foundation")]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_error_is_complete(kind: type[LinkIdError]) -> None:
    """Code in snake_case, sentences that end, a family, a docstring that says when."""
    assert re.fullmatch(r"[a-z][a-z0-9_]{2,40}", kind.code)
    assert kind.summary.endswith(".")
    assert kind.message.endswith(".")
    assert kind.__doc__
    assert sum(issubclass(kind, family) for family in FAMILIES) == 1


def test_codes_are_unique() -> None:
    """A program that compares codes can tell classes apart."""
    codes = [kind.code for kind in OURS]

    assert sorted(codes) == sorted(set(codes))


def test_error_carries_its_case() -> None:
    """Detail, seconds to wait and data belong to the instance; data cannot be changed afterwards."""
    data = {"tries_left": 2}
    error = Locked("third wrong password", retry_after=10_800, data=data)
    data["tries_left"] = 5

    assert (error.detail, error.retry_after, dict(error.data)) == ("third wrong password", 10_800, {"tries_left": 2})
    assert str(error) == "locked: third wrong password"
    with pytest.raises(TypeError):
        error.data["tries_left"] = 9  # type: ignore[index]


def test_error_without_a_case_says_its_summary() -> None:
    """Raising the class alone is enough."""
    assert str(BadInput()) == "bad_input: The request is not valid."
    assert BadInput().detail is None


def test_family_of_a_class_outside_is_internal() -> None:
    """A class that forgot its family is treated as a fault of ours."""

    class Stray(LinkIdError):
        """Outside every family."""

    assert family_of(Stray) is Internal
    assert family_of(Locked) is Locked
