"""Integrators, and what an operator lets them do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.store.queries import QUERIES


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
    shows_codes: bool


@dataclass(frozen=True)
class Standing:
    """How a client stands, for its owner. ``allowed``: the credentials that it may ask for by itself."""

    redirects: Sequence[str]
    disabled: datetime | None
    old_secret_until: datetime | None
    allowed: Sequence[str]
    calls_per_minute: int | None
    """By an operator's word."""
    shows_codes: bool
    """By an operator's word too."""


class ClientStore:
    """Who may have a token at all."""

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
            old_secret_digest=row["old_secret_digest"],
            old_secret_until=row["old_secret_until"],
            tls_subject=row["tls_subject"],
            certificates=tuple(row["certificates"]),
            calls_per_minute=row["calls_per_minute"],
            shows_codes=row["shows_codes"],
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
                row["shows_codes"],
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

    async def renew_secret(self, connection: Connection, client_id: str, digest: bytes, old_until: datetime) -> bool:
        """Another one, and the old one until then. False when there is no such client with a secret."""
        return await connection.fetchval(QUERIES.renew_secret, client_id, digest, old_until) is not None

    async def end_old_secret(self, connection: Connection, client_id: str) -> bool:
        """False when there was none."""
        return await connection.fetchval(QUERIES.end_old_secret, client_id) is not None

    async def replace_redirects(
        self, connection: Connection, client_id: str, seen: Sequence[str], redirects: Sequence[str]
    ) -> bool:
        """False when they are not any more as they were seen, or the client was shut out."""
        return await connection.fetchval(QUERIES.replace_redirects, client_id, list(seen), list(redirects)) is not None

    async def standing(self, client_ids: Sequence[str]) -> dict[str, "Standing"]:
        """Of those that are registered, also when they were shut out."""
        return {
            row["id"]: Standing(
                tuple(row["redirects"]),
                row["disabled_at"],
                row["old_secret_until"],
                tuple(row["allowed"]),
                row["calls_per_minute"],
                row["shows_codes"],
            )
            for row in await self._database.fetch(QUERIES.standing, list(client_ids))
        }

    async def new_redirects(self, connection: Connection, client_id: str, redirects: Sequence[str]) -> None:
        """Where its people may be sent from now on."""
        await connection.execute(QUERIES.new_redirects, client_id, list(redirects))

    async def disable(self, connection: Connection, client_id: str, now: datetime) -> bool:
        """Shut a client out, and its tokens with it. False when it was already, or never was."""
        if await connection.fetchval(QUERIES.disable_client, client_id, now) is None:
            return False
        await connection.execute(QUERIES.revoke_client, client_id, now)
        return True

    async def limit_calls(self, client_id: str, per_minute: int | None) -> bool:
        """How often it may call; None: as the settings say. False when there is none."""
        return await self._database.fetchval(QUERIES.limit_calls, client_id, per_minute) is not None

    async def show_codes(self, client_id: str, allowed: bool) -> bool:
        """Whether it may draw codes that stay the same. False when there is none, or it is shut out."""
        return await self._database.fetchval(QUERIES.show_codes, client_id, allowed) is not None

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

    async def may_name(self, client: str, credential: str, now: datetime) -> bool:
        """Whether a client may ask this credential's holder without having them identify first."""
        return bool(await self._database.fetchval(QUERIES.may_name, client, credential, now))
