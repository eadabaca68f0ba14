"""Authorize pages, and the requests pushed ahead of them."""

from datetime import datetime

from foundation.database import Connection, Database
from foundation.ids import Token, secret_digest
from hsm_service.oauth.domain.grant import AuthorizeRequest, Page, PageState
from hsm_service.oauth.store.queries import QUERIES


class PageStore:
    """What a person looks at."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

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
