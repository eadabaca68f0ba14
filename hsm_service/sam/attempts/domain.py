"""The ladder (docs/protocol.md section 15). Pure.

Two numbers that only grow: ``total``, tries ever reserved; ``forgiven``, how many of the first ones a right password
forgave. ``total - forgiven`` stands on the ladder. A right password forgives what was reserved *up to itself*: a guess
that runs at the same time on another phone stays counted. Numbers that only grow cannot be turned back unnoticed by
whoever writes to the database, as long as this process remembers the highest it has seen.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from foundation.encoding import JsonObject, b64u

Purpose = Literal["sign", "pair"]

FOR_EVER: Final = timedelta.max
SIGN_STEPS: Final = ((3, timedelta(hours=3)), (6, timedelta(hours=24)), (9, FOR_EVER))
"""Wrong usage passwords in a row by active devices: after the third 3 h, the sixth 24 h, the ninth a new emission."""

PAIR_TRIES: Final = 5
PAIR_WAITS: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""Pairing has no paired device behind it: a gateway needs no more than a credential's id to guess at all of them, for
months. So it locks only itself, never for ever, but longer and longer: after each fifth wrong password in a row, the
last wait again and again. Five an hour would be 43,800 guesses a year; NIST SP 800-63B (5.2.2) allows a hundred."""
PAIR_QUIET: Final = timedelta(days=7)
"""Wrong passwords of pairing are forgotten when nobody guessed for so long."""


@dataclass(frozen=True)
class Locked:
    """Since when, and until when; None: for ever."""

    since: datetime
    until: datetime | None

    def members(self, credential: str) -> JsonObject:
        """For people who are to be told: whole seconds since 1970."""
        until = None if self.until is None else int(self.until.timestamp())
        return {"credential": credential, "since": int(self.since.timestamp()), "until": until}


@dataclass(frozen=True)
class Ladder:
    """One row of ``sam.attempts``."""

    credential: str
    purpose: Purpose
    total: int
    forgiven: int
    last: datetime
    mac: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        """For the audit."""
        return f"{self.credential}.{self.purpose}"

    @property
    def rank(self) -> int:
        """Not ranked: ``attempts.service`` remembers the numbers themselves, and goes on with them."""
        return 0

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "credential": self.credential,
            "purpose": self.purpose,
            "total": self.total,
            "forgiven": self.forgiven,
            "last": int(self.last.timestamp()),
        }

    @property
    def count(self) -> int:
        """How many stand on the ladder."""
        return self.total - self.forgiven

    def locked(self, now: datetime) -> Locked | None:
        """Whether the next try is refused now."""
        if self.purpose == "pair":
            rounds, rest = divmod(self.count, PAIR_TRIES)
            if rounds == 0 or rest != 0:
                return None
            until = self.last + PAIR_WAITS[min(rounds, len(PAIR_WAITS)) - 1]
            return Locked(self.last, until) if now < until else None
        for step, wait in reversed(SIGN_STEPS):
            if self.count == step or (step == SIGN_STEPS[-1][0] and self.count > step):
                if wait is FOR_EVER:
                    return Locked(self.last, None)
                return Locked(self.last, self.last + wait) if now < self.last + wait else None
        return None

    def reserve(self, now: datetime) -> "Ladder":
        """One more try. The caller has asked ``locked`` before."""
        forgiven = self.forgiven
        if self.purpose == "pair" and now >= self.last + PAIR_QUIET:
            forgiven = self.total
        return replace(self, total=self.total + 1, forgiven=forgiven, last=now)

    def forgive(self, ordinal: int) -> "Ladder":
        """After the try numbered ``ordinal`` (the total when it was reserved) had the right password.

        On a ladder that was turned back since, all that stand there: the try itself is not among them any more.
        """
        return replace(self, forgiven=max(self.forgiven, min(ordinal, self.total)))

    def give_back(self) -> "Ladder":
        """After a try that never reached the password (the HSM failed before): one less on the ladder."""
        return replace(self, forgiven=min(self.total, self.forgiven + 1))

    @property
    def tries_left(self) -> int:
        """Before the next lock; 0 when this one closed it."""
        if self.purpose == "pair":
            return -self.count % PAIR_TRIES
        return next((step - self.count for step, _ in SIGN_STEPS if step >= self.count), 0)


@dataclass(frozen=True)
class Tried:
    """One row of ``sam.tries``: this proof took that try."""

    credential: str
    purpose: Purpose
    proof: bytes
    ordinal: int
    mac: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        """For the audit."""
        return f"{self.credential}.{self.purpose}.{self.ordinal}"

    @property
    def rank(self) -> int:
        """Not ranked: it never changes, and is only ever removed."""
        return 0

    def meaning(self) -> JsonObject:
        """Under the MAC: otherwise whoever writes rows would make guesses free."""
        return {
            "credential": self.credential,
            "purpose": self.purpose,
            "proof": b64u(self.proof),
            "ordinal": self.ordinal,
        }


class Highest:
    """The numbers that one process has seen, by ladder: what an older row, put back, is measured by. Bounded.

    What a right password forgave (nothing stands on the ladder) is forgotten first, the longest unused first: the row
    that somebody could put back instead says at best the same. What is left to them is an old row of a time before
    other right passwords, and through it one guess for each of those, as after a restart (docs/threats.md, attacker 2).

    Wrong passwords that stand are never forgotten for such rows, nor for the other purpose's: a gateway can put every
    credential on the pairing ladder, and would otherwise wash signing ladders out with that. Only when ``most`` ladders
    of one purpose have wrong passwords standing at once does the longest unused of them go, and ``forgot`` says so.
    """

    def __init__(self, most: int = 50_000) -> None:
        """``most`` ladders of each purpose; 50,000 take about 25 MB."""
        self._most = most
        self._standing: dict[Purpose, OrderedDict[str, Ladder]] = {"sign": OrderedDict(), "pair": OrderedDict()}
        self._forgiven: dict[Purpose, OrderedDict[str, Ladder]] = {"sign": OrderedDict(), "pair": OrderedDict()}

    def get(self, credential: str, purpose: Purpose) -> Ladder | None:
        """What is remembered."""
        return self._standing[purpose].get(credential) or self._forgiven[purpose].get(credential)

    def see(self, ladder: Ladder) -> Ladder | None:
        """Remember it, unless something higher is. What had to be forgotten with wrong passwords standing, if any."""
        known = self.get(ladder.credential, ladder.purpose)
        if known is not None and ladder.total < known.total:
            return None
        standing, forgiven = self._standing[ladder.purpose], self._forgiven[ladder.purpose]
        standing.pop(ladder.credential, None)
        forgiven.pop(ladder.credential, None)
        (standing if ladder.count > 0 else forgiven)[ladder.credential] = replace(ladder, mac=b"")
        if len(standing) + len(forgiven) <= self._most:
            return None
        if forgiven:
            forgiven.popitem(last=False)
            return None
        return standing.popitem(last=False)[1]


def fresh(credential: str, purpose: Purpose, now: datetime) -> Ladder:
    """Nobody tried yet."""
    return Ladder(credential, purpose, 0, 0, now)
