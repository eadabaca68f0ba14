"""Taking orders."""

from collections.abc import Callable

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import JsonObject
from issuance.ac.domain.permit import Pins
from issuance.ac.ports import AuthorityKeys
from issuance.ac.store import AcStore, StoredOrder
from issuance.domain.install import kept_message, read_verifier
from issuance.domain.order import BadOrder, check_order
from issuance.errors import OrderTaken
from protocol.errors import ProofInvalid
from protocol.orders import IssueOrder, open_order
from protocol.proofs import Jwe


class OrderService:
    """Orders to issue wait here for their holder; orders to revoke are obeyed at once (``revocation``)."""

    def __init__(
        self, database: Database, keys: AuthorityKeys, pins: Callable[[], Pins], audit: AuditChain, clock: Clock
    ) -> None:
        """``pins`` is asked at every order, so that an operator can be unpinned while we run."""
        self._database = database
        self._store = AcStore(database)
        self._keys = keys
        self._pins = pins
        self._audit = audit
        self._clock = clock

    async def submit(self, jws: str) -> JsonObject:
        """Step b: take an order to issue. Repeating exactly the same one changes nothing.

        Raises OrderInvalid (nobody we know signed it), BadOrder and its parts, OrderTaken, TransportKeyRetired.
        """
        now = self._clock.now()
        order, operator = open_order(jws, self._pins().operators)
        if not isinstance(order, IssueOrder):
            raise BadOrder("type: only orders to issue are submitted here")
        check_order(order, now)
        answer: JsonObject = {"id": order.id, "protocol": order.protocol}
        known = await self._store.order(order.id)
        if known is not None:
            if known.jws != jws:
                raise OrderTaken
            return answer
        verifier = await self._verifier(order)
        stored = StoredOrder(order.id, "issue", order.protocol, jws, verifier, now)
        async with self._database.transaction() as connection:
            await self._store.add_order(connection, stored)
            self._audit.note(connection, "order.taken", order=order.id, kind="issue", operator=operator)
        return answer

    async def _verifier(self, order: IssueOrder) -> bytes:
        """The stretched password is opened once and kept as an HMAC that only the HSM can make."""
        try:
            jwe = Jwe.parse(order.install.verifier)
            plaintext = jwe.decrypt(await self._keys.shared_point(jwe.kid, jwe.epk))
        except ProofInvalid as cause:
            raise BadOrder("install.verifier: not encrypted to this authority") from cause
        return await self._keys.mac(kept_message(order.id, read_verifier(plaintext, order.id)))
