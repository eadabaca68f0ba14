"""Step 4 for a request: everything about an ask is read at one look, checked, and the document fixed by one statement.

4a the credential may sign, by this algorithm · 4b the caller is who a row of ours knows, and signed this ask, if it has
keys · 4c the password is not locked · 4d a verification code that no request of the credential showed lately · 4e one
transaction: the credential's requests are counted one after the other, so not too many wait, the caller is not frozen,
the code still rests, and the ask is used up.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database, Record, on_violation
from foundation.encoding import JsonObject, JsonValue, b64u
from foundation.errors import LinkIdError
from foundation.group_commit import GroupCommit, Statement
from foundation.ids import new_id
from hsm_service.sam.associations.store import AssociationStore
from hsm_service.sam.attempts.service import Attempts, Standing
from hsm_service.sam.clients.store import ClientStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import MAX_PENDING, Fixed
from hsm_service.sam.documents.stating import Stated, Stating
from hsm_service.sam.documents.store import DocumentStore, queries
from hsm_service.sam.errors import CallerFrozen, CallerNotAssociated, CredentialUnknown, TooManyPending
from hsm_service.sam.rows import RowSeals
from protocol import algorithms
from protocol.asks import SignedAsk
from protocol.documents import Document, DocumentType, clean
from protocol.errors import AskInvalid, CallerUnknown
from protocol.keys import P256Key

Random = Callable[[int], bytes]

CODE_REST: Final = timedelta(seconds=300)
"""For so long a verification code shown for a credential is not given to another request of it: longer than a request
lives. Otherwise whoever may ask and withdraw as often as he likes (a gateway) asks until his own request has the code
that the holder's computer shows just now."""
_CODE_DIGITS: Final = (2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6)
"""Of the codes to choose among; the first that rests nowhere is taken. Two digits, unless many were shown lately."""
_RIVALS: Final = 5
"""How often somebody else may take the very code we chose, in the milliseconds between choosing and fixing."""


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
class Asking:
    """Who asks for what, as rows that hold say: the credential, the caller as a document names it, and its keys."""

    credential: Credential
    caller: JsonObject
    keys: Sequence[P256Key]
    standing: Standing
    codes: Sequence[str]


@dataclass(frozen=True)
class Prepared:
    """An ask that was checked, up to 4b: the members of its document but the verification code, and who asks."""

    members: JsonObject
    asking: Asking
    signed: SignedAsk | None


class _CodeTaken(Exception):
    """A rival's request has this code by now."""


