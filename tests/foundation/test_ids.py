"""Identifiers and tokens that say what they are."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import NotAuthenticated
from foundation.ids import (
    BadToken,
    digest_text,
    is_id,
    new_id,
    new_token,
    parse_token,
    same,
    secret_digest,
    secret_matches,
)


def test_id_is_prefix_and_26_crockford_characters() -> None:
    """All 128 bits are there, in the lowercase Crockford alphabet."""
    assert new_id("cred", bytes) == "cred_" + "0" * 26
    assert new_id("cred", lambda n: b"\xff" * n) == "cred_7" + "z" * 25
    assert new_id("cred", lambda n: bytes(range(n))) == "cred_00041061050r3gg28a1c60t3gf"


def test_ids_are_not_repeated() -> None:
    """Randomness is the system's."""
    assert len({new_id("req") for _ in range(1000)}) == 1000


@pytest.mark.parametrize("prefix", ["", "a", "Cred", "cred_", "1x", "cré", "toolongprefix"])
def test_bad_prefix_is_a_programming_error(prefix: str) -> None:
    """A prefix is two to twelve lowercase letters and digits."""
    with pytest.raises(ValueError, match="not an id prefix"):
        new_id(prefix)


@given(st.binary(min_size=16, max_size=16))
def test_every_made_id_is_an_id(data: bytes) -> None:
    """Whatever the randomness, the id is recognised, and only under its own prefix."""
    made = new_id("dev", lambda _n: data)

    assert is_id(made, "dev")
    assert not is_id(made, "cred")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cred",
        "cred_",
        "cred_" + "0" * 25,
        "cred_" + "0" * 27,
        "cred_8" + "0" * 25,  # would need 131 bits: a second spelling
        "cred_" + "0" * 25 + "i",
        "cred_" + "0" * 25 + "U",
        "cred_" + "0" * 26 + "\n",
        "CRED_" + "0" * 26,
        " cred_" + "0" * 26,
        "cred_" + "٠" * 26,
        None,
        7,
        b"cred_" + b"0" * 26,
    ],
)
def test_what_is_not_an_id(text: object) -> None:
    """There is one spelling, and nothing else is accepted."""
    assert not is_id(text, "cred")


def test_token_round_trip() -> None:
    """The text holds the public id and the secret, and parses back."""
    token = new_token("dvt")

    assert parse_token(token.text, "dvt") == (token.public_id, token.secret)
    assert is_id(token.public_id, "dvt")
    assert re.fullmatch(r"dvt_[0-9a-z]{26}_[0-9a-z]{52}", token.text)


def test_token_hides_its_secret_from_repr() -> None:
    """A token printed by accident shows the public half only."""
    token = new_token("at")

    assert token.secret not in repr(token)
    assert token.public_id in repr(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dvt",
        "dvt_" + "0" * 26,
        "dvt_" + "0" * 26 + "_",
        "at_" + "0" * 26 + "_" + "a" * 52,
        "dvt_" + "8" * 26 + "_" + "a" * 52,
        "dvt_" + "0" * 26 + "_" + "a" * 129,
        "dvt_" + "0" * 26 + "_abc_def",
        "dvt_" + "0" * 26 + "_abc\n",
        "dvt_" + "0" * 26 + "_ab\x00c",
        "x" * 100_000,
        None,
        12,
    ],
)
def test_bad_tokens_are_refused_without_being_repeated(text: object) -> None:
    """The error names the kind expected, never what was sent."""
    with pytest.raises(BadToken) as caught:
        parse_token(text, "dvt")

    assert isinstance(caught.value, NotAuthenticated)
    assert caught.value.detail == "expected a token that begins with dvt_"


def test_secret_is_kept_as_sha256() -> None:
    """What is stored cannot be presented."""
    assert secret_digest("abc") == hashlib.sha256(b"abc").digest()
    assert secret_matches("abc", secret_digest("abc"))
    assert not secret_matches("abd", secret_digest("abc"))
    assert not secret_matches("abc", b"")


def test_digest_text_is_b64u_of_sha256() -> None:
    """How digests are written in documents and in the audit."""
    assert digest_text(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_same_compares_text_and_bytes() -> None:
    """Non-ASCII text does not raise, as hmac.compare_digest alone would."""
    assert same("ção", "ção")
    assert same(b"x", "x")
    assert not same("x", "xy")


def test_an_id_may_end_like_another() -> None:
    """And is as good an id as any, of its own kind."""
    near = new_id("cred")
    made = {new_id("req", near=near) for _ in range(50)}

    assert len(made) == 50
    assert all(is_id(one, "req") and one[-1] == near[-1] for one in made)
