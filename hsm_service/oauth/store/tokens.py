"""Access tokens and refresh tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from foundation.database import Connection, Database, Record
from foundation.ids import Token, secret_digest
from hsm_service.oauth.domain.grant import AccessToken, Binding, RefreshToken
from hsm_service.oauth.store.queries import QUERIES

Shown: TypeAlias = tuple[str, bytes]
"""A token as somebody shows it: its public half, and its secret's digest."""


@dataclass(frozen=True)
class Bearer:
    """Who brings an access token. ``client_name``: of an integrator that is not shut out, else None; ``allowed``: what
    it may ask for by itself, when the token names no credentials."""

    token: AccessToken
    client_name: str | None
    allowed: Sequence[str]
    calls_per_minute: int | None = None
    """By an operator's word."""


@dataclass(frozen=True)
class SeenRefresh:
    """What introspection tells of a refresh token."""

    client: str
    scope: str
    binding: Binding
    issued: datetime
    expires: datetime


class TokenStore:
    """What a code or a client's own proof gave, and taking it back."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add_token(
        self, connection: Connection, token: Token, stored: AccessToken, *, code: str | None, now: datetime
    ) -> None:
        """An access token."""
        await connection.execute(
            QUERIES.add_token,
            token.public_id,
            secret_digest(token.secret),
            stored.client_kind,
            stored.client,
            stored.scope,
            stored.binding.jkt,
            None if stored.credentials is None else list(stored.credentials),
            code,
            now,
            stored.expires,
            stored.sealed,
            stored.binding.x5t,
        )

    async def add_refresh_token(
        self, connection: Connection, token: Token, client: str, stored: RefreshToken, *, now: datetime, until: datetime
    ) -> None:
        """The next one of a family."""
        await connection.execute(
            QUERIES.add_refresh_token,
            token.public_id,
            secret_digest(token.secret),
            client,
            stored.code,
            stored.scope,
            list(stored.credentials),
            stored.binding.jkt,
            stored.binding.x5t,
            now,
            until,
            stored.family_until,
        )

    async def consume_refresh_token(
        self, connection: Connection, token_id: str, secret: str, client: str, now: datetime
    ) -> RefreshToken | None:
        """The token, to exactly one of all who try."""
        row = await connection.fetchrow(QUERIES.consume_refresh_token, token_id, secret_digest(secret), client, now)
        if row is None:
            return None
        return RefreshToken(
            row["id"],
            row["code"],
            row["scope"],
            tuple(row["credentials"]),
            Binding(row["jkt"], row["x5t"]),
            row["family_until"],
        )

    async def refresh_family(self, connection: Connection, token_id: str, secret: str) -> str | None:
        """Whose family it is of, whatever has become of it."""
        found: str | None = await connection.fetchval(QUERIES.refresh_family, token_id, secret_digest(secret))
        return found

    async def own_refresh_token(self, connection: Connection, token_id: str, secret: str, client: str) -> str | None:
        """The same, if it is this client's."""
        found: str | None = await connection.fetchval(
            QUERIES.own_refresh_token, token_id, secret_digest(secret), client
        )
        return found

    async def end_family(self, connection: Connection, code: str, now: datetime) -> int:
        """Every token of a family; how many were good until now."""
        return int(await connection.fetchval(QUERIES.end_family, code, now))

    async def seen_refresh_token(self, token_id: str, secret: str, reader: str, now: datetime) -> SeenRefresh | None:
        """A good one, for a client that may know about it."""
        row = await self._database.fetchrow(QUERIES.seen_refresh_token, token_id, secret_digest(secret), now, reader)
        if row is None:
            return None
        return SeenRefresh(
            row["client"], row["scope"], Binding(row["jkt"], row["x5t"]), row["issued_at"], row["expires_at"]
        )

    async def bearers(self, shown: Sequence[Shown], now: datetime) -> dict[Shown, Bearer]:
        """Of these tokens those that are good now, and their clients as they are now: one look, on every call."""
        names, digests = [name for name, _ in shown], [digest for _, digest in shown]
        rows = await self._database.fetch(QUERIES.bearers, names, digests, now)
        return {(row["id"], row["secret_digest"]): _bearer(row) for row in rows}

    async def revoke_token(self, token_id: str, secret: str, client_id: str, now: datetime) -> bool:
        """The client's own token; False when there was nothing to revoke."""
        found = await self._database.fetchval(QUERIES.revoke_token, token_id, secret_digest(secret), client_id, now)
        return found is not None

    async def may_read(self, reader: str, client: str) -> bool:
        """Whether it may."""
        return bool(await self._database.fetchval(QUERIES.may_read, reader, client))


def _bearer(row: Record) -> Bearer:
    credentials = row["credentials"]
    token = AccessToken(
        row["id"],
        row["client_kind"],
        row["client"],
        row["scope"],
        Binding(row["jkt"], row["x5t"]),
        None if credentials is None else tuple(credentials),
        row["expires_at"],
        row["issued_at"],
        row["sealed"],
    )
    return Bearer(token, row["client_name"], tuple(row["allowed"]), row["calls_per_minute"])
