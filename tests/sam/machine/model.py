"""What must be so, said without looking at the SAM: docs/protocol.md sections 3, 5, 10 and 15 as a small state machine.

Every question (``may_ask``, ``may_decide``, ``may_sign``) is answered by the code of the error that must come, or None
for "it must work". What an attacker with the database can do to these answers, and cannot, is docs/threats.md, 2.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from protocol.algorithms import KEY_KINDS, SIGN_ALGORITHMS
from tests.sam.world import Request, Signer

RECALLED: Final = timedelta(minutes=15)
"""What a SAM that starts learns again: everything of these last minutes."""
ACTIVATION_LIFE: Final = timedelta(seconds=300)
_LOCKS: Final = {3: timedelta(hours=3), 6: timedelta(hours=24)}
_LAST_STEP: Final = 9


@dataclass(frozen=True)
class Tries:
    """Numbers of one row of the ladder."""

    total: int = 0
    forgiven: int = 0
    last: datetime | None = None

    @property
    def count(self) -> int:
        return self.total - self.forgiven


@dataclass
class Ladder:
    """``stored``: the row. ``known``: what the running SAM has seen itself; it never believes less."""

    stored: Tries | None = None
    known: Tries | None = None
    taken: dict[str, int] = field(default_factory=dict)
    """Which try a proof took: the same proof again takes no other."""

    def believed(self) -> Tries:
        if self.known is not None and (self.stored is None or self.stored.total < self.known.total):
            return self.known
        return self.stored or Tries()

    def locked(self, now: datetime) -> bool:
        tries = self.believed()
        if tries.count >= _LAST_STEP:
            return True
        wait = _LOCKS.get(tries.count)
        return wait is not None and tries.last is not None and now < tries.last + wait

    def reserve(self, proof: str, now: datetime) -> None:
        if proof in self.taken:
            return
        tries = self.believed()
        self.write(Tries(tries.total + 1, tries.forgiven, now))
        self.taken[proof] = tries.total + 1

    def forgive(self, proof: str) -> None:
        tries = self.believed()
        self.write(replace(tries, forgiven=max(tries.forgiven, min(self.taken[proof], tries.total))))

    def give_back(self, proof: str) -> None:
        """The password was never tried; the same proof will take another try."""
        tries = self.believed()
        self.write(replace(tries, forgiven=min(tries.total, tries.forgiven + 1)))
        del self.taken[proof]

    def write(self, tries: Tries) -> None:
        self.stored = self.known = tries


@dataclass
class Right:
    """Something that ends and never comes back: a binding, an association, a certificate.

    ``row``: whether the row says that it stands (an attacker may have put an old one back); ``known``: whether the
    running SAM knows that it ended.
    """

    row: bool = True
    ended: datetime | None = None
    known: bool = False
    id: str = ""

    @property
    def stands(self) -> bool:
        return self.row and not self.known

    def end(self, now: datetime) -> None:
        """By whoever may end it; nothing happens to one that does not stand."""
        if self.stands:
            self.row, self.ended, self.known = False, now, True

    def restart(self, now: datetime) -> None:
        self.known = self.ended is not None and self.ended >= now - RECALLED


@dataclass
class Blocks:
    """How often the holder shut the certificate and opened it again: odd when it is shut.

    ``row``: what the row says (an attacker may have put an old one back); ``known``: the highest that the running SAM
    has seen; ``told``: the last line of the audit about it.
    """

    row: int = 0
    known: int = 0
    told: tuple[int, datetime] | None = None
    by_operator: bool = False
    """What the row says."""

    def turn(self, now: datetime, *, by_operator: bool) -> None:
        self.row, self.by_operator = self.row + 1, by_operator
        self.known, self.told = self.row, (self.row, now)

    def read(self) -> bool:
        """The SAM looks at the row, remembers what it says, and believes it (or knows better: False)."""
        if self.row < self.known:
            return False
        self.known = self.row
        return True

    def restart(self, now: datetime) -> None:
        number, at = self.told or (0, now)
        self.known = number if at >= now - RECALLED else 0


@dataclass
class Phone:
    signer: Signer
    bound: Right


@dataclass
class Caller:
    """A computer (``allowed`` is its association) or an integrator (``allowed`` stays)."""

    ref: dict[str, str]
    allowed: Right = field(default_factory=Right)
    frozen: bool = False

    @property
    def computer(self) -> bool:
        return self.ref["kind"] == "computer"


class State(StrEnum):
    """What the row says, or would without attackers."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass
