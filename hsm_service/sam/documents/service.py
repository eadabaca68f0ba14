"""Step 4: the SAM fixes what will be decided, stores it, and states it, signed by its root, to who may decide it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database, on_violation
from foundation.encoding import JsonObject, JsonValue, b64u
from foundation.errors import LinkIdError
from foundation.ids import new_id
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.attempts.service import Attempts
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import MAX_PENDING, Fixed, State, caller_name
from hsm_service.sam.documents.store import DocumentStore, queries
from hsm_service.sam.errors import (
    BindingUnknown,
    CallerFrozen,
    CallerNotAssociated,
    CredentialUnknown,
    DocumentUnknown,
    TooManyPending,
)
from hsm_service.sam.roots import Proofs, Roots
from protocol import algorithms, statements
from protocol.asks import SignedAsk
from protocol.documents import NAME_CHARACTERS, REQUESTS, Document, DocumentType, clean
from protocol.errors import AskInvalid, CallerUnknown, DocumentDecided, DocumentExpired
from protocol.keys import P256Key
from protocol.proofs import Purpose

Random = Callable[[int], bytes]

_PURPOSE: Mapping[str, Purpose] = {"pair": "pair", **dict.fromkeys(REQUESTS, "sign"), "emission-key": "emit"}
"""Which documents ask for the password, and for what."""

CODE_REST: Final = timedelta(seconds=300)
"""For so long a verification code shown for a credential is not given to another request of it: longer than a request
lives. Otherwise whoever may ask and withdraw as often as he likes (a gateway) asks until his own request has the code
that the holder's computer shows just now."""
_CODE_DIGITS: Final = (2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6)
"""Of the codes to choose among; the first that rests nowhere is taken. Two digits, unless many were shown lately."""
_RIVALS: Final = 5
"""How often somebody else may take the very code we chose, in the milliseconds between choosing and fixing."""


class _CodeTaken(Exception):
    """A rival's request has this code by now."""


@dataclass(frozen=True)
class Stated:
    """A document that waits, and the statement of it."""

    fixed: Fixed
    statement: str

    def answer(self) -> dict[str, JsonValue]:
        """As the private calls answer."""
        return {"document": self.fixed.id, "statement": self.statement, "expires": self.fixed.document.expires}


