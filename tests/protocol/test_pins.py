"""Pinned keys: what files may say, and what pins nobody."""

import json
from typing import Any

import pytest

from foundation.errors import LinkIdError
from protocol import pins
from protocol.keys import P256Key
from tests.protocol.test_vectors import key

ONE: P256Key = key("device")


def test_who_is_pinned() -> None:
    """By thumbprint; a file that is not there, or lists nobody, pins nobody."""
    content = {"v": 1, "operators": [{"name": "Ana", "key": ONE.jwk}]}
    assert pins.operators(json.dumps(content).encode()) == {ONE.jkt: ONE}
    assert pins.roots(json.dumps({"sam": [ONE.jwk], "ac": []}).encode(), "sam") == {ONE.jkt: ONE}
    assert pins.roots(json.dumps({"sam": [ONE.jwk], "ac": []}).encode(), "ac") == {}
    assert pins.operators(None) == pins.roots(None, "ac") == {}


@pytest.mark.parametrize(
    "content",
    [
        {}, [], None, {"operators": None}, {"operators": {}}, {"operators": ["x"]}, {"operators": [{"name": "Ana"}]},
        {"operators": [{"key": {**ONE.jwk, "d": "x"}}]}, {"operators": [{"key": {**ONE.jwk, "crv": "P-384"}}]},
        {"operators": [{"key": ONE.jwk}, {"key": "x"}]},
    ],
)  # fmt: skip
def test_a_file_that_is_not_entirely_right_pins_nobody(content: Any) -> None:
    """One bad entry refuses the file, with all that is in it."""
    with pytest.raises(LinkIdError):
        pins.operators(json.dumps(content).encode())
    with pytest.raises(LinkIdError):
        pins.operators(b'{"operators":[]} ' + b" " * pins.MAX_BYTES)
