"""Rows of schema ``signing`` as requests and responses."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from foundation.database import Connection, Database, Record, on_violation
from foundation.group_commit import GroupCommit, Statement
from foundation.queries import Queries
from foundation.together import Together
from hsm_service.signing.domain.policy import PENDING_RETRY_SECONDS, History
from hsm_service.signing.domain.request import (
    Ask,
    Caller,
    CallerKind,
    ConsentAsk,
    Event,
    Kind,
    Learnt,
    Request,
    SessionAsk,
    State,
    advance,
    sources,
)
from hsm_service.signing.domain.uses import SaidUse
from hsm_service.signing.errors import RequestPending
from hsm_service.signing.ports import Opened

QUERIES = Queries.load("hsm_service.signing")

APPROVED_FOR: Final = timedelta(minutes=10)
REFUSED_FOR: Final = timedelta(seconds=30)
"""How long ago an approval or a refusal may be that a repeated call finds: a caller that was cut off tries again at
once; whoever comes later means to ask anew."""


@dataclass(frozen=True)
class Around:
    """What the rules look at. ``pending``: how many requests ring for the credential, of all callers; ``own``: the name
    of the one that this caller waits for still."""

    history: History
    pending: int
    own: str | None


_Asked: TypeAlias = tuple[str, str, datetime, datetime]
"""Caller, credential, from when on noes are remembered, now."""


class RequestStore:
    """Reads by itself; writes in the transaction it is given."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database
        # Who asks at the same moment as others shares their look.
        self._named: Together[str, Request] = Together(self._by_names)
        self._around: Together[_Asked, Around] = Together(self._situations)

    async def by_name(self, name: str) -> Request | None:
        """By the public part of a handle or SAD, in the handle's spelling."""
        return await self._named.get(name)

    async def _by_names(self, names: Sequence[str]) -> dict[str, Request]:
        rows = await self._database.fetch(QUERIES.by_names, list(names))
        return {row["name"]: _request(row) for row in rows}

    async def by_document(self, document: str) -> Request | None:
        """By the SAM's id."""
        return _maybe(await self._database.fetchrow(QUERIES.by_document, document))

    async def overdue(self, callers: Collection[str], now: datetime, count: int) -> list[Request]:
        """Of these callers, pending beyond their time."""
        rows = await self._database.fetch(QUERIES.overdue, list(callers), now, count)
        return [_request(row) for row in rows]

    async def findable(self, caller: Caller, credential: str, now: datetime) -> list[Request]:
        """What a repetition of a call may mean; newest approvals first."""
        rows = await self._database.fetch(
            QUERIES.findable, caller.id, credential, now, now - APPROVED_FOR, now - REFUSED_FOR
        )
        return [_request(row) for row in rows]

    async def around(self, caller: Caller, credential: str, *, since: datetime, now: datetime) -> Around:
        """What the rules look at. ``since``: from when on noes are remembered."""
        found = await self._around.get((caller.id, credential, since, now))
        assert found is not None, "an aggregate without GROUP BY always has one row"
        return found

    async def _situations(self, asked: Sequence[_Asked]) -> dict[_Asked, Around]:
        rows = await self._database.fetch(QUERIES.situations, *map(list, zip(*asked, strict=True)))
        return {
            asked[row["place"] - 1]: Around(
                History(row["refusals"], row["unanswered"], row["last_reason"], row["last_no"]),
                row["pending"],
                row["own"],
            )
            for row in rows
        }

    async def add(
        self,
        commits: GroupCommit,
        name: str,
        digest: bytes,
        caller: Caller,
        ask: Ask | SessionAsk | ConsentAsk,
        *,
        now: datetime,
        until: datetime,
    ) -> None:
        """A request in state ``asked``. Raises RequestPending when the caller already waits for this credential."""
        row = (
            name, digest, caller.kind.value, caller.id, caller.name, ask.credential, ask.count, ask.hash_algorithm,
            ask.sign_algorithm, now, until, ask.kind.value,
        )  # fmt: skip
        with on_violation({"one_pending_request": _pending}):
            await commits.run(Statement(QUERIES.add, lambda: row, lambda _connection, _row: None))

    async def add_opened(
        self,
        connection: Connection,
        name: str,
        digest: bytes,
        caller: Caller,
        ask: Ask | SessionAsk,
        opened: Opened,
        *,
        now: datetime,
    ) -> None:
        """A request that was approved before it was written: with the holder's factors, under a consent."""
        await connection.execute(
            QUERIES.add_opened,
            name,
            digest,
            caller.kind.value,
            caller.id,
            caller.name,
            ask.credential,
            opened.maximum,
            ask.hash_algorithm,
            ask.sign_algorithm,
            ask.kind.value,
            opened.document,
            opened.activation,
            now,
            opened.until,
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
        self, connection: Connection, request: Request, learnt: Learnt, *, now: datetime
    ) -> Request | None:
        """From pending to an answer. None when somebody else was faster; raises ImpossibleEvent otherwise."""
        after = advance(request.state, learnt.event)
        row = await connection.fetchrow(
            QUERIES.settled,
            request.name,
            after.value,
            learnt.reason,
            learnt.activation,
            now,
            learnt.until,
            [request.state.value],
        )
        return _maybe(row)

    async def carried(self, connection: Connection, document: str, learnt: Learnt, *, now: datetime) -> Request | None:
        """The same of the request that waits under a document. None when none does (any more)."""
        after = advance(State.WAITING, learnt.event)
        row = await connection.fetchrow(
            QUERIES.carried, document, after.value, learnt.reason, learnt.activation, now, learnt.until
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
    return None if row is None else _request(row)


def _request(row: Record) -> Request:
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
        asked=row["asked_at"],
    )


