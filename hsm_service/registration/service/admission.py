"""What an operator does with what waits: the SAM hears the name first, then our row is made."""

from dataclasses import dataclass
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import is_id, same
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType
from hsm_service.oauth.service.clients import ClientService
from hsm_service.oauth.store import ClientStore
from hsm_service.registration.domain.application import Application
from hsm_service.registration.errors import NotAsSeen, NothingWaits
from hsm_service.registration.store import ApplicationStore, SignInStore, WaitingChange

PAGE_NAME: Final = "Link ID: página de integradores"
"""What phones show when an owner signs in."""


@dataclass(frozen=True)
class Waiting:
    """What an operator may let in."""

    applications: list[Application]
    changes: list[WaitingChange]


class AdmissionService:
    """What ``linkid application …`` calls."""

    def __init__(self, database: Database, clock: Clock, audit: AuditChain, clients: ClientService) -> None:
        """``clients``: with an operator's key."""
        self._database = database
        self._store = ApplicationStore(database)
        self._sign_ins = SignInStore(database)
        self._rows = ClientStore(database)
        self._clock = clock
        self._audit = audit
        self._clients = clients

    async def waiting(self) -> Waiting:
        """Everything."""
        return Waiting(await self._store.waiting(), await self._store.waiting_changes())

    async def knows(self, name: str) -> bool:
        """Whether what waits under this id waits here."""
        return is_id(name, "chg") or (is_id(name, "cli") and await self._store.one_waiting(name) is not None)

    async def admit(self, client: str, name: str, seen: str) -> Application:
        """An operator lets one in, and says its name as phones shall show it, and what they read (``seen``): neither
        comes from the row, since whoever can write rows would have anything signed.

        Raises NothingWaits, NotAsSeen, and what the operator's word raises.
        """
        found = await self._store.one_waiting(client)
        if found is None:
            raise NothingWaits(f"{client}: no such application waits")
        if name != found.draft.name:
            raise NothingWaits(f"{client} calls itself {found.draft.name!r}, which is another name")
        if not same(seen, found.seen):
            raise NotAsSeen(f"{client} is not what you read: look at it again with `linkid application list`")
        await self._clients.admit(_client_of(found), signs_asks=found.draft.signs_asks)
        async with self._database.transaction() as connection:
            admitted = await self._store.admitted(connection, client, self._clock.now())
            # Its owner may have renewed the secret while the SAM was told.
            renewed = admitted is not None and admitted.secret_digest != found.secret_digest
            if admitted is not None and renewed and admitted.secret_digest is not None:
                await self._rows.renew_secret(connection, client, admitted.secret_digest, self._clock.now())
            if admitted is not None:
                self._audit.note(connection, "application.admitted", client=client)
        if admitted is None and await self._store.one_of(client, found.owner) is None:
            # Its owner took it back while the SAM was told: nobody's application asks nobody.
            await self._clients.disable(client)
            raise NothingWaits(f"{client} was withdrawn meanwhile")
        return found

    async def admit_change(self, change: str, name: str, seen: str) -> str:
        """Return addresses at new hosts, exactly as they were read; whose they are. Raises NothingWaits, NotAsSeen."""
        waiting = next((one for one in await self._store.waiting_changes() if one.change.id == change), None)
        if waiting is None:
            raise NothingWaits(f"{change}: no such change waits")
        if name != waiting.name:
            raise NothingWaits(f"{change} is of {waiting.name!r}, which is another name")
        if not same(seen, waiting.change.seen):
            raise NotAsSeen(f"{change} is not what you read: look at it again with `linkid application list`")
        async with self._database.transaction() as connection:
            taken = await self._store.take_change(connection, change)
            if taken is None:
                raise NothingWaits(f"{change}: no such change waits any more")
            client, redirects = taken
            await self._rows.new_redirects(connection, client, redirects)
            self._audit.note(connection, "application.change_admitted", client=client, count=len(redirects))
        return client

    async def turn_on(self) -> str:
        """The page becomes an application that the SAM knows; its id. Again: as it was, unless it was shut out."""
        known = await self._sign_ins.page()
        if known is not None and await self._rows.client(known) is not None:
            await self._clients.vouch(known, PAGE_NAME)
            return known
        # Its secret is thrown away: the page takes its codes from the inside, and no program can be it.
        registered = await self._clients.register(
            name=PAGE_NAME,
            method=ClientMethod.SECRET,
            grants=[GrantType.CODE],
            redirects=["https://linkid.invalid/integradores"],
        )
        await self._sign_ins.set_page(registered.client.id, self._clock.now())
        return registered.client.id


def _client_of(one: Application) -> Client:
    draft = one.draft
    return Client(
        kind=ClientKind.INTEGRATOR,
        id=one.client,
        name=draft.name,
        method=draft.method,
        grants=draft.grants,
        redirects=tuple(draft.redirects),
        keys=tuple(draft.keys),
        secret_digest=one.secret_digest,
        tls_subject=draft.tls_subject,
        certificates=tuple(draft.certificates),
    )
