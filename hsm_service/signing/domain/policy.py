"""Step 3: is this request admissible? Small rules, each a function that raises; ``admit`` runs them in order.

These rules keep callers honest and holders undisturbed. They do not protect the key: the SAM does, and believes none
of this.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, Protocol

from hsm_service.signing.domain.algorithms import possible
from hsm_service.signing.domain.request import Ask, SessionAsk
from hsm_service.signing.errors import (
    AlgorithmNotPossible,
    BadDigest,
    BadLabels,
    CertificateNotValid,
    CredentialDisabled,
    HolderLeftAlone,
    NoHashes,
    RequestPending,
    TooManyHashes,
)
from protocol.algorithms import MAX_HASHES, SIGN_ALGORITHMS
from protocol.sessions import Terms

MAX_PENDING_OF_CREDENTIAL: Final = 5
"""docs/protocol.md section 15: against many callers ringing one phone."""
PENDING_RETRY_SECONDS: Final = 10

BACK_OFF: Final = tuple(timedelta(seconds=pause) for pause in (0, 0, 30, 120, 600, 3600))
"""How long a caller leaves a holder alone after so many refusals in a row; the last holds for all that follow.
The first refusal costs nothing: people refuse by mistake, or because the wrong file was sent."""
NOT_ME: Final = "refuse:not-me"
AFTER_NOT_ME: Final = timedelta(hours=1)
"""The holder says somebody else is asking. The SAM freezes the caller; this is the gateway's own part."""
UNANSWERED_FOR_ONE: Final = 3
"""Three requests that got no answer count as one refusal: the phone may be in another room, or somebody pressed Ctrl-C
and corrected a file. So five withdrawals in a row are free, and whoever asks and withdraws to ring a phone is slowed
down from the sixth on, to one ring an hour."""
REMEMBERED: Final = timedelta(hours=24)
"""Refusals older than this are forgotten."""


@dataclass(frozen=True)
class CredentialFacts:
    """What the rules need to know of a credential."""

    active: bool
    valid_from: datetime
    valid_to: datetime
    key_algorithm: str


@dataclass(frozen=True)
class History:
    """What this caller got from this credential's holder since the last approval, within ``REMEMBERED``."""

    refusals: int = 0
    unanswered: int = 0
    """Lapsed, or withdrawn after the phone may have rung."""
    last_reason: str | None = None
    last_no: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """The world at the moment of asking."""

    credential: CredentialFacts
    history: History
    pending_of_credential: int
    now: datetime


Rule = Callable[[Ask, Situation], None]


class Wanted(Protocol):
    """What the rules about every kind of ask look at."""

    @property
    def hash_algorithm(self) -> str: ...
    @property
    def sign_algorithm(self) -> str: ...


def credential_is_active(_ask: Wanted, situation: Situation) -> None:
    """Not revoked, not locked."""
    if not situation.credential.active:
        raise CredentialDisabled()


def certificate_is_valid(_ask: Wanted, situation: Situation) -> None:
    """Within its validity, now."""
    if not situation.credential.valid_from <= situation.now < situation.credential.valid_to:
        raise CertificateNotValid()


def something_but_not_too_much(ask: Ask, _situation: Situation) -> None:
    """1 to ``MAX_HASHES``, each with its label."""
    if not ask.hashes:
        raise NoHashes()
    if len(ask.hashes) > MAX_HASHES:
        raise TooManyHashes(f"at most {MAX_HASHES} hashes in one request")
    if len(ask.labels) != len(ask.hashes):
        raise BadLabels("as many labels as hashes")


def terms_are_possible(ask: SessionAsk, situation: Situation) -> None:
    """Neither too short nor too long, not beyond the certificate, not too many signatures."""
    terms = Terms(ask.until, ask.maximum, ask.purpose, ask.hash_algorithm, ask.sign_algorithm)
    terms.demand_possible(situation.now, situation.credential.valid_to)


