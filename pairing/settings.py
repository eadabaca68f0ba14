"""What an operator may decide about pairing."""

from typing import Annotated

from pydantic import Field

from foundation.settings import Section


class PairingSettings(Section):
    """Limits that depend on how many holders there are; the others are rules (``domain/limits.py``)."""

    messages_per_day: Annotated[int, Field(ge=1)] = 5000
    """Codes sent by SMS in any 24 hours, whoever asks: the breaker that bounds what fraud can cost."""
