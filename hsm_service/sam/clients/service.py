"""Operators' orders about integrators (docs/protocol.md section 8). A gateway has no word in it."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from foundation.audit import AuditChain
from foundation.audit.lines import instant_text
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject, b64u
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.clients.domain import Client
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.documents.domain import caller_name
from hsm_service.sam.errors import OrderOutdated
from protocol.errors import OrderInvalid
from protocol.keys import P256Key
from protocol.orders import ClientOrder, open_order

Operators = Callable[[], Mapping[str, P256Key]]
"""Whose orders count now, by jkt. Asked at every order, so that an operator can be unpinned while we run."""

_RIVALS: Final = 5
"""How often another order about the same integrator may come between looking and writing."""


class Clients:
    """Takes orders."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        store: ClientStore,
        operators: Operators,
        endings: Endings,
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._store, self._operators, self._endings = store, operators, endings

    async def register(self, jws: str) -> JsonObject:
        """{``client``, ``state``}. The same order again changes nothing, and gets the same answer.

        Raises OrderInvalid (nobody we pin signed it, or it is another order), OrderNotFresh, OrderOutdated,
        FileUnreadable.
        """
        # C1. An order about an integrator, by an operator whose key is pinned now.
        order, operator = open_order(jws, self._operators())
        if not isinstance(order, ClientOrder):
            raise OrderInvalid("not an order about an integrator")
        wanted = Client.ordered_by(order, operator)
        for _ in range(_RIVALS):
            over = await self._store.mac_of(self._database, wanted.id)
            kept = await self._store.of(self._database, wanted.id)
            # C2. The one that is obeyed already, because its answer was lost.
            if kept is not None and kept.meaning() == wanted.meaning():
                break
            # C3. Newer than the row, and than what we remember of it: the row may be another one by now, or gone.
            wanted.demand_newer(self._store.newest(wanted.id), None if kept is None else kept.rank)
            # C4. Signed just now: what was never handed in is worth nothing later.
            wanted.demand_fresh(self._clock.now())
            # C5. Row and audit line together, over the row that was looked at.
            if await self._put(wanted, over, jws):
                break
        else:
            raise OrderOutdated("others were faster, again and again")
        return {"client": wanted.id, "state": wanted.state.value}

    async def _put(self, wanted: Client, over: bytes, jws: str) -> bool:
        async with self._database.transaction() as connection:
            if not await self._store.put(connection, wanted, over=over):
                return False
            self._audit.note(
                connection,
                f"client.{wanted.state}",
                client=wanted.id,
                keys=len(wanted.keys),
                order=wanted.order,
                hash=b64u(hashlib.sha256(jws.encode("ascii")).digest()),
                operator=wanted.operator,
                ordered=instant_text(wanted.ordered),
            )
            if not wanted.registered:
                await self._endings.of(connection, "shut_out", caller=caller_name("integrator", wanted.id))
        return True
