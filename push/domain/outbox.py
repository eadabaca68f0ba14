"""The life of a queued message.

A row is *taken* with a lease. A worker that dies leaves it taken; when the lease is over somebody else takes it again,
which makes delivery at-least-once across crashes. A worker that lives but is slow finds its lease gone when it reports:
``attempts`` counts every taking and every report names the one it was made under, so only the latest taker's counts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foundation.machine import Machine


class Kind(StrEnum):
    """What is queued, and so which carrier takes it."""

    SMS = "sms"
    EMAIL = "email"
    DOORBELL = "doorbell"  # to phones whose app is open
    PUSH = "push"  # to phones whose app is closed
    WEBHOOK = "webhook"


class Message(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    TAKEN = "taken"
    SENT = "sent"
    LAPSED = "lapsed"  # of no use any more: its code expired, its document was decided, the phone knows already
    DEAD = "dead"  # refused, or tried too often


class MessageEvent(StrEnum):
    """What happens to a message."""

    TAKE = "take"
    CARRIED = "carried"
    TRY_LATER = "try_later"
    GIVE_UP = "give_up"
    TOO_LATE = "too_late"


MESSAGE: Final[Machine[Message, MessageEvent]] = Machine(
    "outbox-message",
    Message.QUEUED,
    {
        Message.QUEUED: {
            MessageEvent.TAKE: Message.TAKEN,
        },
        Message.TAKEN: {
            MessageEvent.TAKE: Message.TAKEN,  # the lease was over
            MessageEvent.CARRIED: Message.SENT,
            MessageEvent.TRY_LATER: Message.QUEUED,
            MessageEvent.GIVE_UP: Message.DEAD,
            MessageEvent.TOO_LATE: Message.LAPSED,
        },
        Message.SENT: {},
        Message.LAPSED: {},
        Message.DEAD: {},
    },
)

LEASE: Final = timedelta(seconds=30)
"""Longer than any carrier's deadline, so that only a dead worker's lease ends before its report."""

MAX_ATTEMPTS: Final = MappingProxyType({Kind.SMS: 4, Kind.EMAIL: 8, Kind.DOORBELL: 3, Kind.PUSH: 8, Kind.WEBHOOK: 16})
"""A text message is asked for again by its reader, an e-mail is not; a doorbell is worth little after seconds; a push
may wait for its provider, and for its turn (``bombing.py``), as long as the request waits; a receiver of events may be
down for a night (16 attempts are about seven hours)."""

_FIRST_WAIT: Final = timedelta(seconds=2)
_LONGEST_WAIT: Final = MappingProxyType({**dict.fromkeys(Kind, timedelta(minutes=5)), Kind.WEBHOOK: timedelta(hours=1)})


@dataclass(frozen=True)
class Attempt:
    """One taking of one message: what the worker has in hand."""

    kind: Kind
    attempts: int
    expires_at: datetime


def after_failure(
    attempt: Attempt, now: datetime, jitter: float, asked: timedelta | None = None
) -> tuple[MessageEvent, datetime | None]:
    """What becomes of a message that could not be carried now, and when it is due again.

    The wait doubles from two seconds to five minutes (of webhooks: an hour) and is then cut by ``jitter`` (0 to 1) to
    between a half and the whole, so that a provider coming back is not met by everybody at once. ``asked``: what the
    provider wants at least.
    """
    if attempt.attempts >= MAX_ATTEMPTS[attempt.kind]:
        return MessageEvent.GIVE_UP, None
    doubled = _FIRST_WAIT * 2 ** min(attempt.attempts - 1, 16)
    wait = min(doubled, _LONGEST_WAIT[attempt.kind]) * (1 - jitter / 2)
    due = now + max(wait, asked or timedelta(0))
    if due >= attempt.expires_at:
        return MessageEvent.TOO_LATE, None
    return MessageEvent.TRY_LATER, due
