"""Authorization codes: what a finished page gives, once."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Connection, Database
from foundation.ids import Token, secret_digest
from hsm_service.oauth.domain.grant import Code, Page
from hsm_service.oauth.store.queries import QUERIES


class CodeStore:
    """Between a page and its token."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

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
