"""The end of sessions and approvals, whoever brings it: the holder, or the end of what they rested on."""

from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Record
from hsm_service.sam.activations.store import TABLE, queries
from hsm_service.sam.memory import Sessions
from hsm_service.sam.rows import RowSeals


class Endings:
    """Each is part of the transaction that takes the right away: the very next signature is refused.

    What a session sealed goes with it, so that a row which somebody turns back opens nothing.
    """

    def __init__(self, audit: AuditChain, clock: Clock, memory: Sessions, seals: RowSeals) -> None:
        """``memory`` and ``seals``: against rows that are turned back."""
        self._audit, self._clock, self._memory, self._seals = audit, clock, memory, seals

    async def one(self, connection: Connection, activation: str, why: str) -> bool:
        """One session; False when it was over."""
        return bool(self._note(connection, await connection.fetch(queries.end_session, activation), why))

    async def given_back(self, connection: Connection, activation: str, caller: str) -> bool:
        """One session, by its own caller (kind:id); False when it was over, or is another's."""
        return bool(
            self._note(connection, await connection.fetch(queries.end_session_of, activation, caller), "caller")
        )

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

    async def approvals(self, connection: Connection, credential: str) -> int:
        """What was approved over listed hashes and is open still, as far as nobody fetched it: void, and emptied."""
        rows = await connection.fetch(queries.void_approvals, credential, self._clock.now())

        async def remember() -> None:
            for row in rows:
                self._seals.remember(TABLE, str(row["id"]), 1)

        if rows:
            connection.after_commit(remember)
        return len(rows)

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
