"""Pairing a phone: a number is proved by SMS, then a device grows from named to active.

::

    number → code → [nickname] → password (once, judged by the SAM) → test that rings → active

Two tables, because two things live here. The *number proof* is short (ten minutes) and ends for good; the *device*
begins where it succeeds and lives for years. An SMS alone binds nothing (a swapped SIM receives it too): a device gets
rights only from ``trial`` on, and both steps from there are verdicts of the SAM over signatures by the phone's own key.

Not liked: nickname and rights share one table although a nickname gives none. They stand together because the SAM
writes the nickname into what the holder approves, so it must be there first.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.machine import Machine

CODE_LIFE: Final = timedelta(minutes=10)
"""NIST SP 800-63B section 5.1.3.2: at most ten minutes. Shorter punishes slow carriers."""

MAX_TRIES: Final = 5
"""Wrong codes a pairing survives less one. Five guesses at six digits: 5 in a million."""

MAX_SENDS: Final = 3
"""Messages for one pairing. Whoever needs a fourth has a wrong number or is pumping."""

RESEND_WAITS: Final = (timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120))
"""How long after each message the next may be asked for (after the last: in a new pairing)."""

NUMBER_PROOF_LIFE: Final = timedelta(hours=24)
"""How long a proved number may be used to bind a credential. Numbers change hands, so a proof must not live for years;
a day lets somebody fetch the paper with the password from the office."""


class NumberProof(StrEnum):
    """How far the proof of a telephone number has come."""

    SENT = "sent"
    VERIFIED = "verified"
    DEAD = "dead"


class ProofEvent(StrEnum):
    """What happens to a number proof. Wrong codes below the limit change a counter, not the state."""

    RESEND = "resend"
    CODE_RIGHT = "code_right"
    TRIES_SPENT = "tries_spent"
    STARTED_AGAIN = "started_again"


NUMBER_PROOF: Final[Machine[NumberProof, ProofEvent]] = Machine(
    "number-proof",
    NumberProof.SENT,
    {
        NumberProof.SENT: {
            ProofEvent.RESEND: NumberProof.SENT,
            ProofEvent.CODE_RIGHT: NumberProof.VERIFIED,
            ProofEvent.TRIES_SPENT: NumberProof.DEAD,
            ProofEvent.STARTED_AGAIN: NumberProof.DEAD,
        },
        NumberProof.VERIFIED: {},
        NumberProof.DEAD: {},
    },
)


class Device(StrEnum):
    """How much a phone is."""

    VERIFIED = "verified"  # its number is proved; it may be named
    NAMED = "named"  # it may ask to be bound
    TRIAL = "trial"  # the password was proved; a test has been rung
    ACTIVE = "active"  # the test came back: it hears us and may approve
    REMOVED = "removed"  # its token is void


class DeviceEvent(StrEnum):
    """What happens to a device."""

    NAME = "name"
    BOUND = "bound"
    TEST_APPROVED = "test_approved"
    REMOVE = "remove"


DEVICE: Final[Machine[Device, DeviceEvent]] = Machine(
    "device",
    Device.VERIFIED,
    {
        Device.VERIFIED: {
            DeviceEvent.NAME: Device.NAMED,
            DeviceEvent.REMOVE: Device.REMOVED,
        },
        Device.NAMED: {
            DeviceEvent.NAME: Device.NAMED,
            DeviceEvent.BOUND: Device.TRIAL,
            DeviceEvent.REMOVE: Device.REMOVED,
        },
        Device.TRIAL: {
            DeviceEvent.NAME: Device.TRIAL,
            DeviceEvent.BOUND: Device.TRIAL,
            DeviceEvent.TEST_APPROVED: Device.ACTIVE,
            DeviceEvent.REMOVE: Device.REMOVED,
        },
        Device.ACTIVE: {
            DeviceEvent.NAME: Device.ACTIVE,
            DeviceEvent.BOUND: Device.ACTIVE,  # a second credential on a phone that works already
            DeviceEvent.TEST_APPROVED: Device.ACTIVE,
            DeviceEvent.REMOVE: Device.REMOVED,
        },
        Device.REMOVED: {},
    },
)


def resend_at(sends: int, sent_at: datetime) -> datetime:
    """When the message after the ``sends``-th (1 to 3) may be asked for."""
    return sent_at + RESEND_WAITS[min(sends, MAX_SENDS) - 1]
