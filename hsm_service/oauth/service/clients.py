"""Registering integrators: an operator's acts.

The SAM first, by the operator's signed order, then our row: a row that the SAM does not know asks in vain. What we keep
is who may have a token; the name and the keys that a holder's phone goes by are the SAM's.
"""

import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import public_jwk
from foundation.errors import LinkIdError
from foundation.ids import Random, is_id, new_id, new_token, secret_digest
from hsm_service.oauth.domain.certificates import checked_subject
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType, checked_redirect
from hsm_service.oauth.domain.registering import check_agreement, check_asks, check_certificates, checked_name
from hsm_service.oauth.errors import BadClientData, RowNotWritten
from hsm_service.oauth.ports import Vouching
from hsm_service.oauth.store import ClientStore, ClientSummary
from protocol.orders import client_name

MOST_CALLS: Final = 10_000_000
SECRET_PREFIX: Final = "cls"
"""So that a client secret in a log or a repository is recognised as one."""


@dataclass(frozen=True)
class Registered:
    """A client just registered. ``secret`` is shown once and kept by nobody here."""

    client: Client
    secret: str | None = field(repr=False)
    signs_asks: bool = False


@dataclass(frozen=True)
class ShutOut:
    """What became of shutting one out. ``before``: our row was so already; ``unheard``: why the SAM has not heard."""

    before: bool
    unheard: str | None


