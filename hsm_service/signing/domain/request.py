"""The life of a signature request at the gateway, as a table.

Two rules for whoever edits this file: state changes happen only through ``TABLE``, and the SAM is right. The gateway's
state is what it last learnt; it may be late, it may never be ahead.

    asked ──fixed──► waiting ──approved──► approved ──some signed──► redeemed ──all signed──► signed
      │                 ├─refused──► refused             └────────────all signed──────────────►┘
      │                 ├─expired──► lapsed ◄──activation over── approved, redeemed
      └─given up───────►└─withdrawn─► withdrawn
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foundation.errors import Internal, JsonObject


class State(StrEnum):
    """Where a request is."""

    ASKED = "asked"
    """Written down; the SAM has not answered yet. Exists so that the database can forbid a second one."""
    WAITING = "waiting"
    """The SAM fixed the document; the phone may ring."""
    APPROVED = "approved"
    """The SAM consumed an approval; an activation waits for its secret."""
    REDEEMED = "redeemed"
    """Some of the approved hashes were signed."""
    SIGNED = "signed"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Event(StrEnum):
    """What can happen to it."""

    FIXED = "fixed"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SOME_SIGNED = "some_signed"
    ALL_SIGNED = "all_signed"


TABLE: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        State.ASKED: {
            Event.FIXED: State.WAITING,
            Event.EXPIRED: State.LAPSED,
            Event.WITHDRAWN: State.WITHDRAWN,
        },
        State.WAITING: {
            Event.APPROVED: State.APPROVED,
            Event.REFUSED: State.REFUSED,
            Event.EXPIRED: State.LAPSED,
            Event.WITHDRAWN: State.WITHDRAWN,
        },
        State.APPROVED: {
            Event.SOME_SIGNED: State.REDEEMED,
            Event.ALL_SIGNED: State.SIGNED,
            Event.EXPIRED: State.LAPSED,
        },
        State.REDEEMED: {
            Event.SOME_SIGNED: State.REDEEMED,
            Event.ALL_SIGNED: State.SIGNED,
            Event.EXPIRED: State.LAPSED,
        },
        # A retry after a lost answer gets the same signatures once more: nothing changes by it.
        State.SIGNED: {Event.SOME_SIGNED: State.SIGNED, Event.ALL_SIGNED: State.SIGNED},
        State.REFUSED: {},
        State.LAPSED: {},
        State.WITHDRAWN: {},
    }
)

PENDING: Final = (State.ASKED, State.WAITING)
"""The holder has not answered: at most one such request for each caller and credential."""

USABLE: Final = (State.APPROVED, State.REDEEMED, State.SIGNED)
"""A SAD may be presented (a signed one for its retry)."""


class ImpossibleEvent(Internal):
    """An event that cannot happen in this state: a defect, or two processes at once."""

    code = "impossible_signing_event"
    summary = "The request is not in a state in which this can happen."


def advance(state: State, event: Event) -> State:
    """The next state. Raises ImpossibleEvent, having changed nothing."""
    try:
        return TABLE[state][event]
    except KeyError as cause:
        raise ImpossibleEvent(f"{event} in {state}") from cause


def sources(event: Event) -> list[State]:
    """The states in which an event can happen: what a guarded UPDATE asks for."""
    return [state for state, row in TABLE.items() if event in row]


class CallerKind(StrEnum):
    """Who asks."""

    COMPUTER = "computer"
    INTEGRATOR = "integrator"


class Kind(StrEnum):
    """What a request is for."""

    LISTED = "listed"
    """These hashes, each once."""
    SESSION = "session"
    """So many signatures until a time; used again and again, so it is never ``signed`` before it lapses."""
    CONSENT = "consent"
    """To send the holder's factors from then on; signs nothing by itself."""


@dataclass(frozen=True)
class Caller:
    """Who asks, as OAuth established it; ``name`` is the registered one. The SAM shows a name that it knows itself."""

    kind: CallerKind
    id: str
    name: str


@dataclass(frozen=True)
class Label:
    """What the caller says a hash belongs to; a claim, shown as such. ``size`` in bytes, None when not told."""

    text: str
    size: int | None = None


@dataclass(frozen=True)
class Ask:
    """Step 1: what a caller wants signed. ``labels`` go with ``hashes`` one to one."""

    credential: str
    hashes: Sequence[bytes]
    hash_algorithm: str
    sign_algorithm: str
    labels: Sequence[Label]
    signed: JsonObject | None = None
    """The caller's own signature of all this (docs/protocol.md section 9.5). Opaque here; the SAM verifies it."""

    @property
    def kind(self) -> Kind:
        """Listed hashes."""
        return Kind.LISTED

    @property
    def count(self) -> int:
        """How many signatures."""
        return len(self.hashes)


@dataclass(frozen=True)
class SessionAsk:
    """Step 1, for a session: what a caller wants to be allowed. ``until`` in seconds since 1970."""

    credential: str
    until: int
    maximum: int
    purpose: str
    hash_algorithm: str
    sign_algorithm: str
    signed: JsonObject | None = None
    """The caller's own signature of all this. Opaque here; the SAM verifies it."""

    @property
    def kind(self) -> Kind:
        """A session."""
        return Kind.SESSION

    @property
    def count(self) -> int:
        """How many signatures at most."""
        return self.maximum


@dataclass(frozen=True)
class ConsentAsk:
    """What an application wants to be allowed: to send the holder's factors. ``until`` in seconds since 1970."""

    credential: str
    until: int
    maximum: int
    purpose: str
    signed: JsonObject | None = None
    """The caller's own signature of all this. Opaque here; the SAM verifies it."""
    hash_algorithm: str = ""
    sign_algorithm: str = ""
    """None: each signature will have its own."""

    @property
    def kind(self) -> Kind:
        """A consent."""
        return Kind.CONSENT

    @property
    def count(self) -> int:
        """How many signatures at most."""
        return self.maximum


@dataclass(frozen=True)
class Request:
    """A stored request. ``name`` is the handle without its secret (``hdl_…``), ``document`` the SAM's (``req_…``)."""

    name: str
    secret_digest: bytes
    caller: Caller
    credential: str
    kind: Kind
    count: int
    """Signatures: as many as hashes, or the most that a session gives."""
    hash_algorithm: str
    sign_algorithm: str
    state: State
    document: str | None
    verification_code: str | None
    expires: datetime
    """Of the document while pending; of the activation once approved."""
    reason: str | None
    """Of a refusal."""
    activation: str | None
    asked: datetime
    """When; what was prepared for this request has this time in it."""

    def after(self, learnt: "Learnt") -> "Request":
        """As its row will be once that is written down. Raises ImpossibleEvent."""
        return replace(
            self,
            state=advance(self.state, learnt.event),
            reason=learnt.reason,
            activation=learnt.activation,
            expires=learnt.until or self.expires,
        )


@dataclass(frozen=True)
class Learnt:
    """What became of a request that was pending. ``reason`` when refused; ``activation``, ``until`` when approved."""

    event: Event
    reason: str | None = None
    activation: str | None = None
    until: datetime | None = None
