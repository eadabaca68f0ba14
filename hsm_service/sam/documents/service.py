"""Documents are fixed, stored, stated to who may decide them, listed and withdrawn. Requests: ``requests`` (step 4)."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject, JsonValue, b64u
from foundation.ids import new_id
from hsm_service.sam.attempts.service import Attempts
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.blocks.domain import demand_unblockable
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import Fixed, State, caller_name
from hsm_service.sam.documents.stating import Stated, Stating
from hsm_service.sam.documents.store import DocumentStore, queries
from hsm_service.sam.errors import (
    BindingUnknown,
    CredentialUnknown,
    DocumentUnknown,
    NoPasskey,
    PasskeyStands,
)
from hsm_service.sam.passkeys.store import PasskeyStore
from protocol.documents import NAME_CHARACTERS, Document, DocumentType, clean
from protocol.errors import DocumentDecided, DocumentExpired
from protocol.keys import P256Key

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Computer:
    """A computer that wants to be associated."""

    id: str
    name: str
    os: str
    key: P256Key
    address: str


class Documents:
    """Fixes, states, lists and withdraws documents."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        store: DocumentStore,
        credentials: CredentialStore,
        bindings: BindingStore,
        clients: ClientStore,
        passkeys: PasskeyStore,
        attempts: Attempts,
        stating: Stating,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._database, self._audit, self._clock, self._store = database, audit, clock, store
        self._credentials, self._bindings, self._clients = credentials, bindings, clients
        self._passkeys = passkeys
        self._attempts, self._stating, self._random = attempts, stating, random

    # --- fixing ------------------------------------------------------------------------------------------------------

    async def pair(self, device: str, device_key: P256Key, nickname: str, credential: str) -> Stated:
        """A phone asks to bind; it proved possession of its key to the gateway, and will to us by its decision.

        Raises CredentialUnknown, CredentialNotActive, CredentialLocked (for pairing only).
        """
        found = await self._credentials.get(self._database, credential)
        certificate = found.usable(self._clock.now())
        await self._attempts.demand_open(credential, "pair")
        members = {
            "device": device,
            "device_key": device_key.jkt,
            "nickname": clean(nickname, limit=NAME_CHARACTERS),
            "credential": credential,
            "subject": certificate.subject,
        }
        return await self._fix("pair", "doc", members, {"device_key": device_key.jwk})

    async def test(self, binding: str) -> Stated:
        """Right after pairing: whether the doorbell reaches the phone. Raises BindingUnknown, CredentialUnknown."""
        found = await self._bindings.find(self._database, binding)
        if found is None or found.state is not BindingState.TRIAL:
            raise BindingUnknown(binding)
        credential = await self._credentials.get(self._database, found.credential)
        members = {
            "device": found.device,
            "device_key": found.key.jkt,
            "credential": found.credential,
            "subject": credential.usable(self._clock.now()).subject,
        }
        return await self._fix("test", "doc", members, {"binding": found.id})

    async def associate(self, device: str, credentials: Sequence[str], computer: Computer) -> Stated:
        """Association, step 4: a phone scanned a link. Raises CredentialUnknown for one it is not bound to."""
        listed, key = await self._of_device(device, credentials)
        members: JsonObject = {
            "device": device,
            "device_key": key.jkt,
            "credentials": listed,
            "computer": {
                "id": computer.id,
                "name": clean(computer.name, limit=NAME_CHARACTERS),
                "os": clean(computer.os, limit=NAME_CHARACTERS),
                "key": computer.key.jkt,
                "address": clean(computer.address, limit=NAME_CHARACTERS),
            },
        }
        return await self._fix("associate", "doc", members, {"computer_key": computer.key.jwk})

    async def identify(self, device: str, integrator: str, scope: str, address: str) -> Stated:
        """A phone scanned an authorize page: who its holder is, and which credentials the integrator may name.

        Raises CallerUnknown, CredentialUnknown.
        """
        client = await self._clients.get(self._database, integrator)
        bound = await self._bindings.of_device(self._database, device, active=True)
        listed, key = await self._of_device(device, [binding.credential for binding in bound])
        members: JsonObject = {
            "device": device,
            "device_key": key.jkt,
            "credentials": listed,
            "integrator": {"id": client.id, "name": client.name},
            "scope": clean(scope),
            "address": clean(address, limit=NAME_CHARACTERS),
        }
        return await self._fix("identify", "doc", members, {})

    async def unblock(self, device: str, credential: str) -> Stated:
        """The phone that shut a certificate would open it again; its holder proves the usage password by the decision.

        Raises BindingUnknown, CredentialNotActive, CredentialLocked, NotBlocked, BlockedElsewhere, UnblockTooEarly.
        """
        bound = await self._bindings.of(self._database, device, credential)
        if bound is None or bound.state is not BindingState.ACTIVE:
            raise BindingUnknown(device)
        found = await self._credentials.get(self._database, credential)
        now = self._clock.now()
        certificate = found.valid(now)
        block = demand_unblockable(found.block, device, now)
        await self._attempts.demand_open(credential, "sign")
        members: JsonObject = {
            "device": device,
            "device_key": bound.key.jkt,
            "credential": credential,
            "subject": certificate.subject,
            "blocked": int(block.at.timestamp()),
        }
        return await self._fix("unblock", "doc", members, {}, found)

    async def generator(self, device: str, credential: str, delivery: P256Key) -> Stated:
        """A phone wants to make codes without a network. ``delivery``: the key that the secret is to be encrypted to.

        Raises BindingUnknown, CredentialNotActive, CredentialLocked.
        """
        _, found, members = await self._own(device, credential)
        members = {**members, "delivery_key": delivery.jkt}
        return await self._fix("generator", "doc", members, {"delivery_key": delivery.jwk}, found)

    async def passkey(self, device: str, credential: str, handle: bytes, key: P256Key) -> Stated:
        """A phone wants a passkey to speak for each of its decisions. ``handle``: WebAuthn's credential id.

        Raises BindingUnknown, CredentialNotActive, CredentialLocked, PasskeyStands.
        """
        bound, found, members = await self._own(device, credential)
        if bound.passkey is not None:
            raise PasskeyStands(bound.passkey)
        members = {**members, "passkey": {"id": b64u(handle), "key": key.jkt}}
        return await self._fix("passkey", "doc", members, {"passkey_key": key.jwk}, found)

    async def passkey_end(self, device: str, credential: str) -> Stated:
        """A phone wants its key to be enough again; its passkey speaks for that once more.

        Raises BindingUnknown, CredentialNotActive, CredentialLocked, NoPasskey, PasskeyInvalid.
        """
        bound, found, members = await self._own(device, credential)
        standing = None if bound.passkey is None else await self._passkeys.find(self._database, bound.passkey)
        if standing is None:
            raise NoPasskey(bound.id)
        members = {**members, "passkey": {"id": b64u(standing.handle), "key": standing.key.jkt}}
        return await self._fix("passkey-end", "doc", members, {}, found)

    async def admit(self, device: str, phone: str, credential: str) -> Stated:
        """A phone that decides already would let one that waits decide at once, or send it away ("not me").

        Raises BindingUnknown, for a phone that waits for nothing as for one that is none, CredentialUnknown.
        """
        own = await self._bindings.of(self._database, device, credential)
        if own is None or own.state is not BindingState.ACTIVE:
            raise BindingUnknown(device)
        waits = await self._bindings.of(self._database, phone, credential)
        if waits is None or waits.state is not BindingState.WAITING:
            raise BindingUnknown(phone)
        found = await self._credentials.get(self._database, credential)
        members: JsonObject = {
            "device": device,
            "device_key": own.key.jkt,
            "credential": credential,
            "subject": found.usable(self._clock.now()).subject,
            "phone": {
                "device": waits.device,
                "nickname": waits.nickname,
                "key": waits.key.jkt,
                "since": int(waits.created.timestamp()),
            },
        }
        return await self._fix("admit", "doc", members, {"binding": waits.id}, found)

    async def emission_key(self, credential: Credential) -> Stated:
        """The emission page shall set the usage password. The one that waits already is stated again."""
        waiting = await self._store.waiting_for_credential(
            self._database, credential.id, "emission-key", self._clock.now()
        )
        if waiting is not None:
            return Stated(waiting, await self._stating.state(waiting.document, credential))
        members = {
            "emission": credential.emission,
            "credential": credential.id,
            "key": credential.emission_key,
            "key_algorithm": credential.key_algorithm,
        }
        return await self._fix("emission-key", "doc", members, {}, credential)

    # --- stating -----------------------------------------------------------------------------------------------------

    async def statement(self, id_: str, device: str) -> Stated:
        """Again, for a phone that may decide it. Raises DocumentUnknown, DocumentDecided, DocumentExpired."""
        found = await self._store.to_state(self._database, id_, device)
        fixed, credential = found.fixed, None
        if fixed.document.is_request:
            binding = await self._bindings.read(found.binding, found.since)
            if binding is None or binding.state is not BindingState.ACTIVE:
                raise DocumentUnknown(id_)
            credential = await self._credentials.read(found.credential, str(fixed.credential), found.since)
        elif fixed.device != device:
            raise DocumentUnknown(id_)
        self.demand_undecided(fixed)
        return Stated(fixed, await self._stating.state(fixed.document, credential))

    async def waiting(self, device: str) -> list[Stated]:
        """What this phone may decide now."""
        bound = await self._bindings.of_device(self._database, device, active=True)
        credentials = [binding.credential for binding in bound]
        found = await self._store.waiting_for_device(self._database, device, credentials, self._clock.now())
        return [
            Stated(fixed, await self._stating.state(fixed.document))
            for fixed in found
            if await self._may_decide(fixed, device)
        ]

    async def withdraw(self, id_: str) -> None:
        """Whoever asked gives up; nothing happens to a decided one."""
        fixed = await self._store.get(self._database, id_)
        if fixed.document.type == "emission-key":
            raise DocumentUnknown(id_)
        async with self._database.transaction() as connection:
            if await self._store.decide(connection, fixed, State.WITHDRAWN):
                self._audit.note(connection, "document.withdrawn", document=id_)

    def demand_undecided(self, fixed: Fixed) -> None:
        """Step 7a, after the row's MAC. Raises DocumentDecided, DocumentExpired."""
        if fixed.state not in (State.WAITING, State.EXPIRED):
            raise DocumentDecided(fixed.state)
        if fixed.state is State.EXPIRED or fixed.expired(self._clock.now()):
            raise DocumentExpired(fixed.id)

    async def lift_freeze(self, credential: str, kind: str, id_: str) -> int:
        """An operator, asked by the holder: the caller may ask again. How many freezes were lifted."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(queries.lift, credential, caller_name(kind, id_), self._clock.now())
            self._audit.note(
                connection, "caller.unfrozen", credential=credential, kind=kind, caller=id_, count=len(rows)
            )
        return len(rows)

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _own(self, device: str, credential: str) -> tuple[Binding, Credential, JsonObject]:
        """Of a document by which a phone changes something of its own, with the usage password: what they all say.

        Raises BindingUnknown, CredentialNotActive, CredentialLocked.
        """
        bound = await self._bindings.of(self._database, device, credential)
        if bound is None or bound.state is not BindingState.ACTIVE:
            raise BindingUnknown(device)
        found = await self._credentials.get(self._database, credential)
        certificate = found.usable(self._clock.now())
        await self._attempts.demand_open(credential, "sign")
        members: JsonObject = {
            "device": device,
            "device_key": bound.key.jkt,
            "credential": credential,
            "subject": certificate.subject,
        }
        return bound, found, members

    async def _fix(
        self,
        type_: DocumentType,
        prefix: str,
        members: JsonObject,
        context: Mapping[str, JsonValue],
        credential: Credential | None = None,
    ) -> Stated:
        now = self._clock.now()
        about = members.get("credential")
        id_ = new_id(prefix, self._random, near=about if isinstance(about, str) else None)
        document = Document.fix(type_, id_, members, now=now, nonce=self._random(16))
        fixed = Fixed(document, context)
        statement = await self._stating.state(document, credential)
        async with self._database.transaction() as connection:
            await self._store.add(connection, fixed, now)
            self._audit.note(
                connection,
                "document.fixed",
                document=fixed.id,
                type=type_,
                hash=document.hash,
                credential=fixed.credential,
            )
        return Stated(fixed, statement)

    async def _of_device(self, device: str, credentials: Sequence[str]) -> tuple[list[JsonObject], P256Key]:
        """The named credentials as a document lists them, and the phone's key; all must be bound to this phone now."""
        now = self._clock.now()
        bound = {binding.credential: binding for binding in await self._bound(device)}
        listed: list[JsonObject] = []
        for id_ in dict.fromkeys(credentials):
            if id_ not in bound:
                raise CredentialUnknown(id_)
            credential = await self._credentials.get(self._database, id_)
            listed.append({"id": id_, "subject": credential.usable(now).subject})
        if not listed:
            raise CredentialUnknown("this phone is bound to none")
        return listed, bound[str(listed[0]["id"])].key

    async def _bound(self, device: str) -> list[Binding]:
        return await self._bindings.of_device(self._database, device, active=True)

    async def _may_decide(self, fixed: Fixed, device: str) -> bool:
        """A document for one phone: that one. A request: any phone actively bound to its credential."""
        if fixed.document.is_request:
            return any(binding.credential == fixed.credential for binding in await self._bound(device))
        return fixed.device == device
