"""What a phone is bound to, and its end."""

from foundation.audit import AuditChain
from foundation.database import Database
from foundation.encoding import JsonValue
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.bindings.domain import State
from hsm_service.sam.bindings.store import BindingStore


class Bindings:
    """Lists and ends. Ending asks for no signature: it only takes rights away."""

    def __init__(self, database: Database, audit: AuditChain, store: BindingStore, endings: Endings) -> None:
        self._database, self._audit, self._store, self._endings = database, audit, store, endings

    async def list(self, device: str) -> dict[str, JsonValue]:
        """Of a phone, on trial or active."""
        found = await self._store.of_device(self._database, device, active=False)
        return {
            "bindings": [{"binding": one.id, "credential": one.credential, "state": one.state.value} for one in found]
        }

    async def end(self, device: str, credential: str | None) -> None:
        """All of a phone's, or the one with a credential, and the sessions that it approved; ended ones stay ended."""
        for binding in await self._store.of_device(self._database, device, active=False):
            if credential is not None and binding.credential != credential:
                continue
            async with self._database.transaction() as connection:
                if await self._store.change(connection, binding, State.ENDED):
                    self._audit.note(connection, "binding.ended", binding=binding.id, credential=binding.credential)
                    await self._endings.of(connection, "unbound", binding=binding.id)
