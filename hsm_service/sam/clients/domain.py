"""An integrator as an operator's order made it known. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject
from hsm_service.sam.errors import OrderNotFresh, OrderOutdated
from protocol.keys import P256Key
from protocol.orders import ClientOrder

FRESH: Final = timedelta(minutes=10)
"""For so long an order may be handed in. With ``AHEAD`` not longer than a SAM that starts looks back into the audit
(``recall.WINDOW``): an order handed in again, over a row that somebody deleted, meets the memory of its successor."""
AHEAD: Final = timedelta(minutes=5)
"""How far an operator's clock may be ahead of ours."""


class State(StrEnum):
    """Which one an order says; the newest order counts, so there is a way back."""

    REGISTERED = "registered"
    DISABLED = "disabled"


@dataclass(frozen=True)
class Client:
    """One row of ``sam.clients``."""

    id: str
    name: str
    keys: Sequence[P256Key]
    """Of its asks; none: it signs none, and what it asks is its gateway's word."""
    state: State
    order: str
    operator: str
    """jkt of who signed the order."""
    ordered: datetime
    """When the operator signed, in whole seconds: also the row's rank."""
    mac: bytes = field(default=b"", repr=False)

    @classmethod
    def ordered_by(cls, order: ClientOrder, operator: str) -> "Client":
        """As an order has it whose signature was verified."""
        return cls(
            order.client, order.name, order.public_keys(), State(order.state), order.id, operator,
            datetime.fromtimestamp(order.created, UTC),
        )  # fmt: skip

    @property
    def rank(self) -> int:
        """Orders only become newer."""
        return int(self.ordered.timestamp())

    @property
    def registered(self) -> bool:
        """Whether it may ask."""
        return self.state is State.REGISTERED

    def meaning(self) -> JsonObject:
        """Under the MAC."""
        return {
            "id": self.id,
            "name": self.name,
            "keys": [key.jkt for key in self.keys],
            "state": self.state.value,
            "order": self.order,
            "operator": self.operator,
            "ordered": self.rank,
        }

    def demand_fresh(self, now: datetime) -> None:
        """Raises OrderNotFresh."""
        if not now - FRESH <= self.ordered <= now + AHEAD:
            raise OrderNotFresh(self.order)

    def demand_newer(self, *ranks: int | None) -> None:
        """Than every order that was ever heard of. Raises OrderOutdated."""
        newest = max((rank for rank in ranks if rank is not None), default=None)
        if newest is not None and self.rank <= newest:
            raise OrderOutdated(self.order, data={"newest": newest})
