"""Codes without a network, against the vectors: what every phone must make, and what it must refuse."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox_phone.domain import codes
from sandbox_phone.domain.encoding import unb64u
from sandbox_phone.errors import Malformed, Untrusted
from tests.vectors.build_vectors import FOLDER

VECTORS: dict[str, Any] = json.loads((FOLDER / "codes.json").read_text("utf-8"))


def key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unb64u(VECTORS["delivery"]["private"]["d"]), "big"), ec.SECP256R1())


@pytest.mark.parametrize("one", VECTORS["codes"], ids=lambda one: str(one["at"]))
def test_the_code_of_a_moment(one: dict[str, Any]) -> None:
    """RFC 6238 with HMAC-SHA-256."""
    assert codes.code_at(unb64u(VECTORS["secret"]), one["at"]) == one["code"]


def test_the_delivery_opens() -> None:
    """By the delivery key alone, and for the certificate that was asked for."""
    assert codes.open_delivery(key(), VECTORS["generator"], VECTORS["credential"]) == unb64u(VECTORS["secret"])
    other = ec.generate_private_key(ec.SECP256R1())
    for opener, delivered, credential in (
        (other, VECTORS["generator"], VECTORS["credential"]),
        (key(), VECTORS["generator"], "cred_other"),
        (key(), {"sealed": VECTORS["generator"]["sealed"][:-2] + "AA"}, VECTORS["credential"]),
        (key(), {"sealed": "x"}, VECTORS["credential"]),
    ):
        with pytest.raises(Untrusted):
            codes.open_delivery(opener, delivered, credential)
    nowhere: tuple[Any, ...] = (None, {}, {"sealed": 5}, [])
    for nothing in nowhere:
        with pytest.raises(Malformed):
            codes.open_delivery(key(), nothing, VECTORS["credential"])
