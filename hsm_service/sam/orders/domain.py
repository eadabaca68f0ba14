"""The permit without which no operator changes anything of a holder's, and the check that alone mints it. Pure.

``HolderPermit`` is made in ``permit_holder_order`` and nowhere else.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from foundation.encoding import b64u
from hsm_service.sam.clients.domain import AHEAD, FRESH
from hsm_service.sam.errors import OrderNotFresh
from protocol.errors import OrderInvalid
from protocol.keys import P256Key
from protocol.orders import HolderOrder, open_order

Operators = Callable[[], Mapping[str, P256Key]]
"""Whose orders count now, by jkt. Asked at every order, so that an operator can be unpinned while we run."""

_MINT: Final = object()


@dataclass(frozen=True)
class HolderPermit:
    """A pinned operator ordered this just now."""

    order: HolderOrder
    operator: str
    """jkt of who signed."""
    hash: str
    """Of the signed order, as the audit names it."""
    _minted_by: object = field(repr=False)

    def __post_init__(self) -> None:
        """Whoever builds one by hand is stopped here."""
        if self._minted_by is not _MINT:
            raise TypeError("a permit is minted by permit_holder_order alone")

    def audited(self) -> dict[str, str]:
        """The members of its audit line: who, why, and where the operator's own records say more."""
        return {
            "order": self.order.id,
            "hash": self.hash,
            "operator": self.operator,
            "reason": self.order.reason,
            "case": self.order.case,
        }


def permit_holder_order(jws: str, operators: Mapping[str, P256Key], now: datetime) -> HolderPermit:
    """O1, O2: an order about a holder, by an operator whose key is pinned now, signed just now.

    Raises OrderInvalid, OrderNotFresh.
    """
    order, operator = open_order(jws, operators)
    if not isinstance(order, HolderOrder):
        raise OrderInvalid("not an order about a holder")
    if not now - FRESH <= datetime.fromtimestamp(order.created, UTC) <= now + AHEAD:
        raise OrderNotFresh(order.id)
    return HolderPermit(order, operator, b64u(hashlib.sha256(jws.encode("ascii")).digest()), _MINT)