def algorithms_agree(ask: Wanted, situation: Situation) -> None:
    """The key can do the signature algorithm, which implies the hash algorithm."""
    wanted = SIGN_ALGORITHMS.get(ask.sign_algorithm)
    if wanted is None or wanted not in possible(situation.credential.key_algorithm):
        raise AlgorithmNotPossible()
    if wanted.hash_name != ask.hash_algorithm:
        raise AlgorithmNotPossible("the hash algorithm contradicts the signature algorithm")


def digests_have_their_length(ask: Ask, _situation: Situation) -> None:
    """Every digest is as long as its algorithm makes them."""
    length = SIGN_ALGORITHMS[ask.sign_algorithm].digest_bytes
    if any(len(digest) != length for digest in ask.hashes):
        raise BadDigest()


def holder_is_left_alone(_ask: Wanted, situation: Situation) -> None:
    """Back-off after refusals."""
    over = quiet_until(situation.history)
    if over is not None and situation.now < over:
        seconds = ceil((over - situation.now).total_seconds())
        why = "refused" if situation.history.refusals else "unanswered"
        raise HolderLeftAlone(retry_after=seconds, data={"why": why})


def phone_is_not_flooded(_ask: Wanted, situation: Situation) -> None:
    """One pending request per caller is the database's promise; this one is about all callers together."""
    if situation.pending_of_credential >= MAX_PENDING_OF_CREDENTIAL:
        raise RequestPending(retry_after=PENDING_RETRY_SECONDS, data={"why": "pending"})


COMMON_RULES: Final[Sequence[Callable[[Wanted, Situation], None]]] = (
    credential_is_active,
    certificate_is_valid,
    algorithms_agree,
    holder_is_left_alone,
    phone_is_not_flooded,
)
"""What a session has in common with listed hashes."""

RULES: Final[Sequence[Rule]] = (
    something_but_not_too_much,
    credential_is_active,
    certificate_is_valid,
    algorithms_agree,
    digests_have_their_length,
    holder_is_left_alone,
    phone_is_not_flooded,
)


@dataclass(frozen=True)
class _NoAlgorithm:
    """Of an ask that names none."""

    hash_algorithm: str = ""
    sign_algorithm: str = ""


NO_ALGORITHM: Final = _NoAlgorithm()
CONSENT_RULES: Final[Sequence[Callable[[Wanted, Situation], None]]] = (
    credential_is_active,
    certificate_is_valid,
    holder_is_left_alone,
    phone_is_not_flooded,
)


def admit(ask: Ask, situation: Situation, rules: Sequence[Rule] = RULES) -> None:
    """Step 3: run the rules; the first that objects raises its error."""
    for rule in rules:
        rule(ask, situation)


def admit_session(ask: SessionAsk, situation: Situation) -> None:
    """Step 3, for a session: its terms, and what holds for every ask."""
    terms_are_possible(ask, situation)
    for rule in COMMON_RULES:
        rule(ask, situation)


def admit_consent(_ask: object, situation: Situation) -> None:
    """Step 3, for a consent: its terms are the SAM's to judge, which knows the operator's limits."""
    for rule in CONSENT_RULES:
        rule(NO_ALGORITHM, situation)


def admit_opening(ask: Ask | SessionAsk, situation: Situation) -> None:
    """E3, the gateway's part of it: what holds for every ask, but nobody is rung, so nobody has to be left alone."""
    for rule in (credential_is_active, certificate_is_valid, algorithms_agree):
        rule(ask, situation)
    if isinstance(ask, Ask):
        something_but_not_too_much(ask, situation)
        digests_have_their_length(ask, situation)


def quiet_until(history: History) -> datetime | None:
    """Until when a caller must not ask again; None when there is nothing to wait for."""
    if history.last_no is None:
        return None
    noes = history.refusals + history.unanswered // UNANSWERED_FOR_ONE
    pause = BACK_OFF[min(noes, len(BACK_OFF) - 1)]
    if history.last_reason == NOT_ME:
        pause = max(pause, AFTER_NOT_ME)
    return history.last_no + pause if pause else None
