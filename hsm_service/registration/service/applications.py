"""What an owner does with applications of theirs, and with nobody else's.

Every act names the version that its form was opened on: of two windows that saw the same, the second is told.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.dpop import public_jwk
from foundation.encoding import strict_json
from foundation.errors import LinkIdError
from foundation.ids import Random, is_id, new_id, secret_digest
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.domain.registering import MAX_KEYS
from hsm_service.oauth.errors import BadClientData
from hsm_service.oauth.service.clients import new_client_secret
from hsm_service.oauth.store import ClientStore, Standing
from hsm_service.registration.domain.application import (
    IN_USE,
    OVERLAP,
    Application,
    Change,
    Draft,
    Stand,
    View,
    new_hosts,
)
from hsm_service.registration.domain.reading import MAX_TEXT, Form
from hsm_service.registration.errors import (
    BadField,
    ChangedMeanwhile,
    NoSuchApplication,
    NotNow,
    TooManyApplications,
)
from hsm_service.registration.ports import Person
from hsm_service.registration.store import ApplicationStore

_PEM_END: Final = "-----END CERTIFICATE-----"


@dataclass(frozen=True)
class Created:
    """An application that waits now. ``secret`` is shown once and kept by nobody here."""

    client: str
    secret: str | None = field(repr=False)


class ApplicationService:
    """One per gateway."""

    def __init__(
        self, database: Database, clock: Clock, audit: AuditChain, random: Random = secrets.token_bytes
    ) -> None:
        """The gateway's database."""
        self._database = database
        self._store = ApplicationStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._audit = audit
        self._random = random

    async def all_of(self, owner: Person) -> list[View]:
        """Theirs, the newest first."""
        found = await self._store.of_owner(owner.digest)
        clients = [one.client for one in found]
        standing, changes = await self._clients.standing(clients), await self._store.changes(clients)
        return [_view(one, standing.get(one.client), changes.get(one.client)) for one in found]

    async def one_of(self, owner: Person, client: str) -> View:
        """One of theirs. Raises NoSuchApplication."""
        found = await self._store.one_of(client, owner.digest) if is_id(client, "cli") else None
        if found is None:
            raise NoSuchApplication()
        standing, changes = await self._clients.standing([client]), await self._store.changes([client])
        return _view(found, standing.get(client), changes.get(client))

    async def create(self, owner: Person, form: Form) -> Created:
        """It waits for an operator from now on. Raises BadField, TooManyApplications."""
        draft = Draft(
            name=form.name,
            about=form.about,
            method=form.method,
            grants=form.grants,
            redirects=form.redirects,
            keys=read_keys(form.keys),
            signs_asks=form.signs_asks,
            tls_subject=form.tls_subject,
            certificates=read_certificates(form.certificates),
        )
        secret = new_client_secret(self._random) if draft.method is ClientMethod.SECRET else None
        one = Application(
            client=new_id("cli", self._random),
            owner=owner.digest,
            owner_name=owner.name,
            draft=draft,
            secret_digest=None if secret is None else secret_digest(secret),
            version=1,
            asked=self._clock.now(),
            admitted=None,
        )
        async with self._database.transaction() as connection:
            if not await self._store.add(connection, one):
                raise TooManyApplications()
            self._audit.note(connection, "application.asked", client=one.client, method=draft.method.value)
        return Created(one.client, secret)

    async def withdraw(self, owner: Person, client: str, seen: int) -> None:
        """One that waits is gone. Raises NoSuchApplication, NotNow, ChangedMeanwhile."""
        view = await self.one_of(owner, client)
        if view.stand is not Stand.WAITING:
            raise NotNow()
        async with self._database.transaction() as connection:
            if not await self._store.withdraw(connection, client, owner.digest, seen):
                raise ChangedMeanwhile()
            self._audit.note(connection, "application.withdrawn", client=client)

    async def renew_secret(self, owner: Person, client: str, seen: int) -> str:
        """Another secret, shown once; of an application that is in use, the one before is good for ``OVERLAP``.

        Raises NoSuchApplication, NotNow, ChangedMeanwhile.
        """
        view = await self.one_of(owner, client)
        if view.application.draft.method is not ClientMethod.SECRET or view.stand is Stand.SHUT_OUT:
            raise NotNow()
        secret = new_client_secret(self._random)
        digest = secret_digest(secret)
        async with self._database.transaction() as connection:
            await self._touch(connection, owner, view, seen)
            if view.stand is Stand.WAITING:
                done = await self._store.renew_waiting_secret(connection, client, digest)
            else:
                done = await self._clients.renew_secret(connection, client, digest, self._clock.now() + OVERLAP)
            if not done:
                raise ChangedMeanwhile()
            self._audit.note(connection, "application.secret_renewed", client=client)
        return secret

    async def end_old_secret(self, owner: Person, client: str, seen: int) -> None:
        """Only the newest secret is good from now on. Raises NoSuchApplication, NotNow, ChangedMeanwhile."""
        view = await self.one_of(owner, client)
        async with self._database.transaction() as connection:
            await self._touch(connection, owner, view, seen)
            if not await self._clients.end_old_secret(connection, client):
                raise NotNow()
            self._audit.note(connection, "application.old_secret_ended", client=client)

    async def change_redirects(self, owner: Person, client: str, seen: int, redirects: Sequence[str]) -> Stand:
        """Return addresses: at hosts that an operator has seen, from now on; else all of them wait for an operator.

        Raises NoSuchApplication, NotNow, ChangedMeanwhile, BadField.
        """
        view = await self.one_of(owner, client)
        if view.stand not in IN_USE or GrantType.CODE not in view.application.draft.grants:
            raise NotNow()
        if not redirects:
            raise BadField("redirects", "Diga pelo menos um endereço de retorno, um por linha.")
        waits = bool(new_hosts(view.redirects, redirects))
        async with self._database.transaction() as connection:
            await self._touch(connection, owner, view, seen)
            await self._store.drop_change(connection, client)
            if waits:
                change = Change(new_id("chg", self._random), client, redirects, self._clock.now())
                await self._store.ask_change(connection, change)
            elif not await self._clients.replace_redirects(connection, client, view.redirects, redirects):
                raise ChangedMeanwhile()
            event = "application.change_asked" if waits else "application.changed"
            self._audit.note(connection, event, client=client, count=len(redirects))
        return Stand.CHANGING if waits else Stand.KNOWN

    async def withdraw_change(self, owner: Person, client: str, seen: int) -> None:
        """The addresses stay as they are. Raises NoSuchApplication, NotNow, ChangedMeanwhile."""
        view = await self.one_of(owner, client)
        async with self._database.transaction() as connection:
            await self._touch(connection, owner, view, seen)
            if not await self._store.drop_change(connection, client):
                raise NotNow()
            self._audit.note(connection, "application.change_withdrawn", client=client)

    async def seen_now(self, owner: Person, client: str, seen: int) -> View:
        """For what is kept elsewhere: it is still as they saw it, and counts as changed by them now.

        Raises NoSuchApplication, NotNow, ChangedMeanwhile.
        """
        view = await self.one_of(owner, client)
        if view.stand not in IN_USE:
            raise NotNow()
        async with self._database.transaction() as connection:
            await self._touch(connection, owner, view, seen)
        return view

    async def _touch(self, connection: Connection, owner: Person, view: View, seen: int) -> None:
        if not await self._store.touch(connection, view.application.client, owner.digest, seen):
            raise ChangedMeanwhile()