class ClientService:
    """What ``linkid integrator …`` calls."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        vouching: Vouching,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._database = database
        self._store = ClientStore(database)
        self._clock = clock
        self._audit = audit
        self._vouching = vouching
        self._random = random

    async def register(
        self,
        *,
        name: str,
        method: ClientMethod,
        grants: Sequence[GrantType],
        redirects: Sequence[str] = (),
        keys: Sequence[Mapping[str, object]] = (),
        signs_asks: bool = False,
        tls_subject: str | None = None,
        certificates: Sequence[bytes] = (),
    ) -> Registered:
        """A new integrator; with ``signs_asks`` the SAM takes nothing in its name that these keys did not sign.

        ``tls_subject``: what its certificate, of an authority that settings name, must bear; ``certificates``: DER,
        those that it signed itself.

        Raises BadClientData saying what is wrong, and what the operator's word raises; then there is no row.
        """
        name = checked_name(name)
        check_agreement(method, grants, redirects, keys)
        check_certificates(method, tls_subject, certificates)
        check_asks(signs_asks, method)
        secret = self._new_secret() if method is ClientMethod.SECRET else None
        client = Client(
            kind=ClientKind.INTEGRATOR,
            id=new_id("cli", self._random),
            name=name,
            method=method,
            grants=frozenset(grants),
            redirects=tuple(checked_redirect(uri) for uri in redirects),
            keys=tuple(public_jwk(key, BadClientData) for key in keys),
            secret_digest=None if secret is None else secret_digest(secret),
            tls_subject=None if tls_subject is None else checked_subject(tls_subject),
            certificates=tuple(certificates),
        )
        await self._vouching.registered(client.id, client.name, client.keys if signs_asks else ())
        try:
            async with self._database.transaction() as connection:
                await self._store.add_client(connection, client, self._clock.now())
                self._audit.note(connection, "integrator.registered", client=client.id, method=method.value)
        except LinkIdError as cause:
            raise RowNotWritten(
                f"the SAM knows {client.id}, but its row could not be written ({cause}), so it has no way in; "
                "run the command again: it makes another one"
            ) from cause
        return Registered(client, secret, signs_asks)

    async def admit(self, client: Client, *, signs_asks: bool = False) -> None:
        """One that registered itself, with the id and secret that it has; the SAM first here too. Again: no change.

        Raises what the operator's word raises; then there is no row.
        """
        await self._vouching.registered(client.id, client.name, client.keys if signs_asks else ())
        if await self._store.client(client.id) is not None:
            return
        async with self._database.transaction() as connection:
            await self._store.add_client(connection, client, self._clock.now())
            self._audit.note(connection, "integrator.registered", client=client.id, method=client.method.value)

    async def vouch(self, client_id: str, name: str | None, keys: Sequence[Mapping[str, object]] = ()) -> None:
        """Make one known to the SAM that has a row here already; ``keys``: when it signs what it asks.

        ``name`` is the operator's own word, not read from the row: whoever can write rows would have it signed.
        Raises BadClientData.
        """
        client = await self._store.client(client_id)
        if client is None:
            raise BadClientData(f"{client_id}: no such integrator, or shut out")
        if name is None:
            raise BadClientData(
                f"{client_id} is registered here as {client.name!r}. If that is who it is, run: "
                f"linkid integrator vouch {client_id} --name {shlex.quote(client.name)}"
            )
        if client_name(name) != client_name(client.name):
            raise BadClientData(f"{client_id} is registered here as {client.name!r}, which is another name")
        asks = [public_jwk(key, BadClientData) for key in keys]
        if any(key not in client.keys for key in asks):
            raise BadClientData(f"{client_id} is registered here with other keys")
        await self._vouching.registered(client_id, client_name(name), asks)
        async with self._database.transaction() as connection:
            self._audit.note(connection, "integrator.vouched", client=client_id)

    async def new_secret(self, client_id: str) -> str:
        """Another secret; the old one stops at once. Raises BadClientData when the client has none."""
        secret = self._new_secret()
        if not await self._store.new_secret(client_id, secret_digest(secret)):
            raise BadClientData(f"{client_id}: no such integrator with a secret")
        return secret

    async def disable(self, client_id: str) -> ShutOut:
        """Shut out, with every token. Raises BadClientData when there is none.

        The SAM first here too, but when it is away, or the operator's key is, at least no token is good any more.
        """
        known = next((one for one in await self._store.clients() if one.id == client_id), None)
        if known is None:
            raise BadClientData(f"{client_id}: no such integrator")
        unheard = None
        try:
            await self._vouching.disabled(client_id, client_name(known.name) or client_id)
        except LinkIdError as cause:
            unheard = cause.detail or cause.summary
        async with self._database.transaction() as connection:
            now = await self._store.disable(connection, client_id, self._clock.now())
            if now:
                self._audit.note(connection, "integrator.disabled", client=client_id)
        return ShutOut(before=not now, unheard=unheard)

    async def allow(self, client_id: str, credential: str) -> None:
        """The client may ask for this credential without a holder's identification. The phone still decides."""
        if not is_id(credential, "cred") or await self._store.client(client_id) is None:
            raise BadClientData("expected an integrator's id (cli_…) and a credential's (cred_…)")
        await self._store.allow(client_id, credential, self._clock.now())

    async def disallow(self, client_id: str, credential: str) -> None:
        """And may no longer."""
        if not await self._store.disallow(client_id, credential):
            raise BadClientData("this integrator could not ask for this credential before either")

    async def limit_calls(self, client_id: str, per_minute: int | None) -> None:
        """How often it may call; None: as the settings say. Raises BadClientData."""
        if per_minute is not None and not 1 <= per_minute <= MOST_CALLS:
            raise BadClientData(f"calls a minute: 1 to {MOST_CALLS}")
        if not await self._store.limit_calls(client_id, per_minute):
            raise BadClientData(f"{client_id}: no such integrator")

    async def show_codes(self, client_id: str, allowed: bool) -> None:
        """Whether it may draw codes that stay the same, on a page of its own. Raises BadClientData."""
        if not await self._store.show_codes(client_id, allowed):
            raise BadClientData(f"{client_id}: no such integrator, or shut out")

    async def let_read(self, reader: str, client: str) -> None:
        """A resource server may ask what this client's tokens are (introspection). Raises BadClientData."""
        for one in (reader, client):
            if await self._store.client(one) is None:
                raise BadClientData(f"{one}: no such integrator, or shut out")
        await self._store.let_read(reader, client, self._clock.now())

    async def stop_reading(self, reader: str, client: str) -> None:
        """And no longer."""
        if not await self._store.stop_reading(reader, client):
            raise BadClientData("it could not ask about these tokens before either")

    async def all(self) -> list[ClientSummary]:
        """Every integrator, also those shut out."""
        return await self._store.clients()

    def _new_secret(self) -> str:
        return new_client_secret(self._random)


def new_client_secret(random: Random) -> str:
    """A secret of an integrator: shown once, kept as a digest."""
    return f"{SECRET_PREFIX}_{new_token(SECRET_PREFIX, random).secret}"
