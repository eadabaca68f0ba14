"""The states of the program with one profile, as a table: what can happen, and what it leads to."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Session(Enum):
    """Where this computer stands with one environment."""

    SIGNED_OUT = "não associado"
    LINKING = "associando"
    READY = "pronto"
    WAITING = "aguardando o celular"


class Event(Enum):
    """What happens to it."""

    LINK_STARTED = "link started"
    LINK_ENDED = "link ended without association"
    ASSOCIATED = "associated"
    ASKED = "asked the phone"
    ANSWERED = "the phone answered, or nobody did"
    REMOVED = "association ended here or elsewhere"


class Impossible(Exception):
    """This cannot happen in this state: a fault of ours."""


TABLE: Final[Mapping[tuple[Session, Event], Session]] = MappingProxyType(
    {
        (Session.SIGNED_OUT, Event.LINK_STARTED): Session.LINKING,
        (Session.LINKING, Event.LINK_ENDED): Session.SIGNED_OUT,
        (Session.LINKING, Event.ASSOCIATED): Session.READY,
        (Session.READY, Event.ASKED): Session.WAITING,
        (Session.READY, Event.REMOVED): Session.SIGNED_OUT,
        (Session.WAITING, Event.ANSWERED): Session.READY,
        (Session.WAITING, Event.REMOVED): Session.SIGNED_OUT,
    }
)


def advance(session: Session, event: Event) -> Session:
    """The next state. Raises Impossible, and nothing changes."""
    try:
        return TABLE[session, event]
    except KeyError as cause:
        raise Impossible(f"{event.value} while {session.value}") from cause
