"""Telephone numbers of the Brazilian plan, by Google's numbering data (the ``phonenumbers`` package)."""

from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from pairing.errors import NumberForeign, NumberInvalid, NumberNotMobile

_BRAZIL: Final = 55
_MAX_TEXT: Final = 40
NEIGHBOURS: Final = 4


def read_number(text: str) -> str:
    """The E.164 form of a Brazilian mobile number, however it was typed: ``(31) 98765-4321``, ``0 15 31 98765-4321`` …
    (pairing, step 1).

    Raises NumberInvalid (with a ``suggestion`` when only the ninth digit of 2012 to 2016 is missing), NumberForeign, or
    NumberNotMobile.
    """
    try:
        number = phonenumbers.parse(text[:_MAX_TEXT], "BR")
    except phonenumbers.NumberParseException as cause:
        raise NumberInvalid("not a telephone number") from cause
    if number.country_code != _BRAZIL:
        raise NumberForeign("another country's number")
    if number.extension or len(text) > _MAX_TEXT:
        raise NumberInvalid("more than a number")
    if not phonenumbers.is_valid_number(number):
        suggestion = _with_ninth_digit(number)
        raise NumberInvalid("not in the numbering plan", data={"suggestion": suggestion} if suggestion else None)
    if phonenumbers.number_type(number) != PhoneNumberType.MOBILE:
        raise NumberNotMobile("a fixed line or a service number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """What may be shown of an E.164 number to somebody who has not proved it: ``+55 31 •••••-4321``."""
    return f"{number[:3]} {number[3:5]} •••••-{number[-4:]}"


def neighbourhood(number: str) -> str:
    """The number without its last four digits: pumping fraud walks through such blocks."""
    return number[:-NEIGHBOURS]


def _with_ninth_digit(number: PhoneNumber) -> str | None:
    """The number with the 9 that mobile numbers were given, if that makes it valid."""
    national = str(number.national_number)
    if len(national) != 10 or national[2] not in "6789":
        return None
    fixed = PhoneNumber(country_code=_BRAZIL, national_number=int(f"{national[:2]}9{national[2:]}"))
    if not phonenumbers.is_valid_number(fixed):
        return None
    return phonenumbers.format_number(fixed, PhoneNumberFormat.E164)