@dataclass(frozen=True)
class SignAsk:
    """What a caller asks, as the gateway passed it on; nothing of it is believed before it is checked or shown."""

    credential: str
    caller_kind: str
    caller_id: str
    digests: Sequence[bytes]
    hash_algorithm: str
    sign_algorithm: str
    labels: Sequence[tuple[str, int | None]]
    activation_key: bytes
    signed: JsonValue = None
    """The caller's own signature of all this: {nonce, created, signature}."""


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
        associations: AssociationStore,
        clients: ClientStore,
        attempts: Attempts,
        roots: Roots,
        proofs: Proofs,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._database, self._audit, self._clock, self._store = database, audit, clock, store
        self._credentials, self._bindings, self._associations = credentials, bindings, associations
        self._clients, self._attempts, self._roots, self._proofs, self._random = (
            clients,
            attempts,
            roots,
            proofs,
            random,
        )

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

    async def sign(self, ask: SignAsk) -> Stated:
        """Step 4: a caller asks for signatures.

        Raises CredentialUnknown, CredentialNotActive, CredentialLocked, AlgorithmRefused, CallerNotAssociated,
        CallerUnknown, AskInvalid, CallerFrozen, TooManyPending.
        """
        try:
            return await self._sign(ask)
        except (AskInvalid, CallerUnknown) as refused:
            await self.note_refused(ask.credential, ask.caller_kind, ask.caller_id, refused)
            raise

    async def note_refused(self, credential: str, kind: str, id_: str, refused: LinkIdError) -> None:
        """The audit line of an ask that rings nowhere."""
        why = str(refused.data.get("why", refused.code))
        async with self._database.transaction() as connection:
            self._audit.note(connection, "ask.refused", credential=credential, why=why, **{kind: id_})

    async def _sign(self, ask: SignAsk) -> Stated:
        now = self._clock.now()
        credential = await self._credentials.get(self._database, ask.credential)
        certificate = credential.usable(now)
        algorithms.agree(credential.key_algorithm, ask.sign_algorithm, ask.hash_algorithm, ask.digests)
        documents: list[JsonObject] = [
            {"label": clean(label), "size": size, "hash": b64u(digest)}
            for digest, (label, size) in zip(ask.digests, ask.labels, strict=True)
        ]
        caller, keys = await self.who(ask.caller_kind, ask.caller_id, ask.credential)
        signed = signed_ask(ask.signed, keys)
        if signed is not None:
            signed.verify(
                caller=ask.caller_id,
                credential=ask.credential,
                hash_algorithm=ask.hash_algorithm,
                documents=documents,
                keys=keys,
                now=now,
            )
        members: JsonObject = {
            "credential": credential.id,
            "certificate": b64u(certificate.hash),
            "subject": certificate.subject,
            "caller": caller,
            "scope": "single" if len(ask.digests) == 1 else "multi",
            "count": len(ask.digests),
            "documents": documents,
            "hash_algorithm": ask.hash_algorithm,
            "sign_algorithm": ask.sign_algorithm,
            "activation_key": b64u(ask.activation_key),
        }
        return await self.request("sign", members, credential, signed)

    async def request(
        self,
        type_: DocumentType,
        members: JsonObject,
        credential: Credential,
        signed: SignedAsk | None,
        life: timedelta | None = None,
    ) -> Stated:
        """Step 4: fix what a caller asks of a credential, with a verification code that rests nowhere.

        Raises CredentialLocked, AskInvalid (used before), CallerFrozen, TooManyPending.
        """
        await self._attempts.demand_open(credential.id, "sign")
        for _ in range(_RIVALS):
            code = await self._code(credential.id)
            coded = {**members, "verification_code": code}
            try:
                return await self._fix(type_, "req", coded, {}, credential, signed, life)
            except _CodeTaken:
                continue
        raise TooManyPending("others were faster, again and again")

    async def emission_key(self, credential: Credential) -> Stated:
        """The emission page shall set the usage password. The one that waits already is stated again."""
        waiting = await self._store.waiting_for_credential(
            self._database, credential.id, "emission-key", self._clock.now()
        )
        if waiting is not None:
            return Stated(waiting, await self._state(waiting.document, credential))
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
        fixed = await self._store.get(self._database, id_)
        if not await self._may_decide(fixed, device):
            raise DocumentUnknown(id_)
        self.demand_undecided(fixed)
        return Stated(fixed, await self._state(fixed.document))

    async def waiting(self, device: str) -> list[Stated]:
        """What this phone may decide now."""
        bound = await self._bindings.of_device(self._database, device, active=True)
        credentials = [binding.credential for binding in bound]
        found = await self._store.waiting_for_device(self._database, device, credentials, self._clock.now())
        return [
            Stated(fixed, await self._state(fixed.document)) for fixed in found if await self._may_decide(fixed, device)
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

    async def who(self, kind: str, id_: str, credential: str) -> tuple[JsonObject, list[P256Key]]:
        """Step 4: a computer's name is the one its holder saw associating it, an integrator's the one in its order.

        With it, the keys that sign what it asks: that of the association, or those that the order names, maybe none.
        Raises CallerNotAssociated, CallerUnknown.
        """
        if kind == "computer":
            association = await self._associations.of(self._database, id_, credential)
            if association is None:
                raise CallerNotAssociated(id_)
            name, keys = association.name, [association.key]
        else:
            client = await self._clients.get(self._database, id_)
            name, keys = client.name, list(client.keys)
        return {"kind": kind, "id": id_, "name": name}, keys

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _fix(
        self,
        type_: DocumentType,
        prefix: str,
        members: JsonObject,
        context: Mapping[str, JsonValue],
        credential: Credential | None = None,
        signed: SignedAsk | None = None,
        life: timedelta | None = None,
    ) -> Stated:
        now = self._clock.now()
        id_, nonce = new_id(prefix, self._random), self._random(16)
        document = Document.fix(type_, id_, members, now=now, nonce=nonce, life=life)
        fixed = Fixed(document, context)
        statement = await self._state(document, credential)
        with on_violation({"one_waiting_request": TooManyPending, "an_ask_rings_once": _ask_used}):
            async with self._database.transaction() as connection:
                if signed is not None:
                    await connection.execute(queries.use_ask, document.object("caller")["id"], signed.nonce, now)
                if fixed.caller is not None and fixed.credential is not None:
                    code = document.text("verification_code")
                    await self._make_room(connection, fixed.credential, fixed.caller, code)
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

    async def _code(self, credential: str) -> str:
        """A verification code that no request of this credential showed lately."""
        choice = [_digits(digits, self._random) for digits in _CODE_DIGITS]
        rested = await self._database.fetch(queries.rested, credential, choice, self._clock.now() - CODE_REST)
        if not rested:
            raise TooManyPending("every code was shown lately")
        return str(rested[0]["code"])

    async def _make_room(self, connection: Connection, credential: str, caller: str, code: str) -> None:
        await self._credentials.lock(connection, credential)
        await connection.execute(queries.expire_overdue, credential, self._clock.now())
        if await connection.fetchval(queries.count_waiting, credential) >= MAX_PENDING:
            raise TooManyPending(f"{MAX_PENDING} requests wait")
        if await connection.fetchval(queries.frozen, credential, caller):
            raise CallerFrozen(caller)
        if not await connection.fetch(queries.rested, credential, [code], self._clock.now() - CODE_REST):
            raise _CodeTaken

    async def _state(self, document: Document, credential: Credential | None = None) -> str:
        """The statement about a document, with the current transport key if it asks for the password."""
        purpose = _PURPOSE.get(document.type)
        wanted = None
        if purpose is not None:
            credential = credential or await self._credentials.get(self._database, document.text("credential"))
            wanted = await self._proofs.wanted(purpose, credential.salt, credential.argon2)
        return await self._roots.sign(statements.statement_payload(document, wanted))

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


def signed_ask(value: JsonValue, keys: Sequence[P256Key]) -> SignedAsk | None:
    """The caller's own signature of what it asks, still to be verified; None when it has no keys, and so signs nothing.

    So a gateway cannot ask in the name of whoever has keys. For an integrator without it can, and nothing vouches for
    what is asked but the gateway: the name alone is sure. Raises AskInvalid.
    """
    if keys:
        return SignedAsk.parse(value)
    if value is not None:  # it takes itself for protected, and is not
        raise AskInvalid("registered without keys that sign asks", data={"why": "no_key"})
    return None


def _ask_used() -> AskInvalid:
    return AskInvalid("used before", data={"why": "used"})


def _digits(count: int, random: Random) -> str:
    """A number of exactly so many digits."""
    least = 10 ** (count - 1)
    return str(least + int.from_bytes(random(8), "big") % (9 * least))
