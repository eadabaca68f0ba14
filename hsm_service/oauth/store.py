"""Rows of schema ``oauth`` as domain objects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foundation.database import Connection, Database
from foundation.ids import Token, secret_digest
from foundation.queries import Queries
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.domain.grant import (
    AccessToken,
    AuthorizeRequest,
    Binding,
    Code,
    Page,
    PageState,
    RefreshToken,
)

QUERIES = Queries.load("hsm_service.oauth")

PUSHED_KEPT: Final = timedelta(minutes=10)
"""Pushed requests are large, and a second use of one is refused whether or not it is still known."""
KEPT: Final = timedelta(days=1)
"""How long pages, codes and tokens outlive their end: a code used a second time is still recognised as used."""


@dataclass(frozen=True)
class ClientSummary:
    """A client as an operator's list shows it."""

    id: str
    name: str
    method: str
    grants: Sequence[str]
    redirects: Sequence[str]
    created: datetime
    disabled: datetime | None


@dataclass(frozen=True)
class Bearer:
    """Who brings an access token. ``client_name``: of an integrator that is not shut out, else None; ``allowed``: what
    it may ask for by itself, when the token names no credentials."""

    token: AccessToken
    client_name: str | None
    allowed: Sequence[str]


@dataclass(frozen=True)
class SeenRefresh:
    """What introspection tells of a refresh token."""

    client: str
    scope: str
    binding: Binding
    issued: datetime
    expires: datetime


