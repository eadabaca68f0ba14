"""Registering integrators: an operator's acts, until integrators may do it themselves."""

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import public_jwk
from foundation.ids import Random, is_id, new_id, new_token, secret_digest
from hsm_service.oauth.domain.client import Client, ClientKind, ClientMethod, GrantType, checked_redirect
from hsm_service.oauth.errors import BadClientData
from hsm_service.oauth.store import ClientSummary, OAuthStore

MAX_NAME: Final = 80
MAX_KEYS: Final = 5
SECRET_PREFIX: Final = "cls"
"""So that a client secret in a log or a repository is recognised as one."""


@dataclass(frozen=True)
class Registered:
    """A client just registered. ``secret`` is shown once and kept by nobody here."""

    client: Client
    secret: str | None = field(repr=False)


class ClientService:
    """What ``linkid integrator …`` calls."""

    def __init__(
        self, database: Database, clock: Clock, audit: AuditChain, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._database = database
        self._store = OAuthStore(database)
        self._clock = clock
        self._audit = audit
        self._random = random

    async def register(
        self,
        *,
        name: str,
        method: ClientMethod,
        grants: Sequence[GrantType],
        redirects: Sequence[str] = (),
        keys: Sequence[Mapping[str, object]] = (),
    ) -> Registered:
        """A new integrator. Raises BadClientData saying what is wrong."""
        name = _checked_name(name)
        _check_agreement(method, grants, redirects, keys)
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
        )
        async with self._database.transaction() as connection:
            await self._store.add_client(connection, client, self._clock.now())
            self._audit.note(connection, "integrator.registered", client=client.id, method=method.value)
        return Registered(client, secret)

    async def new_secret(self, client_id: str) -> str:
        """Another secret; the old one stops at once. Raises BadClientData when the client has none."""
        secret = self._new_secret()
        if not await self._store.new_secret(client_id, secret_digest(secret)):
            raise BadClientData(f"{client_id}: no such integrator with a secret")
        return secret

    async def disable(self, client_id: str) -> None:
        """Shut out, with every token. Raises BadClientData when there is none."""
        async with self._database.transaction() as connection:
            if not await self._store.disable(connection, client_id, self._clock.now()):
                raise BadClientData(f"{client_id}: no such integrator, or shut out before")
            self._audit.note(connection, "integrator.disabled", client=client_id)

    async def allow(self, client_id: str, credential: str) -> None:
        """The client may ask for this credential without a holder's identification. The phone still decides."""
        if not is_id(credential, "cred") or await self._store.client(client_id) is None:
            raise BadClientData("expected an integrator's id (cli_…) and a credential's (cred_…)")
        await self._store.allow(client_id, credential, self._clock.now())

    async def disallow(self, client_id: str, credential: str) -> None:
        """And may no longer."""
        if not await self._store.disallow(client_id, credential):
            raise BadClientData("this integrator could not ask for this credential before either")

    async def all(self) -> list[ClientSummary]:
        """Every integrator, also those shut out."""
        return await self._store.clients()

    def _new_secret(self) -> str:
        return f"{SECRET_PREFIX}_{new_token(SECRET_PREFIX, self._random).secret}"


def _checked_name(name: str) -> str:
    """What the phone will show: one line, visible, not longer than a line."""
    tidy = unicodedata.normalize("NFC", " ".join(name.split()))
    if not tidy or len(tidy) > MAX_NAME or not tidy.isprintable():
        raise BadClientData(f"a name has 1 to {MAX_NAME} printable characters")
    if any(unicodedata.category(char) in ("Cf", "Co", "Cn") for char in tidy):
        raise BadClientData("a name has no invisible characters")
    return tidy


def _check_agreement(
    method: ClientMethod,
    grants: Sequence[GrantType],
    redirects: Sequence[str],
    keys: Sequence[Mapping[str, object]],
) -> None:
    if not grants:
        raise BadClientData("at least one grant: authorization_code or client_credentials")
    if (GrantType.CODE in grants) != bool(redirects):
        raise BadClientData("return addresses go with authorization_code, and it needs at least one")
    if (method is ClientMethod.KEY) != bool(keys):
        raise BadClientData("keys go with the method key, and it needs at least one")
    if len(keys) > MAX_KEYS:
        raise BadClientData(f"at most {MAX_KEYS} keys")
    if method is ClientMethod.NONE and GrantType.CLIENT in grants:
        raise BadClientData("a client that cannot authenticate has no credentials of its own")
