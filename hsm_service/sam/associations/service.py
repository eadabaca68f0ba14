"""What a computer is associated with, and its end."""

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.encoding import JsonValue
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.documents.domain import caller_name


class Associations:
    """Lists and ends. Ending asks for no signature: it only takes rights away."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        store: AssociationStore,
        bindings: BindingStore,
        endings: Endings,
    ) -> None:
        self._database, self._audit, self._store, self._bindings = database, audit, store, bindings
        self._endings = endings

    async def list(self, computer: str) -> dict[str, JsonValue]:
        """Active ones of a computer."""
        found = await self._store.of_computer(self._database, computer)
        return {"associations": [{"credential": one.credential, "name": one.name, "key": one.key.jwk} for one in found]}

    async def of_phone(self, device: str) -> dict[str, JsonValue]:
        """Those of every certificate that this phone is actively bound to, whichever phone allowed them."""
        bound = await self._bindings.of_device(self._database, device, active=True)
        found = await self._store.of_credentials(self._database, sorted({one.credential for one in bound}))
        return {
            "associations": [
                {
                    "computer": one.computer,
                    "credential": one.credential,
                    "name": one.name,
                    "os": one.os,
                    "since": int(one.created.timestamp()),
                }
                for one in found
            ]
        }

    async def end(self, computer: str, device: str | None) -> None:
        """All of a computer's, and the sessions it has; with ``device``, only those of this phone's credentials."""
        allowed = None
        if device is not None:
            allowed = {one.credential for one in await self._bindings.of_device(self._database, device, active=False)}
        for association in await self._store.of_computer(self._database, computer):
            if allowed is not None and association.credential not in allowed:
                continue
            async with self._database.transaction() as connection:
                if await self._store.end(connection, association):
                    self._audit.note(
                        connection, "association.ended", association=association.id, credential=association.credential
                    )
                    await self._endings.of(
                        connection,
                        "not_associated",
                        credential=association.credential,
                        caller=caller_name("computer", computer),
                    )
