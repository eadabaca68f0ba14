"""Rows of this slice, and of the SAM's view, as domain objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.queries import Queries
from hsm_service.credentials.domain.credential import Credential, Facts
from hsm_service.credentials.domain.holder import HolderData, HolderKind

QUERIES = Queries.load("hsm_service.credentials")


@dataclass(frozen=True)
class Holder:
    """A stored holder."""

    id: str
    data: HolderData


@dataclass(frozen=True)
class Wanted:
    """A holder looked for, by any of these."""

    holder: str | None = None
    number: str | None = None
    """E.164."""
    email: str | None = None
    credentials: Sequence[str] = ()
    name: str | None = None
    """A part of it."""


@dataclass(frozen=True)
class Held:
    """A credential and the kind of holder it belongs to."""

    credential: Credential
    kind: HolderKind


class CredentialStore:
    """Reads facts; writes holders."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def facts(self, ids: Sequence[str]) -> dict[str, Facts]:
        """Of those that exist, without their certificates."""
        return {row["id"]: Facts(**row) for row in await self._database.fetch(QUERIES.facts, list(ids))}

    async def credentials(self, ids: Sequence[str]) -> list[Credential]:
        """Those that exist."""
        return [_credential(row) for row in await self._database.fetch(QUERIES.credentials, list(ids))]

    async def for_number(self, number: str) -> list[Held]:
        """By E.164 number."""
        rows = await self._database.fetch(QUERIES.credentials_for_number, number)
        return [Held(_credential(row), HolderKind(row["kind"])) for row in rows]

    async def held(self, ids: Sequence[str]) -> list[Held]:
        """Those of these ids that belong to somebody."""
        rows = await self._database.fetch(QUERIES.held, list(ids))
        return [Held(_credential(row), HolderKind(row["kind"])) for row in rows]

    async def holder_of(self, credential_id: str) -> Holder | None:
        """Whose it is, or None."""
        row = await self._database.fetchrow(QUERIES.holder_of, credential_id)
        if row is None:
            return None
        return Holder(row["id"], HolderData(row["name"], row["phone"], row["email"], HolderKind(row["kind"])))

    async def find(self, wanted: Wanted, limit: int) -> list[Holder]:
        """Holders, by name."""
        rows = await self._database.fetch(
            QUERIES.find_holders,
            wanted.holder,
            wanted.number,
            wanted.email,
            list(wanted.credentials),
            wanted.name,
            limit,
        )
        return [
            Holder(row["id"], HolderData(row["name"], row["phone"], row["email"], HolderKind(row["kind"])))
            for row in rows
        ]

    async def holdings(self, holder: str) -> list[str]:
        """The ids of what belongs to a holder, the newest first."""
        return [row["credential"] for row in await self._database.fetch(QUERIES.holdings, holder)]

    async def record(
        self, connection: Connection, data: HolderData, credential_id: str, *, new_id: str, now: datetime
    ) -> str:
        """Give a credential its holder, found or made; the holder's id. A credential that has one keeps it."""
        await connection.execute(QUERIES.lock_holder, f"{data.kind}|{data.phone}|{data.name}")
        row = await connection.fetchrow(QUERIES.holder_of, credential_id)
        if row is not None:
            return str(row["id"])
        holder: str | None = await connection.fetchval(
            QUERIES.same_holder, data.name, data.phone, data.email, data.kind.value
        )
        if holder is None:
            holder = new_id
            await connection.execute(
                QUERIES.add_holder, holder, data.name, data.phone, data.email, data.kind.value, now
            )
        if await connection.fetchval(QUERIES.add_holding, credential_id, holder, now) is None:
            row = await connection.fetchrow(QUERIES.holder_of, credential_id)
            assert row is not None, "the conflict proves that the row is there, and holdings are never deleted"
            return str(row["id"])
        return holder

    async def add_identification(self, credential_id: str, digest: bytes | None) -> None:
        """Once; again changes nothing."""
        await self._database.execute(QUERIES.add_identification, credential_id, digest)

    async def by_identification(self, digest: bytes) -> list[str]:
        """Ids, maybe none."""
        return [row["credential"] for row in await self._database.fetch(QUERIES.by_identification, digest)]

    async def unidentified(self, after: str, limit: int) -> list[tuple[str, bytes]]:
        """Id and certificate of those that were not looked at yet, beyond this id."""
        rows = await self._database.fetch(QUERIES.unidentified, after, limit)
        return [(row["id"], row["chain"][0]) for row in rows]


def _credential(row: Record) -> Credential:
    return Credential(
        id=row["id"],
        subject=row["subject"],
        serial=row["serial"],
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        state=row["state"],
        key_algorithm=row["key_algorithm"],
        spki_hash=row["spki_hash"],
        chain=tuple(row["chain"]),
    )
