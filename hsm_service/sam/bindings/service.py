"""What a phone is bound to, and its end."""

from collections.abc import Sequence

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import JsonValue
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.attempts.service import Attempts
from hsm_service.sam.bindings.domain import Binding, State
from hsm_service.sam.bindings.store import BindingStore


class Bindings:
    """Lists and ends. Ending asks for no signature: it only takes rights away."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        store: BindingStore,
        endings: Endings,
        attempts: Attempts,
    ) -> None:
        self._database, self._audit, self._clock, self._store = database, audit, clock, store
        self._endings, self._attempts = endings, attempts

    async def list(self, device: str) -> dict[str, JsonValue]:
        """Of a phone, on trial or active; with the tries of the usage password that are left before the next lock."""
        await self.admit_who_waited()
        found = await self._store.of_device(self._database, device, active=False)
        return {
            "bindings": [
                {
                    "binding": one.id,
                    "credential": one.credential,
                    "state": one.state.value,
                    "since": int(one.created.timestamp()),
                    "until": seconds(one),
                    "tries_left": await self._attempts.tries_left(one.credential),
                    "passkey": one.passkey is not None,
                }
                for one in found
            ]
        }

    async def phones(self, device: str) -> dict[str, JsonValue]:
        """Every phone that is bound to what this one is actively bound to, itself included."""
        found = await self._store.of_credentials(self._database, await self._shared(device))
        return {
            "phones": [
                {
                    "device": one.device,
                    "credential": one.credential,
                    "nickname": one.nickname,
                    "state": one.state.value,
                    "since": int(one.created.timestamp()),
                    "until": seconds(one),
                }
                for one in found
            ]
        }

    async def admit_who_waited(self) -> int:
        """Phones whose wait is over may decide from now on; how many. By our clock, and by what a MAC holds."""
        admitted = 0
        for binding in await self._store.waited(self._database, self._clock.now()):
            async with self._database.transaction() as connection:
                admitted += await self.admit(connection, binding, by="time")
        return admitted

    async def admit(self, connection: Connection, binding: Binding, **audited: str) -> bool:
        """A phone that waits may decide from now on: its time came, another phone said yes, an operator ordered it.

        False when it does not wait any more.
        """
        if binding.state is not State.WAITING or not await self._store.change(connection, binding, State.ACTIVE):
            return False
        self._audit.note(connection, "binding.admitted", binding=binding.id, credential=binding.credential, **audited)
        return True

    async def turn_away(self, connection: Connection, binding: Binding) -> bool:
        """The holder did not pair this phone: its binding ends."""
        if not await self._store.change(connection, binding, State.ENDED):
            return False
        self._audit.note(connection, "binding.ended", binding=binding.id, credential=binding.credential)
        await self._endings.of(connection, "unbound", binding=binding.id)
        return True

    async def end(self, device: str, credential: str | None, by: str | None = None) -> int:
        """All of a phone's, or the one with a credential, and the sessions that it approved; ended ones stay ended.

        ``by``: another phone, which takes back only what it is actively bound to itself. How many ended.
        """
        allowed = None if by is None else await self._shared(by)
        ended = 0
        for binding in await self._store.of_device(self._database, device, active=False):
            if credential is not None and binding.credential != credential:
                continue
            if allowed is not None and binding.credential not in allowed:
                continue
            async with self._database.transaction() as connection:
                ended += await self.turn_away(connection, binding)
        return ended

    async def _shared(self, device: str) -> Sequence[str]:
        bound = await self._store.of_device(self._database, device, active=True)
        return sorted({one.credential for one in bound})


def seconds(binding: Binding) -> int | None:
    """Until when it waits; None for one that does not."""
    if binding.state is not State.WAITING or binding.until is None:
        return None
    return int(binding.until.timestamp())
