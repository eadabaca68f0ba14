"""The life of a message as a table, the waits between attempts, and the seal. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.domain.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    MESSAGE,
    Attempt,
    Kind,
    Message,
    MessageEvent,
    after_failure,
)
from push.domain.sealing import Seal
from push.errors import SealDamaged
from push.service.outbox import CARRY_SECONDS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
NONCE = bytes(12)


def test_a_message_ends_only_out_of_somebodys_hands() -> None:
    """Nothing is sent, given up or dropped that a worker has not taken."""
    for event in (MessageEvent.CARRIED, MessageEvent.GIVE_UP, MessageEvent.TOO_LATE, MessageEvent.TRY_LATER):
        assert MESSAGE.steps(event)[0] == [Message.TAKEN]


def test_the_lease_outlives_every_carrier() -> None:
    """Otherwise a slow carrier's message would be taken, and sent, a second time."""
    assert LEASE.total_seconds() > CARRY_SECONDS


@given(
    st.sampled_from(Kind),
    st.integers(1, 20),
    st.floats(0, 1),
    st.integers(0, 900),
    st.one_of(st.none(), st.integers(0, 900)),
)
def test_waits_grow_within_bounds_and_never_outlive_the_message(
    kind: Kind, attempts: int, jitter: float, life: int, asked: int | None
) -> None:
    """Due again after a second at least and within the longest wait, unless asked for more; never after the expiry."""
    attempt = Attempt(kind, attempts, NOW + timedelta(seconds=life))
    wanted = None if asked is None else timedelta(seconds=asked)
    event, due = after_failure(attempt, NOW, jitter, wanted)

    if attempts >= MAX_ATTEMPTS[kind]:
        assert event is MessageEvent.GIVE_UP
    if due is None:
        assert event in (MessageEvent.GIVE_UP, MessageEvent.TOO_LATE)
    else:
        assert event is MessageEvent.TRY_LATER
        assert NOW + timedelta(seconds=1) <= due < attempt.expires_at
        longest = timedelta(hours=1) if kind is Kind.WEBHOOK else timedelta(minutes=5)
        assert due - NOW <= max(longest, wanted or timedelta(0))


def test_the_provider_may_ask_for_more_patience() -> None:
    """Retry-After counts when it is longer than our own wait."""
    attempt = Attempt(Kind.SMS, 1, LATER)

    assert after_failure(attempt, NOW, 0.0, timedelta(seconds=90)) == (
        MessageEvent.TRY_LATER,
        NOW + timedelta(seconds=90),
    )


def test_a_sealed_message_opens_only_as_what_it_was() -> None:
    """Another kind, another expiry, another key or one changed bit: it does not open."""
    seal = Seal(bytes(range(32)))
    sealed = seal.close({"to": "+5531987654321"}, Kind.SMS, LATER, NONCE)

    assert seal.open(sealed, Kind.SMS, LATER) == {"to": "+5531987654321"}
    assert b"31987654321" not in sealed

    wrong = [
        (seal, sealed, Kind.EMAIL, LATER),
        (seal, sealed, Kind.SMS, LATER + timedelta(seconds=1)),
        (Seal(bytes(32)), sealed, Kind.SMS, LATER),
        (seal, sealed[:-1] + bytes([sealed[-1] ^ 1]), Kind.SMS, LATER),
        (seal, b"", Kind.SMS, LATER),
        (seal, sealed[:20], Kind.SMS, LATER),
    ]
    for with_seal, data, kind, expires in wrong:
        with pytest.raises(SealDamaged):
            with_seal.open(data, kind, expires)


def test_a_key_of_another_length_is_refused() -> None:
    """AES-128 by accident is a mistake that must not start."""
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(bytes(16))
