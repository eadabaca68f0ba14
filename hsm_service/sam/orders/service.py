"""Operators' orders about holders (docs/protocol.md section 8). No gateway has a word in it, nor has who holds the PIN.

O1 by an operator whose key is pinned now · O2 signed just now · O3 about what the operator saw: the blocks of the
certificate are as many as the order says, or the phone waits still; so an order is good once · O4 the row, under its
MAC, and the audit line with order, operator, reason and case, in one transaction.
"""

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject
from hsm_service.sam.bindings.domain import State
from hsm_service.sam.bindings.service import Bindings, seconds
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.service import Blocks
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import OrderOutdated
from hsm_service.sam.orders.domain import HolderPermit, Operators, permit_holder_order


class HolderOrders:
    """``credentials/order``, ``credentials/standing``."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        credentials: CredentialStore,
        bindings: BindingStore,
        blocks: Blocks,
        phones: Bindings,
        documents: DocumentStore,
        operators: Operators,
    ) -> None:
        self._documents = documents
        self._database, self._clock, self._credentials, self._bindings = database, clock, credentials, bindings
        self._blocks, self._phones, self._operators = blocks, phones, operators

    async def standing(self, credential: str) -> JsonObject:
        """What an operator has to see before ordering. Raises CredentialUnknown."""
        found = await self._credentials.get(self._database, credential)
        block = found.block
        return {
            "credential": found.id,
            "state": found.state.value,
            "number": 0 if block is None else block.number,
            "block": None if found.shut is None else {"since": int(found.shut.at.timestamp()), "by": found.shut.by},
            "waiting": [
                {"binding": one.id, "device": one.device, "nickname": one.nickname, "until": seconds(one)}
                for one in await self._bindings.of_credentials(self._database, [credential])
                if one.state is State.WAITING
            ],
            "frozen": [
                {"caller": caller.partition(":")[2], "since": int(since.timestamp())}
                for caller, since in await self._documents.freezes(self._database, credential)
            ],
        }

    async def obey(self, jws: str) -> JsonObject:
        """{``credential``, ``act``, ``changed``}. The same order again changes nothing.

        Raises OrderInvalid, OrderNotFresh, OrderOutdated, CredentialUnknown, CredentialNotActive, FileUnreadable.
        """
        permit = permit_holder_order(jws, self._operators(), self._clock.now())  # O1, O2
        act = self._admit if permit.order.act == "admit" else self._blocks.by_order
        changed = await act(permit)  # O3, O4
        return {"credential": permit.order.credential, "act": permit.order.act, "changed": changed}

    async def _admit(self, permit: HolderPermit) -> bool:
        """O3, O4: a phone decides before its wait is over; False when it does so already."""
        order = permit.order
        found = await self._bindings.find(self._database, str(order.binding))
        if found is None or found.credential != order.credential or found.state is State.TRIAL:
            raise OrderOutdated(order.id)
        async with self._database.transaction() as connection:
            return await self._phones.admit(connection, found, by="operator", **permit.audited())
