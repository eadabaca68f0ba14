"""Telephone numbers of the Brazilian plan, and of other countries where an operator lets them in, by Google's numbering
data (the ``phonenumbers`` package)."""

from collections.abc import Sequence
from typing import Final

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from pairing.errors import NumberForeign, NumberInvalid, NumberNotMobile

HOME: Final = "BR"
_BRAZIL: Final = 55
_MOBILE: Final = {
    True: {PhoneNumberType.MOBILE},
    False: {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE},  # plans that do not tell them apart
}
"""Kinds of numbers that take SMS, by whether they are Brazilian."""
_MAX_TEXT: Final = 40
NEIGHBOURS: Final = 4


def read_number(text: str, countries: Sequence[str] = (HOME,)) -> str:
    """The E.164 form of a mobile number of one of these countries (ISO 3166, whoever types none means the first),
    however it was typed: ``(31) 98765-4321``, ``0 15 31 98765-4321`` … (pairing, step 1).

    Raises NumberInvalid (with a ``suggestion`` when only Brazil's ninth digit of 2012 to 2016 is missing),
    NumberForeign, or NumberNotMobile.
    """
    try:
        number = phonenumbers.parse(text[:_MAX_TEXT], countries[0])
    except phonenumbers.NumberParseException as cause:
        raise NumberInvalid("not a telephone number") from cause
    if number.country_code not in {phonenumbers.country_code_for_region(one) for one in countries}:
        raise NumberForeign("another country's number")
    if number.extension or len(text) > _MAX_TEXT:
        raise NumberInvalid("more than a number")
    if not phonenumbers.is_valid_number(number):
        suggestion = _with_ninth_digit(number)
        raise NumberInvalid("not in the numbering plan", data={"suggestion": suggestion} if suggestion else None)
    region = phonenumbers.region_code_for_number(number)
    if region not in countries:  # +1 is the United States, and twenty islands
        raise NumberForeign("another country's number")
    if phonenumbers.number_type(number) not in _MOBILE[region == HOME]:
        raise NumberNotMobile("a fixed line or a service number")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """What may be shown of an E.164 number to somebody who has not proved it: ``+55 31 •••••-4321``; of other countries
    ``+351 •••••-4321``."""
    if number.startswith(f"+{_BRAZIL}"):
        return f"{number[:3]} {number[3:5]} •••••-{number[-4:]}"
    return f"{country(number)} •••••-{number[-4:]}"


def is_of(number: str, region: str) -> bool:
    """Whether an E.164 number has the calling code of a country (ISO 3166)."""
    return country(number) == f"+{phonenumbers.country_code_for_region(region)}"


def country(number: str) -> str:
    """The calling code of an E.164 number, ``+55``. No calling code begins another one (ITU-T E.164)."""
    for digits in (1, 2, 3):
        code = number[1 : 1 + digits]
        if code.isdigit() and int(code) in COUNTRY_CODE_TO_REGION_CODE:
            return f"+{code}"
    return "+?"


def neighbourhood(number: str) -> str:
    """The number without its last four digits: pumping fraud walks through such blocks."""
    return number[:-NEIGHBOURS]


def _with_ninth_digit(number: PhoneNumber) -> str | None:
    """The number with the 9 that mobile numbers were given, if that makes it valid."""
    if number.country_code != _BRAZIL:
        return None
    national = str(number.national_number)
    if len(national) != 10 or national[2] not in "6789":
        return None
    fixed = PhoneNumber(country_code=_BRAZIL, national_number=int(f"{national[:2]}9{national[2:]}"))
    if not phonenumbers.is_valid_number(fixed):
        return None
    return phonenumbers.format_number(fixed, PhoneNumberFormat.E164)
