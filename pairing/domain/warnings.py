"""What a holder is told on every phone: that wrong passwords locked a certificate, that a phone blocked it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from foundation.encoding import JsonValue
from foundation.ids import is_id

Kind: TypeAlias = Literal[
    "credential_locked", "credential_blocked", "credential_unblocked", "consent_ended", "phone_waiting"
]
"""Phones pass over kinds that they do not know."""

RING_LIFE: Final = timedelta(hours=1)
"""A phone that is not reached by then is told when it opens."""

KEPT: Final = timedelta(days=180)

LATE: Final = timedelta(seconds=30)
"""From when on a lock that nobody reported is reported by whoever meets it: the process that should have done it died.
By then nobody knows which phone it came from: whoever meets it may be another one."""


@dataclass(frozen=True)
class Happening:
    """What befell a certificate, as the SAM tells a phone. ``until``: of a lock, or of a phone's wait; None: for
    ever, or until undone."""

    kind: Kind
    credential: str
    since: datetime
    until: datetime | None = None


def read_lock(data: Mapping[str, JsonValue]) -> Happening | None:
    """The ``lock`` in an error's data (docs/protocol.md 9.2); None when there is none."""
    said = data.get("lock")
    if not isinstance(said, Mapping) or not is_id(said.get("credential"), "cred"):
        return None
    since, until = said.get("since"), said.get("until")
    if not isinstance(since, int) or not (until is None or isinstance(until, int)):
        return None
    ends = None if until is None else datetime.fromtimestamp(until, UTC)
    return Happening("credential_locked", str(said.get("credential")), datetime.fromtimestamp(since, UTC), ends)
