"""Vendors' differences are a table; a setting that is given beats it, and nothing is invented."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pkcs11 import Attribute, ObjectClass
from pydantic import ValidationError

from hsm_service.hsm import operations, slots
from hsm_service.hsm.settings import HsmSettings
from hsm_service.hsm.slots import initialise_sam_slot
from hsm_service.hsm.token import Token
from hsm_service.hsm.vendors import PROFILES, Vendor
from tests.hsm.conftest import NOW
from tests.support.softhsm import add_token

PAGE = (Path(__file__).parents[2] / "docs" / "hsm-vendors.md").read_text("utf-8")


def made(**changes: Any) -> HsmSettings:
    return HsmSettings.model_validate({"module": "/x", "token_label": "x", "pin": "x", **changes})


def test_the_table_has_every_vendor() -> None:
    """Each name that the settings take, and the page says of each what was tested."""
    assert set(PROFILES) == set(get_args(Vendor))
    assert [name for name, profile in PROFILES.items() if profile.tested] == ["softhsm"]
    header = next(line for line in PAGE.splitlines() if line.startswith("| | `softhsm`"))
    assert re.findall(r"`(\w+)`", header) == list(PROFILES)
    row = next(line for line in PAGE.splitlines() if line.startswith("| wrap mechanism"))
    for profile, cell in zip(PROFILES.values(), row.strip("|").split(" | ")[1:], strict=True):
        number = re.search(r"0x[0-9A-Fa-f]+", cell)
        assert (int(number[0], 16) if number else None) == profile.wrap_mechanism


@pytest.mark.parametrize(("vendor", "number"), [("softhsm", 0x210A), ("luna", 0x80000171), ("nshield", 0x210B)])
def test_what_is_not_said_is_the_vendors(vendor: str, number: int) -> None:
    """And what is said stays."""
    assert made(vendor=vendor).wrap_mechanism == number
    assert made(vendor=vendor, wrap_mechanism=7).wrap_mechanism == 7
    assert made(vendor=vendor, initialise="null").initialise == "null"
    assert made(vendor=vendor, copyable=False).copyable is False
    assert made().vendor == "softhsm"


@pytest.mark.parametrize("vendor", ["cloudhsm", "generic"])
def test_a_number_that_nobody_told_us_must_be_given(vendor: str) -> None:
    """A guess would wrap keys by something else."""
    with pytest.raises(ValidationError, match="wrap_mechanism: this vendor's number is in no table of ours"):
        made(vendor=vendor)
    assert made(vendor=vendor, wrap_mechanism=0x80000099).wrap_mechanism == 0x80000099


def test_an_unknown_vendor_is_told(tmp_path: Path) -> None:
    """By the settings, with those that there are."""
    with pytest.raises(ValidationError, match="'softhsm'"):
        made(vendor="acme")


def test_a_module_without_copyable(settings: HsmSettings, token: Token) -> None:
    """Its keys are made without the attribute, and are as strong else: never readable, not to be changed."""
    add_token("uncopyable", settings.module)
    said = {"module": settings.module, "token_label": "uncopyable", "pin": "1234", "copyable": False}
    other = Token(HsmSettings.model_validate(said))
    assert Attribute.COPYABLE not in slots.for_ever(other)
    assert Attribute.COPYABLE in slots.for_ever(token)
    initialise_sam_slot(other, NOW)
    other.run(lambda room: operations.demand_strong(room, 1))
    assert other.run(lambda room: room.find("kek.1", ObjectClass.SECRET_KEY)[Attribute.COPYABLE]) is True
    assert token.run(lambda room: room.find("kek.1", ObjectClass.SECRET_KEY)[Attribute.COPYABLE]) is False