class Requests:
    """``sign(ask)``; and what a session's ask needs as well: ``asking``, ``request``, ``note_refused``."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        seals: RowSeals,
        store: DocumentStore,
        credentials: CredentialStore,
        associations: AssociationStore,
        clients: ClientStore,
        attempts: Attempts,
        stating: Stating,
        commits: GroupCommit,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._database, self._audit, self._clock, self._seals = database, audit, clock, seals
        self._store, self._credentials, self._associations = store, credentials, associations
        self._clients, self._attempts, self._stating = clients, attempts, stating
        self._commits, self._random = commits, random

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
        prepared = await self.prepare(ask)
        return await self.request("sign", prepared.members, prepared.asking, prepared.signed)

    async def prepare(self, ask: SignAsk) -> Prepared:
        """4a and 4b. Raises CredentialUnknown, CredentialNotActive, AlgorithmRefused, CallerNotAssociated,
        CallerUnknown, AskInvalid."""
        asking = await self.asking(ask.credential, ask.caller_kind, ask.caller_id)
        # 4a
        certificate = asking.credential.usable(self._clock.now())
        algorithms.agree(asking.credential.key_algorithm, ask.sign_algorithm, ask.hash_algorithm, ask.digests)
        documents: list[JsonObject] = [
            {"label": clean(label), "size": size, "hash": b64u(digest)}
            for digest, (label, size) in zip(ask.digests, ask.labels, strict=True)
        ]
        # 4b
        signed = signed_ask(ask.signed, asking.keys)
        if signed is not None:
            signed.verify(
                caller=ask.caller_id,
                credential=ask.credential,
                hash_algorithm=ask.hash_algorithm,
                documents=documents,
                keys=asking.keys,
                now=self._clock.now(),
            )
        members: JsonObject = {
            "credential": asking.credential.id,
            "certificate": b64u(certificate.hash),
            "subject": certificate.subject,
            "caller": asking.caller,
            "scope": "single" if len(ask.digests) == 1 else "multi",
            "count": len(ask.digests),
            "documents": documents,
            "hash_algorithm": ask.hash_algorithm,
            "sign_algorithm": ask.sign_algorithm,
            "activation_key": b64u(ask.activation_key),
        }
        return Prepared(members, asking, signed)

    async def asking(self, credential: str, caller_kind: str, caller_id: str) -> Asking:
        """Everything about an ask, at one look. Raises CredentialUnknown, CallerNotAssociated, CallerUnknown."""
        since = self._seals.now()
        choice = [_digits(digits, self._random) for digits in _CODE_DIGITS]
        looked = await self._database.fetchrow(
            queries.look, credential, caller_id, choice, self._clock.now() - CODE_REST
        )
        if looked is None:
            raise CredentialUnknown(credential)
        found = await self._credentials.read(looked["credential"], credential, since)
        caller, keys = await self._caller(credential, caller_kind, caller_id, looked, since)
        return Asking(found, caller, keys, Standing(looked["ladder"], None), looked["codes"])

    async def request(
        self,
        type_: DocumentType,
        members: JsonObject,
        asking: Asking,
        signed: SignedAsk | None,
        life: timedelta | None = None,
    ) -> Stated:
        """Step 4: fix what was asked, with a verification code that rests nowhere (4c to 4e).

        Raises CredentialLocked, AskInvalid (used before), CallerFrozen, TooManyPending.
        """
        await self._attempts.demand_open(asking.credential.id, "sign", asking.standing)  # 4c
        for _ in range(_RIVALS):
            if not asking.codes:  # 4d
                raise TooManyPending("every code was shown lately")
            told = {**members, "verification_code": asking.codes[0]}
            try:
                return await self._fix(type_, asking.credential, told, signed, life)
            except _CodeTaken:
                asking = await self.asking(asking.credential.id, str(asking.caller["kind"]), str(asking.caller["id"]))
        raise TooManyPending("others were faster, again and again")

    async def _fix(
        self,
        type_: DocumentType,
        credential: Credential,
        members: JsonObject,
        signed: SignedAsk | None,
        life: timedelta | None,
    ) -> Stated:
        now = self._clock.now()
        id_ = new_id("req", self._random, near=credential.id)
        fixed = Fixed(Document.fix(type_, id_, members, now=now, nonce=self._random(16), life=life), {})
        statement = await self._stating.state(fixed.document, credential)
        mac = await self._store.mac(fixed)
        try:
            await self._write(fixed, mac, signed)
        except TooManyPending:
            # Of those that wait, some may only not have been noticed to be overdue.
            if await self._database.execute(queries.expire_overdue, credential.id, now) == "UPDATE 0":
                raise
            await self._write(fixed, mac, signed)
        return Stated(fixed, statement)

    async def _write(self, fixed: Fixed, mac: bytes, signed: SignedAsk | None) -> None:
        """4e."""
        document = fixed.document

        def args() -> Sequence[object]:
            now = self._clock.now()
            return (
                fixed.id, document.type, document.data, fixed.context_bytes, fixed.credential, None, fixed.caller, now,
                fixed.expires_at, mac, document.text("verification_code"), MAX_PENDING, now - CODE_REST,
                document.object("caller")["id"], None if signed is None else signed.nonce,
            )  # fmt: skip

        def written(connection: Connection, room: Record) -> None:
            if not room["free"]:
                raise TooManyPending(f"{MAX_PENDING} requests wait")
            if room["frozen"]:
                raise CallerFrozen(str(fixed.caller))
            if not room["code_rests"]:
                raise _CodeTaken
            self._audit.note(
                connection,
                "document.fixed",
                document=fixed.id,
                type=document.type,
                hash=document.hash,
                credential=fixed.credential,
            )

        lock = self._credentials.locking(str(fixed.credential))
        with on_violation({"one_waiting_request": TooManyPending, "an_ask_rings_once": _ask_used}):
            await self._commits.run(Statement(queries.fix, args, written, first=lock))

    async def _caller(
        self, credential: str, kind: str, id_: str, looked: Record, since: int
    ) -> tuple[JsonObject, list[P256Key]]:
        """Step 4, b: a computer's name is the one its holder saw associating it, an integrator's the one in its order.

        With it the keys that sign what it asks: of that association, or of that order; an order may name none.
        """
        if kind == "computer":
            association = await self._associations.read(looked["association"], since)
            if association is None or (association.computer, association.credential) != (id_, credential):
                raise CallerNotAssociated(id_)
            name, keys = association.name, [association.key]
        else:
            client = await self._clients.read(looked["client"], id_, since)
            name, keys = client.name, list(client.keys)
        return {"kind": kind, "id": id_, "name": name}, keys


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