@dataclass(frozen=True)
class Response:
    """What is kept for ``signPolling``. ``name``: of the request; ``signatures`` None while the SAM was away."""

    id: str
    secret_digest: bytes
    name: str
    caller: tuple[CallerKind, str]
    credential: str
    hashes: Sequence[bytes]
    hash_algorithm: str
    sign_algorithm: str
    use: SaidUse
    signatures: Sequence[bytes] | None
    documents: Sequence[int] = ()
    """Of signatures around documents: the preparations they are for, in the order of the hashes."""
    validation_info: bool = False


class ResponseStore:
    """Rows of ``signing.responses``."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def keep(self, response: Response, *, now: datetime, until: datetime) -> None:
        """Until then; the same response again is the same row."""
        kind, caller = response.caller
        await self._database.execute(
            QUERIES.keep_response,
            response.id,
            response.secret_digest,
            response.name,
            kind.value,
            caller,
            response.credential,
            list(response.hashes) if response.signatures is None else None,
            response.hash_algorithm,
            response.sign_algorithm,
            response.use.counter,
            response.use.signature,
            None if response.signatures is None else list(response.signatures),
            now,
            until,
            list(response.documents) or None,
            response.validation_info,
        )

    async def find(self, response: str, now: datetime) -> Response | None:
        """One that is kept still."""
        row = await self._database.fetchrow(QUERIES.response, response, now)
        if row is None:
            return None
        return Response(
            id=row["id"],
            secret_digest=row["secret_digest"],
            name=row["request"],
            caller=(CallerKind(row["caller_kind"]), row["caller"]),
            credential=row["credential"],
            hashes=tuple(row["hashes"] or ()),
            hash_algorithm=row["hash_algorithm"],
            sign_algorithm=row["sign_algorithm"],
            use=SaidUse(row["counter"], row["use_signature"]),
            signatures=None if row["signatures"] is None else tuple(row["signatures"]),
            documents=tuple(row["documents"] or ()),
            validation_info=row["validation_info"],
        )

    async def count(self, caller: Caller) -> int:
        """Of this caller."""
        return int(await self._database.fetchval(QUERIES.count_responses, caller.id))

    async def fill(self, response: str, signatures: Sequence[bytes]) -> None:
        """The signatures are there; the hashes go."""
        await self._database.execute(QUERIES.fill_response, response, list(signatures))

    async def forget(self, now: datetime, limit: int = 10_000) -> None:
        """Remove what is over; call from time to time."""
        await self._database.execute(QUERIES.forget_responses, now, limit)


class PreparationStore:
    """Rows of ``signing.preparations``: sealed bytes, and what tells them apart."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def keep(
        self, request: str, caller: Caller, rows: Sequence[tuple[bytes, bytes]], until: datetime
    ) -> list[int]:
        """All or none; each is (key, sealed). Their numbers, in this order."""
        async with self._database.transaction() as connection:
            return [
                int(await connection.fetchval(QUERIES.keep_preparation, request, caller.id, key, sealed, until))
                for key, sealed in rows
            ]

    async def listed(self, request: str, now: datetime) -> list[tuple[int, bytes]]:
        """Number and key of each, in the order in which they were prepared."""
        rows = await self._database.fetch(QUERIES.preparations, request, now)
        return [(row["number"], row["key"]) for row in rows]

    async def find(self, number: int, request: str) -> tuple[bytes, bytes, bool] | None:
        """Key, sealed bytes, and whether it is finished."""
        row = await self._database.fetchrow(QUERIES.preparation, number, request)
        return None if row is None else (row["key"], row["sealed"], row["finished"])

    async def finish(self, number: int, request: str, sealed: bytes) -> bool:
        """False when somebody else was faster, or it is forgotten."""
        return await self._database.fetchval(QUERIES.finish_preparation, number, request, sealed) is not None

    async def prolong(self, request: str, numbers: Sequence[int], until: datetime) -> None:
        """Never shorter."""
        await self._database.execute(QUERIES.prolong_preparations, request, list(numbers), until)

    async def bytes_of(self, caller: Caller) -> int:
        """Kept for this caller."""
        return int(await self._database.fetchval(QUERIES.kept_bytes, caller.id))

    async def forget(self, now: datetime, limit: int = 1_000) -> None:
        """Remove what is over; call from time to time."""
        await self._database.execute(QUERIES.forget_preparations, now, limit)
