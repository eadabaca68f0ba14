"""Applications that register themselves: they ask, an operator lets them in, they keep what they say up to date."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random, new_id, same, secret_digest
from foundation.web import AddressWindow
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.service.clients import ClientService, new_client_secret
from hsm_service.oauth.store import ClientStore
from hsm_service.psc.domain.application import Application, demand_same_hosts
from hsm_service.psc.errors import BadPscRequest, NameIsTheOperators, RegistrationOff, TooManyWaiting
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import ApplicationStore

MOST_WAITING: Final = 200
"""Applications that wait for an operator: more than anybody reads are somebody's joke."""
PER_HOUR: Final = 5
"""Of one address."""


@dataclass(frozen=True)
class AskedIn:
    """What an application that registered itself keeps. The secret is told once."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Change:
    """What an application changes of itself; None: as it was."""

    name: str
    comments: str | None
    email: str | None
    redirects: Sequence[str]


class ApplicationService:
    """One per gateway; the operator's command makes its own."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        settings: PscSettings,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``settings``: whether applications may register themselves at all."""
        self._database = database
        self._store = ApplicationStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._audit = audit
        self._settings = settings
        self._random = random
        self._asked = AddressWindow(PER_HOUR, timedelta(hours=1))

    async def ask_in(self, *, name: str, comments: str, email: str, redirects: Sequence[str], address: str) -> AskedIn:
        """It waits for an operator from now on; until then its secret opens nothing.

        Raises RegistrationOff, TooMany, TooManyWaiting.
        """
        if not self._settings.registration:
            raise RegistrationOff()
        now = self._clock.now()
        self._asked.demand(address, now)
        secret = new_client_secret(self._random)
        one = Application(
            new_id("cli", self._random), name, comments, email, tuple(redirects), secret_digest(secret), now
        )
        if not await self._store.add(one, MOST_WAITING):
            raise TooManyWaiting()
        async with self._database.transaction() as connection:
            self._audit.note(connection, "psc.application_asked", client=one.id)
        return AskedIn(one.id, secret)

    async def change(self, client: Client, change: Change) -> None:
        """What it says of itself; return addresses within its hosts. Raises NameIsTheOperators, BadPscRequest."""
        if change.name != client.name:
            raise NameIsTheOperators()
        demand_same_hosts(client.redirects, change.redirects)
        await self._store.change(client.id, change.comments, change.email, change.redirects)
        async with self._database.transaction() as connection:
            await self._clients.new_redirects(connection, client.id, change.redirects)
            self._audit.note(connection, "psc.application_changed", client=client.id, count=len(change.redirects))

    async def waiting(self) -> list[Application]:
        """Those that an operator may let in."""
        return await self._store.waiting()

    async def admit(self, client_id: str, name: str, seen: str, clients: ClientService) -> Application:
        """An operator lets one in, and says its name as phones shall show it, and what they read (``seen``): neither
        comes from the row, since whoever can write rows would have anything signed. Raises BadPscRequest, and what the
        operator's word raises.
        """
        found = await self._store.one_waiting(client_id)
        if found is None:
            raise BadPscRequest(f"{client_id}: no such application waits")
        if name != found.name:
            raise BadPscRequest(f"{client_id} calls itself {found.name!r}, which is another name")
        if not same(seen, found.seen):
            raise BadPscRequest(f"{client_id} is not what you read: look again with `linkid application list`")
        await clients.admit(
            Client(
                kind=ClientKind.INTEGRATOR,
                id=found.id,
                name=found.name,
                method=ClientMethod.SECRET,
                grants=frozenset({GrantType.CODE, GrantType.CLIENT}),
                redirects=tuple(found.redirects),
                secret_digest=found.secret_digest,
            )
        )
        await self._store.admitted(client_id, self._clock.now())
        return found
