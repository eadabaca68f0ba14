"""The end of sessions, whoever brings it: the holder, or the end of what a session rested on."""

from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Record
from hsm_service.sam.activations.store import queries
from hsm_service.sam.memory import Sessions


class Endings:
    """``end`` is part of the transaction that takes the right away: the very next signature is refused.

    What a session sealed goes with it, so that a row which somebody turns back opens nothing.
    """

    def __init__(self, audit: AuditChain, clock: Clock, memory: Sessions) -> None:
        """``memory``: of ends, against rows that are turned back."""
        self._audit, self._clock, self._memory = audit, clock, memory

    async def one(self, connection: Connection, activation: str, why: str) -> bool:
        """One session; False when it was over."""
        return bool(self._note(connection, await connection.fetch(queries.end_session, activation), why))

    async def of(
        self,
        connection: Connection,
        why: str,
        *,
        credential: str | None = None,
        caller: str | None = None,
        binding: str | None = None,
    ) -> int:
        """Those to which everything fits that is given: credential, caller (kind:id), binding. How many there were."""
        if credential is None and caller is None and binding is None:
            raise ValueError("whose sessions?")
        now: datetime = self._clock.now()
        return self._note(
            connection, await connection.fetch(queries.end_sessions, credential, caller, binding, now), why
        )

    def _note(self, connection: Connection, rows: Sequence[Record], why: str) -> int:
        ended = [str(row["id"]) for row in rows]

        async def remember() -> None:
            for activation in ended:
                self._memory.ended(activation)

        for row in rows:
            self._audit.note(connection, "session.ended", activation=row["id"], credential=row["credential"], why=why)
        if ended:
            connection.after_commit(remember)
        return len(ended)
