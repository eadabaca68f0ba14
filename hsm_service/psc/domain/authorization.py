"""The life of one authorization, as a table.

::

    open ──identified──► granted ──redeemed──► spent          a page, a single or multiple signature
      └────asked────► waiting ──approved──► granted           a session: the phone is asked for it
    open, waiting ──denied──► denied

Time is not an event: an authorization that outlived its step reads as nothing, and every guarded UPDATE refuses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.machine import Machine
from hsm_service.psc.domain.scopes import Scope

AUTHORIZATION_PREFIX: Final = "psa"
PAGE_LIFE: Final = timedelta(minutes=6)
"""As long as OAuth's page: the holder looks for the phone."""
WAIT_LIFE: Final = timedelta(minutes=6)
"""A session's document lives five minutes; whoever waits for it outlives it by enough to say so."""
CODE_LIFE: Final = timedelta(seconds=120)
"""From the code to its token. Applications of this market pass it through a server of their own first."""


class Step(StrEnum):
    """Where an authorization is."""

    OPEN = "open"
    """The page is open, or the phone was rung: the holder has not identified."""
    WAITING = "waiting"
    """The phone is asked for a session."""
    GRANTED = "granted"
    """There is a code for the application."""
    SPENT = "spent"
    """The code was used."""
    DENIED = "denied"


class Event(StrEnum):
    """What happens to it."""

    IDENTIFIED = "identified"
    ASKED = "asked"
    APPROVED = "approved"
    DENIED = "denied"
    REDEEMED = "redeemed"


AUTHORIZATION: Final[Machine[Step, Event]] = Machine(
    "psc-authorization",
    Step.OPEN,
    {
        Step.OPEN: {Event.IDENTIFIED: Step.GRANTED, Event.ASKED: Step.WAITING, Event.DENIED: Step.DENIED},
        Step.WAITING: {Event.APPROVED: Step.GRANTED, Event.DENIED: Step.DENIED},
        Step.GRANTED: {Event.REDEEMED: Step.SPENT},
        Step.SPENT: {},
        Step.DENIED: {},
    },
)


@dataclass(frozen=True)
class Wanted:
    """A checked authorize request. ``hint``: the keyed digest of the CPF or CNPJ in ``login_hint``."""

    client: str
    redirect: str
    redirect_given: bool
    scope: Scope
    state: str | None
    challenge: str | None
    """None: no browser carries the code, it is posted (``starts``)."""
    lifetime: int | None
    hint: bytes | None


@dataclass(frozen=True)
class Authorization:
    """A row. ``credentials`` once the holder identified; ``sealed``: a session's handle, for whoever has the code."""

    id: str
    wanted: Wanted
    step: Step
    credentials: Sequence[str]
    calls: Sequence[str]
    """Pairing's links of the phones that were rung."""
    sealed: bytes | None
    until: datetime | None
    """When the session that was asked for ends."""
    expires: datetime


@dataclass(frozen=True)
class Granted:
    """A token's row. ``session``: the sealed handle of a session, or of the one request that was asked for."""

    id: str
    client: str
    scope: Scope
    credentials: Sequence[str]
    sealed: bytes | None = field(repr=False)
    use: bytes | None
    """Digest of the one request that a one-use token serves."""
    used: datetime | None
    expires: datetime
    opened: str | None = None
    """The SAM's document of what the holder's factors opened (``pwd_authorize``)."""
