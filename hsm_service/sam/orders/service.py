"""Operators' orders about holders (docs/protocol.md section 8). No gateway has a word in it, nor has who holds the PIN.

O1 by an operator whose key is pinned now · O2 signed just now · O3 about what the operator saw: the blocks of the
certificate are as many as the order says, or the phone waits still; so an order is good once · O4 the row, under its
MAC, and the audit line with order, operator, reason and case, in one transaction.
"""

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject
from hsm_service.sam.blocks.service import Blocks
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.orders.domain import Operators, permit_holder_order


class HolderOrders:
    """``credentials/order``, ``credentials/standing``."""

    def __init__(
        self, database: Database, clock: Clock, credentials: CredentialStore, blocks: Blocks, operators: Operators
    ) -> None:
        self._database, self._clock, self._credentials = database, clock, credentials
        self._blocks, self._operators = blocks, operators

    async def standing(self, credential: str) -> JsonObject:
        """What an operator has to see before ordering. Raises CredentialUnknown."""
        found = await self._credentials.get(self._database, credential)
        block = found.block
        return {
            "credential": found.id,
            "state": found.state.value,
            "number": 0 if block is None else block.number,
            "block": None if found.shut is None else {"since": int(found.shut.at.timestamp()), "by": found.shut.by},
        }

    async def obey(self, jws: str) -> JsonObject:
        """{``credential``, ``act``, ``changed``}. The same order again changes nothing.

        Raises OrderInvalid, OrderNotFresh, OrderOutdated, CredentialUnknown, CredentialNotActive, FileUnreadable.
        """
        permit = permit_holder_order(jws, self._operators(), self._clock.now())  # O1, O2
        changed = await self._blocks.by_order(permit)  # O3, O4
        return {"credential": permit.order.credential, "act": permit.order.act, "changed": changed}
