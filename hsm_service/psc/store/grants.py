"""Authorizations and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from foundation.database import Connection, Database, Record
from foundation.ids import Token, secret_digest
from hsm_service.psc.domain.authorization import AUTHORIZATION, Authorization, Event, Granted, Step, Wanted
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.store.queries import QUERIES

WAITING: Final = timedelta(days=30)
"""How long an application that registered itself waits for an operator."""
REPEATED: Final = timedelta(minutes=10)
"""How long a call in a session is known again: longer than any client repeats a call whose answer was lost."""
KEPT: Final = timedelta(days=1)
"""How long rows outlive their end: a code used a second time is still recognised as used."""


@dataclass(frozen=True)
class AskedSession:
    """What an authorization keeps of the session that the phone is asked for."""

    credentials: Sequence[str]
    code_digest: bytes
    sealed: bytes = field(repr=False)
    until: datetime
    document: str


@dataclass(frozen=True)
class OpenSession:
    """A session that was opened for an application: whose, and what the phone was asked."""

    authorization: str
    client: str
    document: str


@dataclass(frozen=True)
class Revoked:
    """A token that was given back, and what it opened."""

    id: str
    scope: Scope
    granted_by: str | None
    sealed: bytes | None = field(repr=False)
    used: datetime | None
    opened: str | None = None


class PscStore:
    """Reads by itself; what belongs to a larger step writes in the transaction it is given."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def open(
        self,
        name: str,
        wanted: Wanted,
        *,
        page: str | None,
        wait_digest: bytes | None,
        now: datetime,
        until: datetime,
        connection: Connection | None = None,
        calls: Sequence[str] = (),
    ) -> None:
        """An authorization in step ``open``; without a challenge one whose code is only posted (``starts``)."""
        await (connection or self._database).execute(
            QUERIES.open,
            name,
            wanted.client,
            wanted.scope.value,
            wanted.redirect,
            wanted.redirect_given,
            wanted.state,
            wanted.challenge,
            wanted.lifetime,
            wanted.hint,
            page,
            wait_digest,
            now,
            until,
            wanted.challenge is None,
            list(calls),
        )

    async def authorization(self, name: str, now: datetime) -> tuple[Authorization, str | None] | None:
        """One that is not over, and the page it stands for."""
        row = await self._database.fetchrow(QUERIES.authorization, name, now)
        return None if row is None else (_authorization(row), row["page"])

    async def by_wait(self, secret: str) -> Authorization | None:
        """One by what its waiter has; its time may be over."""
        row = await self._database.fetchrow(QUERIES.by_wait, secret_digest(secret))
        return None if row is None else _authorization(row)

    async def identified(
        self, name: str, credentials: Sequence[str], code_digest: bytes, *, now: datetime, until: datetime
    ) -> bool:
        """A code for the application. False when the authorization was over."""
        sources, targets = AUTHORIZATION.steps(Event.IDENTIFIED)
        found = await self._database.fetchval(
            QUERIES.identified, name, targets[0], list(credentials), code_digest, until, sources, now
        )
        return found is not None

    async def asked(
        self, name: str, session: AskedSession, wait_digest: bytes, *, now: datetime, until: datetime
    ) -> bool:
        """The phone is asked for a session. False when the authorization was over."""
        sources, targets = AUTHORIZATION.steps(Event.ASKED)
        found = await self._database.fetchval(
            QUERIES.asked,
            name,
            targets[0],
            list(session.credentials),
            wait_digest,
            session.code_digest,
            session.sealed,
            session.until,
            session.document,
            until,
            sources,
            now,
        )
        return found is not None

    async def called(self, name: str, calls: Sequence[str], now: datetime) -> None:
        """Phones were rung; pairing's links."""
        await self._database.execute(QUERIES.called, name, list(calls), now)

    async def step(self, name: str, event: Event, until: datetime) -> bool:
        """Approved or denied; the row lives until then at least. False when it was in no such step."""
        sources, targets = AUTHORIZATION.steps(event)
        return await self._database.fetchval(QUERIES.stepped, name, targets[0], until, sources) is not None

    async def redeem(
        self, connection: Connection, name: str, secret: str, client: str, now: datetime
    ) -> Authorization | None:
        """The authorization of a code, to exactly one of all who try."""
        sources, targets = AUTHORIZATION.steps(Event.REDEEMED)
        row = await connection.fetchrow(QUERIES.redeem, name, targets[0], secret_digest(secret), client, sources, now)
        return None if row is None else _authorization(row)

    async def revoke_by_code(self, connection: Connection, name: str, secret: str, now: datetime) -> int:
        """Take back what a code gave that was used before; how many tokens that were."""
        return len(await connection.fetch(QUERIES.revoke_by_code, name, secret_digest(secret), now))

    async def add_token(
        self, connection: Connection, token: Token, granted: Granted, *, granted_by: str | None, now: datetime
    ) -> None:
        """An access token."""
        await connection.execute(
            QUERIES.add_token,
            token.public_id,
            secret_digest(token.secret),
            granted.client,
            granted.scope.value,
            granted_by,
            list(granted.credentials),
            granted.sealed,
            now,
            granted.expires,
            granted.opened,
        )

    async def bearer(self, name: str, secret: str, now: datetime) -> Granted | None:
        """A token that is good now."""
        row = await self._database.fetchrow(QUERIES.bearer, name, secret_digest(secret), now)
        if row is None:
            return None
        return Granted(
            id=row["id"],
            client=row["client"],
            scope=Scope(row["scope"]),
            credentials=tuple(row["credentials"]),
            sealed=row["sealed"],
            use=row["use_digest"],
            used=row["used_at"],
            expires=row["expires_at"],
            opened=row["opened"],
        )

    async def bind_use(self, name: str, use: bytes, now: datetime) -> bool:
        """A one-use token that factors opened serves this request; False when it serves another."""
        return await self._database.fetchval(QUERIES.bind_use, name, use, now) is not None

    async def keep_asked(self, name: str, sealed: bytes) -> None:
        """What a phone was asked for an asynchronous signature."""
        await self._database.execute(QUERIES.keep_asked, name, sealed)

    async def begin_use(self, name: str, use: bytes, *, now: datetime, forsaken: datetime) -> bool:
        """Whether it is ours to ask the phone. ``forsaken``: whoever set out before then does not come back."""
        return await self._database.fetchval(QUERIES.begin_use, name, use, now, forsaken) is not None

    async def keep_handle(self, name: str, use: bytes, sealed: bytes) -> bool:
        """The request that was asked. False when another was kept, or the use given up."""
        return await self._database.fetchval(QUERIES.keep_handle, name, sealed, use) is not None

    async def give_up_use(self, name: str, use: bytes) -> None:
        """The phone could not be asked."""
        await self._database.execute(QUERIES.give_up_use, name, use)

    async def used(self, name: str, now: datetime) -> None:
        """The signatures were returned."""
        await self._database.execute(QUERIES.used, name, now)

    async def revoke(self, name: str, secret: str, client: str, now: datetime) -> Revoked | None:
        """The application's own token, also a second time; None for any other."""
        row = await self._database.fetchrow(QUERIES.revoke, name, secret_digest(secret), client, now)
        if row is None:
            return None
        return Revoked(row["id"], Scope(row["scope"]), row["granted_by"], row["sealed"], row["used_at"], row["opened"])

    async def over(self, name: str, now: datetime) -> None:
        """The session of a token is over at the SAM; nothing for a token of another scope."""
        await self._database.execute(QUERIES.over, name, now)

    async def open_session(self, authorization: str, now: datetime) -> OpenSession | None:
        """The session that an authorization opened, as far as nobody ended it here."""
        row = await self._database.fetchrow(QUERIES.open_session, authorization, now)
        return None if row is None else OpenSession(row["id"], row["client"], row["document"])

    async def forsaken_sessions(self, now: datetime, late: datetime, limit: int) -> list[OpenSession]:
        """Those that nobody can use any more. ``late``: whose code was to be fetched before then, nobody fetches."""
        rows = await self._database.fetch(QUERIES.forsaken_sessions, now, late, limit)
        return [OpenSession(row["id"], row["client"], row["document"]) for row in rows]

    async def session_ended(self, authorization: str, now: datetime) -> None:
        """It is over at the SAM as well."""
        await self._database.execute(QUERIES.session_ended, authorization, now)

    async def session_call(self, token: str, use: bytes, since: datetime) -> bytes | None:
        """What the same call in a session fixed since then, sealed."""
        sealed: bytes | None = await self._database.fetchval(QUERIES.session_call, token, use, since)
        return sealed

    async def keep_session_call(
        self, token: str, use: bytes, sealed: bytes, *, now: datetime, since: datetime
    ) -> bytes | None:
        """What counts from now on: ours, or what whoever was faster fixed since ``since``."""
        kept: bytes | None = await self._database.fetchval(QUERIES.keep_session_call, token, use, sealed, now, since)
        return await self.session_call(token, use, since) if kept is None else kept

    async def bytes_of_session(self, token: str) -> int:
        """Kept of its calls."""
        return int(await self._database.fetchval(QUERIES.session_bytes, token))

    async def bytes_of_requests(self, client: str) -> int:
        """Kept of an application's one-use tokens."""
        return int(await self._database.fetchval(QUERIES.request_bytes, client))

    async def forget(self, now: datetime, limit: int = 10_000) -> None:
        """Remove what is over since ``KEPT``, in the order of the references; call from time to time."""
        await self._database.execute(QUERIES.forget_session_calls, now - REPEATED, limit)
        await self._database.execute(QUERIES.forget_requests, now - REPEATED, limit)
        for query in (QUERIES.forget_tokens, QUERIES.forget_authorizations):
            await self._database.execute(query, now - KEPT, limit)
        await self._database.execute(QUERIES.forget_applications, now - WAITING, limit)


def _authorization(row: Record) -> Authorization:
    return Authorization(
        id=row["id"],
        wanted=Wanted(
            client=row["client"],
            redirect=row["redirect"],
            redirect_given=row["redirect_given"],
            scope=Scope(row["scope"]),
            state=row["state_param"],
            challenge=row["challenge"],
            lifetime=row["lifetime"],
            hint=row["hint"],
        ),
        step=Step(row["step"]),
        credentials=tuple(row["credentials"]),
        calls=tuple(row["calls"]),
        sealed=row["sealed"],
        until=row["until"],
        expires=row["expires_at"],
    )
