"""Rows of ``signing.requests`` as requests."""

from collections.abc import Collection, Sequence
from datetime import datetime

from foundation.database import Connection, Database, Record, on_violation
from foundation.queries import Queries
from hsm_service.signing.domain.policy import PENDING_RETRY_SECONDS, History
from hsm_service.signing.domain.request import (
    Ask,
    Caller,
    CallerKind,
    Event,
    Kind,
    Request,
    SessionAsk,
    State,
    advance,
    sources,
)
from hsm_service.signing.errors import RequestPending

QUERIES = Queries.load("hsm_service.signing")


class RequestStore:
    """Reads by itself; writes in the transaction it is given."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def by_name(self, name: str) -> Request | None:
        """By the public part of a handle or SAD, in the handle's spelling."""
        return _maybe(await self._database.fetchrow(QUERIES.by_name, name))

    async def by_document(self, document: str) -> Request | None:
        """By the SAM's id."""
        return _maybe(await self._database.fetchrow(QUERIES.by_document, document))

    async def pending_of(self, caller: Caller, credential: str) -> Request | None:
        """What this caller still waits for."""
        return _maybe(await self._database.fetchrow(QUERIES.pending_of_caller, caller.id, credential))

    async def overdue(self, callers: Collection[str], now: datetime, count: int) -> list[Request]:
        """Of these callers, pending beyond their time."""
        rows = await self._database.fetch(QUERIES.overdue, list(callers), now, count)
        return [found for row in rows if (found := _maybe(row)) is not None]

    async def count_pending(self, credential: str, now: datetime) -> int:
        """Of all callers."""
        return int(await self._database.fetchval(QUERIES.count_pending, credential, now))

    async def history(self, caller: Caller, credential: str, since: datetime) -> History:
        """What the back-off needs."""
        row = await self._database.fetchrow(QUERIES.history, caller.id, credential, since)
        assert row is not None, "an aggregate without GROUP BY always has one row"
        return History(row["refusals"], row["unanswered"], row["last_reason"], row["last_no"])

    async def add(
        self,
        connection: Connection,
        name: str,
        digest: bytes,
        caller: Caller,
        ask: Ask | SessionAsk,
        *,
        now: datetime,
        until: datetime,
    ) -> None:
        """A request in state ``asked``. Raises RequestPending when the caller already waits for this credential."""
        with on_violation({"one_pending_request": _pending}):
            await connection.execute(
                QUERIES.add,
                name,
                digest,
                caller.kind.value,
                caller.id,
                caller.name,
                ask.credential,
                ask.count,
                ask.hash_algorithm,
                ask.sign_algorithm,
                now,
                until,
                ask.kind.value,
            )

    async def fixed(
        self, connection: Connection, name: str, *, document: str, verification_code: str, expires: datetime
    ) -> Request | None:
        """Asked → waiting. None when it no longer was in ``asked``."""
        row = await connection.fetchrow(
            QUERIES.fixed,
            name,
            advance(State.ASKED, Event.FIXED).value,
            document,
            verification_code,
            expires,
            _names(sources(Event.FIXED)),
        )
        return _maybe(row)

    async def settled(
        self,
        connection: Connection,
        request: Request,
        event: Event,
        *,
        now: datetime,
        reason: str | None = None,
        activation: str | None = None,
        until: datetime | None = None,
    ) -> Request | None:
        """From pending to an answer. None when somebody else was faster; raises ImpossibleEvent otherwise."""
        after = advance(request.state, event)
        row = await connection.fetchrow(
            QUERIES.settled, request.name, after.value, reason, activation, now, until, [request.state.value]
        )
        return _maybe(row)

    async def moved(self, connection: Connection, request: Request, event: Event) -> Request | None:
        """After the approval. None when it was not in a state in which this can happen (any more)."""
        after = advance(request.state, event)
        return _maybe(await connection.fetchrow(QUERIES.moved, request.name, after.value, [request.state.value]))


def _pending() -> RequestPending:
    return RequestPending(retry_after=PENDING_RETRY_SECONDS, data={"why": "pending"})


def _names(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]


def _maybe(row: Record | None) -> Request | None:
    if row is None:
        return None
    return Request(
        name=row["name"],
        secret_digest=row["secret_digest"],
        caller=Caller(CallerKind(row["caller_kind"]), row["caller"], row["caller_name"]),
        credential=row["credential"],
        kind=Kind(row["kind"]),
        count=row["count"],
        hash_algorithm=row["hash_algorithm"],
        sign_algorithm=row["sign_algorithm"],
        state=State(row["state"]),
        document=row["document"],
        verification_code=row["verification_code"],
        expires=row["expires_at"],
        reason=row["reason"],
        activation=row["activation"],
    )