class OAuthStore:
    """Reads by itself; what belongs to a larger step writes in the transaction it is given."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def client(self, client_id: str) -> Client | None:
        """An integrator that is not shut out."""
        row = await self._database.fetchrow(QUERIES.client, client_id)
        if row is None:
            return None
        keys: list[Mapping[str, str]] = json.loads(row["keys"])
        return Client(
            kind=ClientKind.INTEGRATOR,
            id=row["id"],
            name=row["name"],
            method=ClientMethod(row["method"]),
            grants=frozenset(GrantType(grant) for grant in row["grants"]),
            redirects=tuple(row["redirects"]),
            keys=tuple(keys),
            secret_digest=row["secret_digest"],
            tls_subject=row["tls_subject"],
            certificates=tuple(row["certificates"]),
        )

    async def certificates(self) -> list[bytes]:
        """Every certificate that a client signed itself, DER."""
        return [row["certificate"] for row in await self._database.fetch(QUERIES.certificates)]

    async def clients(self) -> list[ClientSummary]:
        """All of them, oldest first."""
        return [
            ClientSummary(
                row["id"],
                row["name"],
                row["method"],
                row["grants"],
                row["redirects"],
                row["created_at"],
                row["disabled_at"],
            )
            for row in await self._database.fetch(QUERIES.clients)
        ]

    async def add_client(self, connection: Connection, client: Client, now: datetime) -> None:
        """Register."""
        await connection.execute(
            QUERIES.add_client,
            client.id,
            client.name,
            client.method.value,
            client.secret_digest,
            json.dumps([dict(key) for key in client.keys]),
            list(client.redirects),
            sorted(grant.value for grant in client.grants),
            now,
            client.tls_subject,
            list(client.certificates),
        )

    async def new_secret(self, client_id: str, digest: bytes) -> bool:
        """False when there is no such client with a secret."""
        return await self._database.fetchval(QUERIES.new_secret, client_id, digest) is not None

    async def new_redirects(self, client_id: str, redirects: Sequence[str]) -> None:
        """Where its people may be sent from now on."""
        await self._database.execute(QUERIES.new_redirects, client_id, list(redirects))

    async def disable(self, connection: Connection, client_id: str, now: datetime) -> bool:
        """Shut a client out, and its tokens with it. False when it was already, or never was."""
        if await connection.fetchval(QUERIES.disable_client, client_id, now) is None:
            return False
        await connection.execute(QUERIES.revoke_client, client_id, now)
        return True

    async def allow(self, client_id: str, credential: str, now: datetime) -> None:
        """A client may ask for a credential by itself."""
        await self._database.execute(QUERIES.allow, client_id, credential, now)

    async def disallow(self, client_id: str, credential: str) -> bool:
        """And no longer. False when it could not before."""
        return await self._database.fetchval(QUERIES.disallow, client_id, credential) is not None

    async def let_read(self, reader: str, client: str, now: datetime) -> None:
        """A resource server may ask about a client's tokens."""
        await self._database.execute(QUERIES.let_read, reader, client, now)

    async def stop_reading(self, reader: str, client: str) -> bool:
        """And no longer. False when it could not before."""
        return await self._database.fetchval(QUERIES.stop_reading, reader, client) is not None

    async def may_read(self, reader: str, client: str) -> bool:
        """Whether it may."""
        return bool(await self._database.fetchval(QUERIES.may_read, reader, client))

    async def may_name(self, client: str, credential: str, now: datetime) -> bool:
        """Whether a client may ask this credential's holder without having them identify first."""
        return bool(await self._database.fetchval(QUERIES.may_name, client, credential, now))

    async def add_pushed(self, token: Token, client: str, sealed: bytes, until: datetime) -> None:
        """Parameters of an authorize request."""
        await self._database.execute(
            QUERIES.add_pushed, token.public_id, secret_digest(token.secret), client, sealed, until
        )

    async def consume_pushed(self, pushed_id: str, secret: str, client: str, now: datetime) -> bytes | None:
        """What is sealed in it, to exactly one of all who come for it."""
        found: bytes | None = await self._database.fetchval(
            QUERIES.consume_pushed, pushed_id, secret_digest(secret), client, now
        )
        return found

    async def add_page(
        self,
        token: Token,
        request: AuthorizeRequest,
        link: str | None,
        *,
        now: datetime,
        until: datetime,
        sealed: bytes | None = None,
        credential: str | None = None,
    ) -> None:
        """An authorize page. ``credential``: whose holder it asks, when that is known; ``sealed``: for what."""
        await self._database.execute(
            QUERIES.add_page,
            token.public_id,
            secret_digest(token.secret),
            request.client,
            request.redirect,
            request.redirect_given,
            request.scope,
            request.state,
            request.challenge,
            link,
            now,
            until,
            sealed,
            credential,
            request.jkt,
        )

    async def page(self, page_id: str) -> tuple[Page, bytes] | None:
        """A page and the digest of its secret."""
        row = await self._database.fetchrow(QUERIES.page, page_id)
        if row is None:
            return None
        request = AuthorizeRequest(
            row["client"],
            row["redirect"],
            row["redirect_given"],
            row["scope"],
            row["state_param"],
            row["challenge"],
            jkt=row["jkt"],
        )
        page = Page(
            row["id"],
            request,
            row["client_name"],
            row["link"],
            PageState(row["state"]),
            row["expires_at"],
            row["credential"],
            row["asked"],
            row["sealed"],
        )
        return page, row["secret_digest"]

    async def settle_holder(self, page_id: str, credential: str, now: datetime) -> bool:
        """The page knows whose phone to ask. False when it knew, or is over."""
        return await self._database.fetchval(QUERIES.settle_holder, page_id, credential, now) is not None

    async def page_asked(self, page_id: str, sealed: bytes) -> bool:
        """A phone rang for it. False when one did before."""
        return await self._database.fetchval(QUERIES.page_asked, page_id, sealed) is not None

    async def close_page(
        self, connection: Connection, page_id: str, state: PageState, now: datetime, sealed: bytes | None = None
    ) -> bool:
        """False when it was closed before, or is too old. ``sealed``: where it led to."""
        return await connection.fetchval(QUERIES.close_page, page_id, state.value, now, sealed) is not None

    async def add_code(
        self,
        connection: Connection,
        token: Token,
        page: Page,
        credentials: Sequence[str],
        until: datetime,
        sealed: bytes | None = None,
    ) -> None:
        """The code a finished page gives."""
        request = page.request
        await connection.execute(
            QUERIES.add_code,
            token.public_id,
            secret_digest(token.secret),
            page.id,
            request.client,
            request.redirect,
            request.redirect_given,
            request.challenge,
            request.scope,
            list(credentials),
            until,
            sealed,
            request.jkt,
        )

    async def consume_code(
        self, connection: Connection, code_id: str, secret: str, client_id: str, now: datetime
    ) -> Code | None:
        """The code, to exactly one of all who try."""
        row = await connection.fetchrow(QUERIES.consume_code, code_id, secret_digest(secret), client_id, now)
        if row is None:
            return None
        return Code(
            row["id"],
            row["redirect"],
            row["redirect_given"],
            row["challenge"],
            row["scope"],
            tuple(row["credentials"]),
            row["sealed"],
            row["jkt"],
        )

    async def consume_page_code(
        self, page_id: str, code_id: str, secret: str, client_id: str, now: datetime
    ) -> Sequence[str] | None:
        """The credentials of a page's code, to exactly one of all who try."""
        row = await self._database.fetchrow(
            QUERIES.consume_page_code, code_id, secret_digest(secret), client_id, page_id, now
        )
        return None if row is None else tuple(row["credentials"])

    async def revoke_by_code(self, connection: Connection, code_id: str, secret: str, now: datetime) -> int:
        """Take back what a code gave that was used before; how many tokens that were."""
        return len(await connection.fetch(QUERIES.revoke_by_code, code_id, secret_digest(secret), now))

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

    async def bearer(self, token_id: str, secret: str, now: datetime) -> Bearer | None:
        """A token that is good now, and its client as it is now: one look, on every call of the API."""
        row = await self._database.fetchrow(QUERIES.bearer, token_id, secret_digest(secret), now)
        if row is None:
            return None
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
        return Bearer(token, row["client_name"], tuple(row["allowed"]))

    async def revoke_token(self, token_id: str, secret: str, client_id: str, now: datetime) -> bool:
        """The client's own token; False when there was nothing to revoke."""
        found = await self._database.fetchval(QUERIES.revoke_token, token_id, secret_digest(secret), client_id, now)
        return found is not None

    async def forget(self, now: datetime, limit: int = 10_000) -> None:
        """Remove what is over since ``KEPT``, in the order of the references; call from time to time."""
        await self._database.execute(QUERIES.forget_pushed, now - PUSHED_KEPT, limit)
        before = now - KEPT
        for query in (
            QUERIES.forget_refresh_tokens,
            QUERIES.forget_tokens,
            QUERIES.forget_codes,
            QUERIES.forget_pages,
        ):
            await self._database.execute(query, before, limit)