class Sent:
    """A decision that left a phone: it may come again, or elsewhere."""

    name: str
    phone: Phone
    body: dict[str, Any]
    word: str
    right: bool


@dataclass
class Asked:
    """One request, its life, and all signatures that ever came out of it."""

    request: Request
    caller: Caller
    expires: int
    state: State = State.WAITING
    decided: Sent | None = None
    decided_at: datetime | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    sent: list[Sent] = field(default_factory=list)
    stored: bool = False
    """Whether its signatures were made and committed."""
    released: dict[bytes, list[bytes]] | None = None
    turned_back: bool = False
    """An attacker made it look undecided."""
    known: bool = False
    """Whether the running SAM knows that it was decided."""
    forgotten: bool = False
    """What was sealed is out of the row: it is too late, and nobody hears more."""
    spoiled: bool = False
    """An attacker changed its stored signatures, or took them out."""

    @property
    def activation(self) -> str:
        return str(self.answer.get("activation", "act_0123456789abcdefghjkmnpqrs"))

    @property
    def believed(self) -> State:
        return State.WAITING if self.turned_back else self.state

    def expired(self, now: datetime) -> bool:
        return now.timestamp() >= self.expires

    def read(self) -> bool:
        """The SAM looks at the row, remembers what it says, and believes it (or knows better: False)."""
        if self.turned_back and self.known:
            return False
        self.known = self.known or self.believed is not State.WAITING
        return True

    def is_again(self, sent: Sent) -> bool:
        """Whether it is the decision that was taken already: its answer was lost."""
        first = self.decided
        if first is None or self.believed not in (State.APPROVED, State.REFUSED):
            return False
        return first is sent or (sent.word != "approve" and (first.phone, first.word) == (sent.phone, sent.word))

    def become(self, state: State) -> None:
        """Without anybody's decision: withdrawn, or expired."""
        self.state, self.turned_back = state, False

    def restart(self, now: datetime) -> None:
        """Approvals and refusals are recalled, withdrawals are not: what nobody decided may wait again."""
        self.known = self.decided_at is not None and self.decided_at >= now - RECALLED


