"""Consents (docs/protocol.md section 5): what a holder allows an application that sends their factors by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from foundation.settings import Section
from protocol.errors import ConsentRefused

SHORTEST: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(days=365)
MOST: Final = 100_000
"""What no operator can go beyond; ``[explicit]`` in the settings says how far they go."""


class ExplicitSettings(Section):
    """Signing with the holder's factors sent by an application ("explicit"). Each application needs a consent that the
    holder's phone signed, whatever stands here."""

    enabled: bool = False
    """Whether any application may ask for such a consent, and use one. What it costs: who has taken over a gateway sees
    passwords and codes while they pass (docs/threats.md, attacker 4). Turned off, every consent rests at once."""
    longest_days: Annotated[int, Field(ge=1, le=365)] = 30
    """The longest life of a consent."""
    most_signatures: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """The most signatures of one consent."""
    password_threads: Annotated[int, Field(ge=1, le=16)] = 2
    """Passwords stretched at a time in one SAM; each takes 19 MiB and some 20 ms of a core."""
    password_places: Annotated[int, Field(ge=1, le=256)] = 16
    """Of those and the ones that wait, together; more are told to come back (503)."""


@dataclass(frozen=True)
class ConsentTerms:
    """``until`` in seconds since 1970; ``maximum`` signatures; ``purpose`` cleaned (``documents.clean``)."""

    until: int
    maximum: int
    purpose: str

    def demand_possible(self, now: datetime, certificate_ends: datetime, *, longest: timedelta, most: int) -> None:
        """Within what the operator allows. Raises ConsentRefused, ``data.why`` saying which limit."""
        left = self.until - now.timestamp()
        for wrong, why in (
            (left < SHORTEST.total_seconds(), "too_short"),
            (left > min(longest, LONGEST).total_seconds(), "too_long"),
            (self.until > certificate_ends.timestamp(), "after_certificate"),
            (not 1 <= self.maximum <= min(most, MOST), "too_many"),
        ):
            if wrong:
                raise ConsentRefused(why, data={"why": why})
