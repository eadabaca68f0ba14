"""What an operator may decide about pairing."""

from typing import Annotated, TypeAlias

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field

from foundation.settings import Section


def _country(code: str) -> str:
    if code not in SUPPORTED_REGIONS:
        raise ValueError("an ISO 3166 code, as BR")
    return code


Country: TypeAlias = Annotated[str, AfterValidator(_country)]


class PairingSettings(Section):
    """Limits that depend on how many holders there are; the others are rules (``domain/limits.py``)."""

    countries: tuple[Country, ...] = ("BR",)
    """Where holders' numbers may be, as ISO 3166 codes, your own first (numbers typed without a country are taken for
    its). Messages abroad cost several times as much, and some are what fraud is made for: list what you need."""

    messages_per_day_abroad: Annotated[int, Field(ge=0)] = 200
    """Codes sent in any 24 hours to each country but the first."""

    messages_per_day: Annotated[int, Field(ge=1)] = 5000
    """Codes sent by SMS in any 24 hours, whoever asks: the breaker that bounds what fraud can cost."""
