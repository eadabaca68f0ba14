"""What a provider's ``Retry-After`` says (RFC 9110 section 10.2.3: seconds, or a date)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 3600
"""Seconds. A provider that wants us to wait for longer is asked again after an hour."""


def seconds_of(retry_after: str | None, now: datetime) -> int | None:
    """Whole seconds from now, 1 to an hour; None: nothing that can be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return max(1, min(int(text[:9]), LONGEST))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(1, min(int((at - now).total_seconds()), LONGEST))