@dataclass
class Holder:
    """One credential and everybody around it."""

    credential: str
    key_algorithm: str
    phones: list[Phone]
    callers: list[Caller]
    certificate: Right = field(default_factory=Right)
    blocks: Blocks = field(default_factory=Blocks)
    ladder: Ladder = field(default_factory=Ladder)
    asked: list[Asked] = field(default_factory=list)

    # --- what must come of it: an error's code, or None -------------------------------------------------------------

    def usable(self) -> str | None:
        """The SAM looks at the credential's row."""
        if not self.certificate.row:
            self.certificate.known = True
            return "credential_not_active"
        if self.certificate.known or not self.blocks.read():
            return "credential_unknown"
        return "credential_blocked" if self.blocks.row % 2 else None

    def may_ask(self, caller: Caller, algorithm: str, now: datetime) -> str | None:
        code = self.usable()
        if code == "credential_unknown":
            return code
        if not caller.allowed.stands:
            return "caller_not_associated"
        if code is not None:
            return code
        if not KEY_KINDS[self.key_algorithm].signs(SIGN_ALGORITHMS[algorithm]):
            return "algorithm_refused"
        if self.ladder.locked(now):
            return "credential_locked"
        if caller.frozen:
            return "caller_frozen"
        return "too_many_pending" if self.row_waits(caller, now) else None

    def row_waits(self, caller: Caller, now: datetime) -> bool:
        """Whether a row of this caller says that it waits, truly or not."""
        return any(
            one.caller is caller and one.believed is State.WAITING and not one.expired(now) for one in self.asked
        )

    def may_decide(self, asked: Asked, sent: Sent, now: datetime, *, of_this: bool = True) -> str | None:
        """``of_this``: the decision was made for this very request."""
        if not asked.read():
            return "document_unknown"
        if sent.phone not in self.phones or not sent.phone.bound.stands:
            return "document_unknown"
        if not of_this:
            return "decision_invalid"
        if asked.is_again(sent):
            return None  # the first answer again
        if asked.believed not in (State.WAITING, State.EXPIRED):
            return "document_decided"
        if asked.expired(now):
            return "document_expired"
        if sent.word != "approve":
            return None
        if (code := self.usable()) is not None:
            return code
        if self.ladder.locked(now):
            return "credential_locked"
        return None if sent.right else "password_wrong"

    def may_sign(
        self, asked: Asked, now: datetime, *, caller: Caller | None = None, secret: bool = True,
        algorithm: bool = True, digests: list[bytes] | None = None,
    ) -> str | None:  # fmt: skip
        """The call that its caller would make, but for what is named."""
        caller = caller or asked.caller
        if asked.state is not State.APPROVED or asked.turned_back:
            return "activation_unknown"
        if asked.forgotten:
            return "activation_expired"
        asked.read()
        if caller is not asked.caller:
            return "activation_unknown"
        if caller.frozen:
            return "caller_frozen"
        if not caller.allowed.stands:
            return "caller_not_associated"
        if asked.until is None or now >= asked.until:
            return "activation_expired"
        if not algorithm:
            return "hashes_not_approved"
        if (code := self.usable()) is not None:
            return code
        if not secret:
            return "seal_broken"
        if digests is not None and Counter(digests) != Counter(asked.request.digests):
            return "hashes_not_approved"
        return "signature_not_released" if asked.spoiled else None

    # --- what it does -----------------------------------------------------------------------------------------------

    def decide(self, asked: Asked, sent: Sent, answer: dict[str, Any], now: datetime) -> None:
        """A decision that counted."""
        asked.state = State.APPROVED if sent.word == "approve" else State.REFUSED
        asked.decided, asked.decided_at, asked.answer, asked.known = sent, now, answer, True
        asked.turned_back = False
        if asked.state is State.APPROVED:
            asked.until = now.replace(microsecond=0) + ACTIVATION_LIFE
        if sent.word == "refuse:not-me":
            asked.caller.frozen = True

    def expire(self, now: datetime) -> None:
        """Another request makes room: what waited too long is marked."""
        for one in self.asked:
            if one.believed is State.WAITING and one.expired(now):
                one.become(State.EXPIRED)

    def forget(self, now: datetime) -> None:
        """The house is kept: a minute after an activation's end its secret goes."""
        for one in self.asked:
            one.forgotten = one.forgotten or (one.until is not None and one.until < now - timedelta(minutes=1))

    def revoke(self, now: datetime) -> None:
        """Whatever waits is withdrawn."""
        if not self.certificate.stands:
            return
        self.certificate.end(now)
        for one in self.asked:
            if one.believed is State.WAITING:
                one.become(State.WITHDRAWN)

    def turn(self, now: datetime, *, shut: bool, by_operator: bool = False) -> str | bool:
        """Shut, or open again: whether anything changed, or the error's code. An operator takes over a phone's."""
        code = self.usable()
        if code == "credential_unknown":
            return code
        if code == "credential_not_active":
            return False
        if (code == "credential_blocked") is shut:
            if not (shut and by_operator) or self.blocks.by_operator:
                return False
            self.blocks.turn(now, by_operator=True)
        self.blocks.turn(now, by_operator=by_operator)
        if shut:
            for one in self.asked:
                if one.believed is State.WAITING:
                    one.become(State.WITHDRAWN)
                elif not one.turned_back and one.until is not None and now < one.until:
                    one.forgotten = True
        return True

    def restart(self, now: datetime) -> None:
        """Another SAM over the same rows."""
        self.ladder.known = None
        self.blocks.restart(now)
        for right in (self.certificate, *(one.bound for one in self.phones), *(one.allowed for one in self.callers)):
            right.restart(now)
        for asked in self.asked:
            asked.restart(now)
