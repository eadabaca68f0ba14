"""What a provider tells later about an SMS, in three words of ours, which only go forward.

Twilio's callbacks come late, twice and in any order; a ``sent`` after ``delivered`` must not undo it.
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Delivery(StrEnum):
    """What became of a message after the provider took it."""

    ON_ITS_WAY = "on_its_way"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


TWILIO: Final = MappingProxyType(
    {
        "accepted": Delivery.ON_ITS_WAY,
        "queued": Delivery.ON_ITS_WAY,
        "sending": Delivery.ON_ITS_WAY,
        "sent": Delivery.ON_ITS_WAY,
        "delivered": Delivery.DELIVERED,
        "undelivered": Delivery.UNDELIVERED,
        "failed": Delivery.UNDELIVERED,
        "canceled": Delivery.UNDELIVERED,
    }
)
"""Their ``MessageStatus``. Others (``read``, ``receiving``) are not about an SMS of ours, and are passed over."""

FINAL: Final = (Delivery.DELIVERED, Delivery.UNDELIVERED)
