"""The end of sessions, approvals and consents, whoever brings it: the holder, or the end of what they rested on."""

from collections.abc import Sequence
from datetime import datetime

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Record
from hsm_service.sam.activations.store import TABLE, queries
from hsm_service.sam.consents.store import queries as consent_queries
from hsm_service.sam.generators.domain import ENDED
from hsm_service.sam.generators.store import TABLE as GENERATORS
from hsm_service.sam.generators.store import queries as generator_queries
from hsm_service.sam.memory import Memory
from hsm_service.sam.rows import RowSeals


class Endings:
    """Each is part of the transaction that takes the right away: the very next signature is refused.

    What a session sealed goes with it, so that a row which somebody turns back opens nothing.
    """

    def __init__(self, audit: AuditChain, clock: Clock, memory: Memory, seals: RowSeals) -> None:
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
        """Those to which everything fits that is given: credential, caller (kind:id), binding. How many sessions.

        Consents first: whoever uses one locks its row before its activation's.
        """
        if credential is None and caller is None and binding is None:
            raise ValueError("whose sessions?")
        now: datetime = self._clock.now()
        ended = await connection.fetch(consent_queries.end, credential, caller, binding)
        await self._consents_over(connection, ended, why)
        if binding is not None or why == "revoked":
            await self._generators(connection, binding, credential if binding is None else None, why)
        return self._note(
            connection, await connection.fetch(queries.end_sessions, credential, caller, binding, now), why
        )

    async def consent(self, connection: Connection, consent: str, why: str) -> bool:
        """One consent, and what rests on it; False when it was over."""
        return await self._consents_over(connection, await connection.fetch(consent_queries.end_one, consent), why)

    async def consents_of(self, connection: Connection, credential: str, caller: str, why: str) -> None:
        """An application's for a credential: another one takes its place."""
        await self._consents_over(
            connection, await connection.fetch(consent_queries.end, credential, caller, None), why
        )

    async def generator(self, connection: Connection, binding: str, why: str) -> None:
        """A phone's for a credential: it gets another one."""
        await self._generators(connection, binding, None, why)

    async def _consents_over(self, connection: Connection, rows: Sequence[Record], why: str) -> bool:
        if not rows:
            return False
        ids = [str(row["id"]) for row in rows]
        activations = await connection.fetch(queries.end_consented, ids)

        async def remember() -> None:
            for id_ in ids:
                self._memory.consents.see(id_, over=True)
            for row in activations:
                if row["maximum"] is None:
                    self._seals.remember(TABLE, str(row["id"]), 1)

        for row in rows:
            self._audit.note(
                connection, "consent.ended", consent=row["id"], credential=row["credential"], caller=row["caller"],
                why=why,
            )  # fmt: skip
        connection.after_commit(remember)
        self._note(connection, [row for row in activations if row["maximum"] is not None], why)
        return True

    async def _generators(self, connection: Connection, binding: str | None, credential: str | None, why: str) -> None:
        rows = await connection.fetch(generator_queries.end, binding, credential)

        async def remember() -> None:
            for row in rows:
                self._seals.remember(GENERATORS, str(row["id"]), ENDED)

        for row in rows:
            self._audit.note(connection, "generator.ended", generator=row["id"], credential=row["credential"], why=why)
        if rows:
            connection.after_commit(remember)

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
                self._memory.sessions.ended(activation)

        for row in rows:
            self._audit.note(connection, "session.ended", activation=row["id"], credential=row["credential"], why=why)
        if ended:
            connection.after_commit(remember)
        return len(ended)
