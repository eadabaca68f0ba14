"""A phone bound to a credential. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject
from protocol.keys import P256Key

_TURNS: Final = 1 << 32
"""More than a phone's passkey is ever enrolled and removed."""


class State(StrEnum):
    """trial (password proved) → waiting (the test came back, and it is not the first phone) → active → ended."""

    TRIAL = "trial"
    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "ended"


def rank_of(state: State, turns: int = 0) -> int:
    """How far a binding's life has gone: states have no way back, nor has the number of turns within one."""
    return list(State).index(state) * _TURNS + turns


@dataclass(frozen=True)
class Binding:
    """One row of ``sam.bindings``."""

    id: str
    credential: str
    device: str
    key: P256Key
    nickname: str
    state: State
    document: str
    created: datetime
    until: datetime | None = None
    """Before this it may not decide; None: of a first phone, or not known yet (on trial)."""
    passkey: str | None = None
    """What must speak for each yes of this phone's, beside its key (``passkeys``)."""
    turns: int = 0
    """How often that was changed."""
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """See ``rank_of``."""
        return rank_of(self.state, self.turns)

    def meaning(self) -> JsonObject:
        """Under the MAC. (Rows of before phones waited, and of phones that never had a passkey, lack those members.)"""
        until: JsonObject = {} if self.until is None else {"until": int(self.until.timestamp())}
        guard: JsonObject = {"passkey": self.passkey, "turns": self.turns} if self.turns else {}
        return {
            **until,
            **guard,
            "id": self.id,
            "credential": self.credential,
            "device": self.device,
            "device_key": self.key.jkt,
            "nickname": self.nickname,
            "state": self.state.value,
            "document": self.document,
            "created": int(self.created.timestamp()),
        }

    def confirmed(self, now: datetime, wait: timedelta, *, first: bool) -> "Binding":
        """The test came back. The certificate's first phone decides from now on; each other one waits, counted from
        now, when its holder hears of it. One that was paired anew by the very same key waits as before, no longer."""
        until = self.until
        if until is None and not first:
            until = (now + wait).replace(microsecond=0)
        return replace(self, until=until, state=State.ACTIVE if until is None or until <= now else State.WAITING)

    def inherited(self, now: datetime) -> datetime | None:
        """``until`` of the binding that the same phone, by the same key, gets in this one's place."""
        return now.replace(microsecond=0) if self.state is State.ACTIVE else self.until

    def beside(self, others: Iterable["Binding"]) -> "Binding":
        """What the same phone is, or just was, bound to by the same key: one passkey speaks for all of it."""
        found = next((one.passkey for one in others if one.passkey is not None and one.key.jkt == self.key.jkt), None)
        return self if found is None else self.guarded(found)

    def guarded(self, passkey: str | None) -> "Binding":
        """From now on by this passkey, or by none."""
        return replace(self, passkey=passkey, turns=self.turns + 1)

    def to(self, state: State) -> "Binding":
        """In another state."""
        return replace(self, state=state)