def read_keys(text: str) -> tuple[Mapping[str, str], ...]:
    """A JWK, a list of them, or a JWK set: P-256, public halves only. Raises BadField."""
    if not text:
        return ()
    try:
        value = strict_json(text.encode("utf-8"), max_bytes=MAX_TEXT * 4)
    except LinkIdError as cause:
        raise BadField("keys", "Isto não é JSON.") from cause
    if isinstance(value, Mapping) and "keys" in value:
        value = value["keys"]
    listed = value if isinstance(value, list) else [value]
    if not 1 <= len(listed) <= MAX_KEYS:
        raise BadField("keys", f"De 1 a {MAX_KEYS} chaves.")
    found: list[Mapping[str, str]] = []
    for one in listed:
        if isinstance(one, Mapping) and "d" in one:
            raise BadField("keys", "Esta é a chave PRIVADA (tem d). Ela já não é segredo: faça outra.")
        try:
            found.append(public_jwk(one if isinstance(one, Mapping) else {}, BadClientData))
        except BadClientData as cause:
            raise BadField("keys", "Não é uma chave pública P-256 (kty EC, crv P-256, x, y).") from cause
    return tuple(found)


def read_certificates(text: str) -> tuple[bytes, ...]:
    """PEM, one or more, that the application signed itself; DER comes back. Raises BadField."""
    if not text:
        return ()
    if "PRIVATE KEY" in text:
        raise BadField("certificates", "Há uma chave PRIVADA aí. Ela já não é segredo: faça outra.")
    try:
        found = x509.load_pem_x509_certificates(text.encode("utf-8"))
    except (ValueError, x509.InvalidVersion) as cause:
        raise BadField("certificates", "Não é um certificado em PEM.") from cause
    if not 1 <= len(found) <= MAX_KEYS:
        raise BadField("certificates", f"De 1 a {MAX_KEYS} certificados.")
    return tuple(one.public_bytes(Encoding.DER) for one in found)


def _view(one: Application, standing: Standing | None, change: Change | None) -> View:
    if one.admitted is None:
        return View(one, Stand.WAITING, one.draft.redirects)
    if standing is None or standing.disabled is not None:
        return View(one, Stand.SHUT_OUT, one.draft.redirects if standing is None else standing.redirects)
    return View(
        one,
        Stand.KNOWN if change is None else Stand.CHANGING,
        standing.redirects,
        change,
        standing.old_secret_until,
        standing.calls_per_minute,
        standing.allowed,
        standing.shows_codes,
    )
