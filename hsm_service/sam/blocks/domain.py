"""Who may open a certificate again that its holder shut, and when. Pure."""

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from hsm_service.sam.credentials.domain import OPERATOR, Block
from hsm_service.sam.errors import BlockedElsewhere, NotBlocked, OrderOutdated, UnblockTooEarly
from hsm_service.sam.orders.domain import HolderPermit

WAIT: Final = timedelta(hours=1)
"""From a block to the first chance of undoing it on the phone: whoever shut it for fear has time to ask for the
revocation before somebody who took phone and password could open it again."""


def demand_unblockable(block: Block | None, device: str, now: datetime) -> Block:
    """The block that this phone may undo now. Raises NotBlocked, BlockedElsewhere, UnblockTooEarly.

    Only the phone that shut it: otherwise whoever has the holder's other phone would undo what the holder did.
    """
    if block is None or not block.shut:
        raise NotBlocked(device)
    if block.by != device:
        raise BlockedElsewhere(block.by)
    left = (block.at + WAIT - now).total_seconds()
    if left > 0:
        raise UnblockTooEarly(retry_after=ceil(left))
    return block


def demand_as_ordered(block: Block | None, permit: HolderPermit) -> None:
    """The certificate stands as the operator saw it, or as this very order left it. Raises OrderOutdated.

    Otherwise whoever kept an ``unblock`` (any gateway that carried it) would undo what its holder shut since.
    """
    order, number = permit.order, 0 if block is None else block.number
    if number == order.number:
        return
    seen = order.number or 0
    left = seen + (2 if (seen % 2 == 1) is (order.act == "block") else 1)  # 2: taken over from a phone
    if block is None or number != left or block.by != OPERATOR:
        raise OrderOutdated(order.id)
