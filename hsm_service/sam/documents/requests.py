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
from foundation.group_commit import GroupCommit
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
from protocol.documents import Document, clean
from protocol.errors import AskInvalid, CallerUnknown

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


class _CodeTaken(Exception):
    """A rival's request has this code by now."""


class Requests:
    """``sign(ask)``."""

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
            caller = {ask.caller_kind: ask.caller_id}
            why = str(refused.data.get("why", refused.code))
            async with self._database.transaction() as connection:
                self._audit.note(connection, "ask.refused", credential=ask.credential, why=why, **caller)
            raise

    async def _sign(self, ask: SignAsk) -> Stated:
        for _ in range(_RIVALS):
            since = self._seals.now()
            choice = [_digits(digits, self._random) for digits in _CODE_DIGITS]
            looked = await self._database.fetchrow(
                queries.look, ask.credential, ask.caller_id, choice, self._clock.now() - CODE_REST
            )
            if looked is None:
                raise CredentialUnknown(ask.credential)
            # 4a
            credential = await self._credentials.read(looked["credential"], ask.credential, since)
            certificate = credential.usable(self._clock.now())
            algorithms.agree(credential.key_algorithm, ask.sign_algorithm, ask.hash_algorithm, ask.digests)
            documents: list[JsonObject] = [
                {"label": clean(label), "size": size, "hash": b64u(digest)}
                for digest, (label, size) in zip(ask.digests, ask.labels, strict=True)
            ]
            # 4b
            caller, signed = await self._caller(ask, documents, looked, since)
            # 4c
            await self._attempts.demand_open(credential.id, "sign", Standing(looked["ladder"], None))
            # 4d
            if not looked["codes"]:
                raise TooManyPending("every code was shown lately")
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
                "verification_code": looked["codes"][0],
            }
            try:
                return await self._fix(credential, members, signed)
            except _CodeTaken:
                continue
        raise TooManyPending("others were faster, again and again")

    async def _fix(self, credential: Credential, members: JsonObject, signed: SignedAsk | None) -> Stated:
        now = self._clock.now()
        id_ = new_id("req", self._random, near=credential.id)
        fixed = Fixed(Document.fix("sign", id_, members, now=now, nonce=self._random(16)), {})
        statement = await self._stating.state(fixed.document, credential)
        mac = await self._store.mac(fixed)
        try:
            await self._commits.run(lambda connection: self._write(connection, fixed, mac, signed))
        except TooManyPending:
            # Of those that wait, some may only not have been noticed to be overdue.
            if await self._database.execute(queries.expire_overdue, credential.id, now) == "UPDATE 0":
                raise
            await self._commits.run(lambda connection: self._write(connection, fixed, mac, signed))
        return Stated(fixed, statement)

    async def _write(self, connection: Connection, fixed: Fixed, mac: bytes, signed: SignedAsk | None) -> None:
        """4e."""
        document, now = fixed.document, self._clock.now()
        await self._credentials.lock(connection, str(fixed.credential))
        with on_violation({"one_waiting_request": TooManyPending, "an_ask_rings_once": _ask_used}):
            room = await connection.fetchrow(
                queries.fix, fixed.id, document.type, document.data, fixed.context_bytes, fixed.credential, None,
                fixed.caller, now, fixed.expires_at, mac, document.text("verification_code"), MAX_PENDING,
                now - CODE_REST, document.object("caller")["id"], None if signed is None else signed.nonce,
            )  # fmt: skip
        assert room is not None, "a SELECT without FROM has one row"
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

    async def _caller(
        self, ask: SignAsk, documents: Sequence[JsonObject], looked: Record, since: int
    ) -> tuple[JsonObject, SignedAsk | None]:
        """Step 4, b: a computer's name is the one its holder saw associating it, an integrator's the one in its order.

        A computer signs what it asks with the key of that association, and an integrator with a key that its order
        names: so a gateway cannot ask in their name. For an integrator without a key it can, and nothing vouches for
        what is asked but the gateway: the name alone is sure.
        """
        if ask.caller_kind == "computer":
            association = await self._associations.read(looked["association"], since)
            if association is None or (association.computer, association.credential) != (
                ask.caller_id,
                ask.credential,
            ):
                raise CallerNotAssociated(ask.caller_id)
            name, keys = association.name, [association.key]
        else:
            client = await self._clients.read(looked["client"], ask.caller_id, since)
            name, keys = client.name, list(client.keys)
        caller: JsonObject = {"kind": ask.caller_kind, "id": ask.caller_id, "name": name}
        if not keys:
            if ask.signed is not None:  # it takes itself for protected, and is not
                raise AskInvalid("registered without keys that sign asks", data={"why": "no_key"})
            return caller, None
        signed = SignedAsk.parse(ask.signed)
        signed.verify(
            caller=ask.caller_id,
            credential=ask.credential,
            hash_algorithm=ask.hash_algorithm,
            documents=documents,
            keys=keys,
            now=self._clock.now(),
        )
        return caller, signed


def _ask_used() -> AskInvalid:
    return AskInvalid("used before", data={"why": "used"})


def _digits(count: int, random: Random) -> str:
    """A number of exactly so many digits."""
    least = 10 ** (count - 1)
    return str(least + int.from_bytes(random(8), "big") % (9 * least))
