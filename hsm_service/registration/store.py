"""Rows of schema ``registration`` as domain objects."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foundation.database import Connection, Database, Record
from foundation.ids import Token, secret_digest
from foundation.queries import Queries
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.registration.domain.application import (
    MOST_OF_ONE,
    MOST_WAITING,
    MOST_WAITING_OF_ONE,
    WAITING_LIFE,
    Application,
    Change,
    Draft,
)
from hsm_service.registration.ports import Person

QUERIES = Queries.load("hsm_service.registration")


@dataclass(frozen=True)
class WaitingChange:
    """What an operator reads of one."""

    change: Change
    name: str
    owner_name: str


@dataclass(frozen=True)
class Admitted:
    """What became of letting one in: its secret as it was in that moment."""

    client: str
    secret_digest: bytes | None = field(repr=False)


class SignInStore:
    """Who sits at the page, and what the page is to the SAM."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def page(self) -> str | None:
        """The page's own client, once an operator made it known."""
        found: str | None = await self._database.fetchval(QUERIES.page)
        return found

    async def set_page(self, client: str, now: datetime) -> None:
        """It is this one from now on."""
        await self._database.execute(QUERIES.set_page, client, now)

    async def begin(self, token: Token, page: str, until: datetime) -> None:
        """An authorize page was opened for somebody."""
        await self._database.execute(QUERIES.begin_sign_in, token.public_id, secret_digest(token.secret), page, until)

    async def take(self, name: str, secret: str, now: datetime) -> str | None:
        """The authorize page of one that comes back, to exactly one of all who try."""
        found: str | None = await self._database.fetchval(QUERIES.take_sign_in, name, secret_digest(secret), now)
        return found

    async def add(self, token: Token, person: Person, until: datetime) -> None:
        """Somebody is in."""
        await self._database.execute(
            QUERIES.add_sign_in, token.public_id, secret_digest(token.secret), person.digest, person.name, until
        )

    async def person(self, name: str, secret: str, now: datetime) -> Person | None:
        """Who has this secret."""
        row = await self._database.fetchrow(QUERIES.sign_in, name, secret_digest(secret), now)
        return None if row is None else Person(row["owner"], row["owner_name"])

    async def end(self, name: str, secret: str) -> None:
        """They left."""
        await self._database.execute(QUERIES.end_sign_in, name, secret_digest(secret))


class ApplicationStore:
    """Applications, and changes of theirs that wait."""

    def __init__(self, database: Database) -> None:
        """The gateway's database."""
        self._database = database

    async def add(self, connection: Connection, one: Application) -> bool:
        """It waits for an operator. False when its owner has too many, or too many wait."""
        draft = one.draft
        await connection.execute(QUERIES.one_at_a_time)
        added = await connection.fetchval(
            QUERIES.add_application,
            one.client,
            one.owner,
            one.owner_name,
            draft.name,
            draft.about,
            draft.method.value,
            sorted(grant.value for grant in draft.grants),
            list(draft.redirects),
            json.dumps([dict(key) for key in draft.keys]),
            draft.signs_asks,
            draft.tls_subject,
            list(draft.certificates),
            one.secret_digest,
            one.asked,
            MOST_OF_ONE,
            MOST_WAITING_OF_ONE,
            MOST_WAITING,
        )
        return added is not None

    async def of_owner(self, owner: bytes) -> list[Application]:
        """An owner's, the newest first."""
        return [_application(row) for row in await self._database.fetch(QUERIES.applications_of, owner)]

    async def one_of(self, client: str, owner: bytes) -> Application | None:
        """One of an owner's."""
        row = await self._database.fetchrow(QUERIES.application_of, client, owner)
        return None if row is None else _application(row)

    async def changes(self, clients: Sequence[str]) -> Mapping[str, Change]:
        """What waits of these, by client."""
        return {row["client"]: _change(row) for row in await self._database.fetch(QUERIES.changes_of, list(clients))}

    async def touch(self, connection: Connection, client: str, owner: bytes, seen: int) -> bool:
        """Its owner changes something. False when it is not any more as they saw it, or not theirs."""
        return await connection.fetchval(QUERIES.touch, client, owner, seen) is not None

    async def renew_waiting_secret(self, connection: Connection, client: str, digest: bytes) -> bool:
        """False when it does not wait, or has no secret."""
        return await connection.fetchval(QUERIES.renew_waiting_secret, client, digest) is not None

    async def withdraw(self, connection: Connection, client: str, owner: bytes, seen: int) -> bool:
        """It is gone. False when it does not wait, was not seen so, or is not theirs."""
        return await connection.fetchval(QUERIES.withdraw, client, owner, seen) is not None

    async def ask_change(self, connection: Connection, change: Change) -> None:
        """It waits; what waited before of this application must have been dropped."""
        await connection.execute(QUERIES.ask_change, change.id, change.client, list(change.redirects), change.asked)

    async def drop_change(self, connection: Connection, client: str) -> bool:
        """Whether one waited."""
        return await connection.fetchval(QUERIES.drop_change, client) is not None

    async def waiting(self) -> list[Application]:
        """Whatever waits for an operator, oldest first."""
        return [_application(row) for row in await self._database.fetch(QUERIES.waiting_applications)]

    async def one_waiting(self, client: str) -> Application | None:
        """One of them."""
        row = await self._database.fetchrow(QUERIES.waiting_application, client)
        return None if row is None else _application(row)

    async def waiting_changes(self) -> list[WaitingChange]:
        """Addresses that wait for an operator."""
        return [
            WaitingChange(_change(row), row["name"], row["owner_name"])
            for row in await self._database.fetch(QUERIES.waiting_changes)
        ]

    async def take_change(self, connection: Connection, change: str) -> tuple[str, Sequence[str]] | None:
        """The application and its addresses, to exactly one operator."""
        row = await connection.fetchrow(QUERIES.take_change, change)
        return None if row is None else (row["client"], tuple(row["redirects"]))

    async def admitted(self, connection: Connection, client: str, now: datetime) -> Admitted | None:
        """None when it did not wait any more."""
        row = await connection.fetchrow(QUERIES.admitted, client, now)
        return None if row is None else Admitted(row["client"], row["secret_digest"])


async def forget(database: Database, now: datetime, limit: int = 10_000) -> None:
    """What is over, and what nobody let in; call from time to time."""
    await database.execute(QUERIES.forget_sign_ins, now, limit)
    await database.execute(QUERIES.forget_applications, now - WAITING_LIFE, limit)


def _application(row: Record) -> Application:
    return Application(
        client=row["client"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        draft=Draft(
            name=row["name"],
            about=row["about"],
            method=ClientMethod(row["method"]),
            grants=frozenset(GrantType(grant) for grant in row["grants"]),
            redirects=tuple(row["redirects"]),
            keys=tuple(json.loads(row["keys"])),
            signs_asks=row["signs_asks"],
            tls_subject=row["tls_subject"],
            certificates=tuple(row["certificates"]),
        ),
        secret_digest=row["secret_digest"],
        version=row["version"],
        asked=row["asked_at"],
        admitted=row["admitted_at"],
    )


def _change(row: Record) -> Change:
    return Change(row["id"], row["client"], tuple(row["redirects"]), row["asked_at"])
