""" "Bloquear tudo": one press of a phone shuts every certificate that it is actively bound to.

B1 the phone is actively bound to the certificate · B2 its row says that it is shut, under its MAC: from the commit on
nobody asks, approves, pairs, associates or signs with it (``Credential.usable``) · B3 what waited for its holder is
withdrawn, what was approved and not yet used is voided · B4 its sessions end, and what they sealed goes · B5 one line
in the audit, by which a SAM that starts learns of it again.

All of B2 to B5 is one transaction. No signature is asked for: a block only takes rights away. Undoing it is a document
of its own (``unblock``), on the phone that shut it, after a wait, with the usage password; or an operator's order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonObject, JsonValue
from foundation.errors import Unavailable
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.domain import WAIT, demand_as_ordered
from hsm_service.sam.credentials.domain import OPERATOR, Credential, State
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.errors import BindingUnknown, CredentialNotActive, NotBlocked
from hsm_service.sam.orders.domain import HolderPermit

_RIVALS: Final = 20
"""How often the row may be written by others between reading and writing it, each in milliseconds."""


@dataclass(frozen=True)
class Turned:
    """What a call left: the credential, and whether it was this call that changed it."""

    credential: Credential
    changed: bool


class Blocks:
    """``credentials/block``, ``credentials/blocks``; and what operators order."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        credentials: CredentialStore,
        bindings: BindingStore,
        endings: Endings,
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._credentials, self._bindings, self._endings = credentials, bindings, endings

    async def block(self, device: str) -> dict[str, JsonValue]:
        """Shut all of a phone's. Again is the same: the first block stays, with whoever made it.

        Raises BindingUnknown for a phone that is actively bound to nothing.
        """
        bound = await self._bindings.of_device(self._database, device, active=True)  # B1
        if not bound:
            raise BindingUnknown(device)
        told: list[JsonObject] = []
        for binding in bound:
            turned = await self._turn(binding.credential, device, shut=True)
            if turned is not None:
                told.append({**_told(turned.credential, device), "new": turned.changed})
        return {"blocks": told}

    async def list(self, device: str) -> dict[str, JsonValue]:
        """The blocks that stand now, of the certificates that this phone is actively bound to."""
        told: list[JsonObject] = []
        for binding in await self._bindings.of_device(self._database, device, active=True):
            credential = await self._credentials.get(self._database, binding.credential)
            if credential.shut is not None:
                told.append(_told(credential, device))
        return {"blocks": told}

    async def by_order(self, permit: HolderPermit) -> bool:
        """O3, O4: shut or opened by an operator, if it stands as the operator saw it; whether anything changed.

        Raises CredentialUnknown, CredentialNotActive, OrderOutdated.
        """
        order = permit.order
        turned = await self._turn(order.credential, OPERATOR, shut=order.act == "block", permit=permit)
        if turned is None:
            raise CredentialNotActive(order.credential)
        return turned.changed

    async def undo(self, connection: Connection, credential: str, device: str, since: int) -> None:
        """7f of an ``unblock``: the block of that time, by that phone, ends. Raises NotBlocked: it is another now."""
        found = await self._credentials.get(connection, credential)
        block = found.shut
        if block is None or block.by != device or int(block.at.timestamp()) != since:
            raise NotBlocked(credential)
        if not await self._write(connection, found, await self._turned(found, device)):
            raise NotBlocked(credential)

    async def demand_usable(self, connection: Connection, credentials: Iterable[str]) -> None:
        """Part of 7f, for a document about several certificates, which B3 does not withdraw: none of them is shut or
        revoked, nor becomes so before this transaction is over. Raises CredentialBlocked, CredentialNotActive."""
        for id_ in sorted(set(credentials)):
            await self._credentials.lock(connection, id_)
            (await self._credentials.get(connection, id_)).usable(self._clock.now())

    async def _turn(self, id_: str, by: str, *, shut: bool, permit: HolderPermit | None = None) -> Turned | None:
        """None for a certificate that signs nothing anyhow: not issued yet, or revoked."""
        for _ in range(_RIVALS):
            found = await self._credentials.get(self._database, id_)
            if found.state is not State.ACTIVE:
                return None
            if permit is not None:
                demand_as_ordered(found.block, permit)
            if (found.shut is not None) is not shut:
                turned = await self._turned(found, by)
            elif found.shut is not None and by == OPERATOR and found.shut.by != OPERATOR:
                # Otherwise whoever took phone and password would press first, and undo what an operator shut after.
                turned = await self._credentials.sealed(found.taken_over(self._clock.now()))
            else:
                return Turned(found, changed=False)
            async with self._database.transaction() as connection:
                if await self._write(connection, found, turned, permit):
                    return Turned(turned, changed=True)
        raise Unavailable("others write this row again and again")

    async def _turned(self, found: Credential, by: str) -> Credential:
        return await self._credentials.sealed(found.turned(self._clock.now(), by))

    async def _write(
        self, connection: Connection, found: Credential, turned: Credential, permit: HolderPermit | None = None
    ) -> bool:
        if not await self._credentials.turn(connection, found, turned):  # B2
            return False
        block = turned.block
        assert block is not None, "it was turned"
        if block.shut:
            await connection.execute(document_queries.void_credential, found.id)  # B3
            await self._endings.approvals(connection, found.id)
            await self._endings.of(connection, "blocked", credential=found.id)  # B4
        event = "credential.blocked" if block.shut else "credential.unblocked"
        ordered = {} if permit is None else permit.audited()
        self._audit.note(connection, event, credential=found.id, number=block.number, by=block.by, **ordered)  # B5
        return True


def _told(credential: Credential, device: str) -> JsonObject:
    """``from``: when this phone may undo it; null when it cannot."""
    block = credential.shut
    assert block is not None, "it is shut"
    since, here = int(block.at.timestamp()), block.by == device
    return {
        "credential": credential.id,
        "since": since,
        "by": block.by,
        "from": since + int(WAIT.total_seconds()) if here else None,
    }
