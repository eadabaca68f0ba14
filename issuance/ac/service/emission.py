"""Who visits the emission page: from a protocol number to a signed agreement (steps I3 and I4).

A protocol number that does not exist goes through the same motions: the same rows, the same HSM calls, an answer of the
same shape, tries counted the same way. Only a right installation password learns anything.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import unb64u
from foundation.errors import BadInput, JsonObject
from foundation.ids import Random, is_id, new_id, same
from foundation.web.window import SlidingWindow
from issuance.ac.domain.permit import Pins, identified_message
from issuance.ac.ports import AuthorityKeys
from issuance.ac.store import AcStore, Emission, StoredOrder
from issuance.domain import term as terms
from issuance.domain.install import kept_message, salt_message
from issuance.domain.masks import masked_phone
from issuance.domain.order import ARGON2_DEFAULT, expired
from issuance.domain.profile import profile_named
from issuance.errors import (
    AlreadyEmitted,
    EmissionExpired,
    EmissionLocked,
    EmissionOutOfOrder,
    EmissionRefused,
    EmissionUnknown,
    OrderTooOld,
)
from protocol.decisions import Decision
from protocol.documents import Document
from protocol.errors import DecisionInvalid, OrderInvalid
from protocol.keys import P256Key
from protocol.orders import IssueOrder, open_order, sign_order
from protocol.proofs import Claims, Jwe
from protocol.statements import ProofWanted, statement_payload

EMISSION_LIFE: Final = timedelta(minutes=30)
"""A visit to the emission page: reading the term and choosing a password takes minutes, not hours."""
MAX_TRIES: Final = 5
LOCKED_FOR: Final = timedelta(hours=1)
"""The manual's page: five wrong answers lock the protocol number for an hour."""
_TRIES_IN_MEMORY: Final = 20
"""Tries a protocol number has per hour in this process's own memory, whatever the rows say: whoever rewrites the
count in the database still cannot guess."""

_PROTOCOL = re.compile(r"[0-9]{10}\Z")
_CPF_MEMBER: Final = frozenset({"cpf"})


class EmissionService:
    """Visits up to the agreement. ``issuing`` does the rest."""

    def __init__(
        self,
        database: Database,
        keys: AuthorityKeys,
        pins: Callable[[], Pins],
        audit: AuditChain,
        clock: Clock,
        random: Random = secrets.token_bytes,
    ) -> None:
        """One per process."""
        self._database = database
        self._store = AcStore(database)
        self._keys = keys
        self._pins = pins
        self._audit = audit
        self._clock = clock
        self._random = random
        self._memory = SlidingWindow(_TRIES_IN_MEMORY, timedelta(hours=1))
        self._decoy, self._decoy_keys = make_decoy(clock.now())

    async def start(self, protocol: str, key_jwk: object) -> JsonObject:
        """Step d, a visit begins: {``emission``, ``statement``}. Any ten digits get such an answer. Raises BadKey."""
        if not _PROTOCOL.match(protocol):
            raise BadInput("protocol: ten digits")
        key = P256Key.from_jwk(key_jwk)
        now = self._clock.now()
        order = await self._store.issue_order(protocol)
        identify = Document.fix(
            "emission-identify",
            new_id("ems", self._random),
            {"protocol": protocol, "key": key.jkt},
            now=now,
            nonce=self._random(16),
            life=EMISSION_LIFE,
        )
        emission = Emission(
            id=identify.id,
            protocol=protocol,
            order_id=None if order is None else order.id,
            key=key,
            state="started",
            identify=identify,
            answer=None,
            identified_mac=None,
            term=None,
            agreement=None,
            expires_at=now + EMISSION_LIFE,
        )
        # The HMAC is made for existing numbers too: the time an answer takes must not tell them apart.
        absent_salt = (await self._keys.mac(salt_message(protocol)))[:16]
        own_salt = self._salt(order or self._decoy)
        salt = absent_salt if order is None else own_salt
        await self._store.add_emission(emission, now)
        wanted = ProofWanted("install", salt, ARGON2_DEFAULT, await self._keys.transport_key())
        statement = await self._keys.sign_root(statement_payload(identify, wanted))
        return {"emission": emission.id, "statement": statement}

    async def identify(self, emission_id: str, decision: object, proof: object, signature: object) -> JsonObject:
        """Step e, CPF and installation password: {``statement``} about the term.

        Raises EmissionUnknown, EmissionExpired, EmissionOutOfOrder, DecisionInvalid, ProofInvalid, TransportKeyRetired;
        EmissionRefused for a wrong protocol number, CPF or password alike, EmissionLocked after five; and only to who
        knows the password AlreadyEmitted, OrderTooOld.
        """
        emission = await self._living(emission_id)
        answer = Decision.parse(decision, proof, signature)
        if not answer.approves or answer.proof is None:
            raise DecisionInvalid("identification approves, with a proof")
        # The emission key signed exactly this proof over exactly this document.
        answer.verify(emission.identify, emission.key)
        digest = _digest(answer.proof, emission.identify)
        if emission.answer is not None and emission.term is not None and same(emission.answer, digest):
            return await self._term_statement(emission.term)
        stretched, cpf = await self._opened(answer.proof, emission)
        found = await self._store.order(emission.order_id or emission.id)
        order = self._issue_order(found or self._decoy)
        if found is not None and order is not None and order.protocol != emission.protocol:
            # Tries are counted by protocol number: a row that names another than the operator signed does not exist.
            raise EmissionUnknown
        # Counted before it is tried: rivals in flight are counted too.
        tries_left = await self._reserve(emission)
        order = await self._matching(emission, found, order, stretched, cpf)
        if order is None:
            await self._note_refusal(emission, tries_left)
            if tries_left == 0:
                raise EmissionLocked(retry_after=int(LOCKED_FOR.total_seconds()))
            raise EmissionRefused(data={"tries_left": tries_left})
        await self._store.forget_tries(emission.protocol)
        return await self._identified(emission, order, digest)

    async def agree(self, emission_id: str, decision: object, signature: object) -> JsonObject:
        """Step f, *Concordar com o termo*: {``key_algorithm``}. Repeating it is harmless.

        Raises EmissionUnknown, EmissionExpired, EmissionOutOfOrder, DecisionInvalid.
        """
        emission = await self._living(emission_id)
        if emission.term is None or emission.order_id is None:
            raise EmissionOutOfOrder("nobody is identified")
        answer = Decision.parse(decision, None, signature)
        if not answer.approves:
            raise DecisionInvalid("the term was not agreed to")
        answer.verify(emission.term, emission.key)
        stored = await self._store.order(emission.order_id)
        order = None if stored is None else self._issue_order(stored)
        if order is None:
            raise EmissionOutOfOrder("the order is not there")
        if emission.state == "identified":
            async with self._database.transaction() as connection:
                agreed = await self._store.set_agreed(connection, emission.id, answer.signature, self._clock.now())
                if agreed:
                    version = emission.term.object("term").get("version")
                    self._audit.note(
                        connection,
                        "emission.agreed",
                        emission=emission.id,
                        term=str(version),
                        document=emission.term.hash,
                    )
        return {"key_algorithm": order.key_algorithm}

    async def sweep(self) -> None:
        """Forget what came to nothing; called by the process's timer."""
        await self._store.sweep(self._clock.now() - timedelta(days=1))

    # --- parts ---

    async def _living(self, emission_id: str) -> Emission:
        found = await self._store.emission(emission_id) if is_id(emission_id, "ems") else None
        if found is None:
            raise EmissionUnknown
        if found.expires_at <= self._clock.now() and found.state != "issued":
            raise EmissionExpired
        return found

    def _salt(self, order: StoredOrder) -> bytes:
        """The order's own, or unguessable noise when it does not verify any more (an operator was unpinned)."""
        opened = self._issue_order(order)
        return self._random(16) if opened is None else unb64u(opened.install.salt, max_len=16)

    def _issue_order(self, stored: StoredOrder) -> IssueOrder | None:
        pinned = self._pins().operators
        try:
            order, _ = open_order(stored.jws, self._decoy_keys if stored is self._decoy else pinned)
        except OrderInvalid:
            return None
        return order if isinstance(order, IssueOrder) and order.id == stored.id else None

    async def _opened(self, proof: str, emission: Emission) -> tuple[bytes, str]:
        jwe = Jwe.parse(proof)
        plaintext = jwe.decrypt(await self._keys.shared_point(jwe.kid, jwe.epk))
        claims = Claims.parse(plaintext, extra=_CPF_MEMBER)
        return claims.demand("install", emission.identify, emission.key), claims.extra["cpf"]

    async def _reserve(self, emission: Emission) -> int:
        now = self._clock.now()
        wait = self._memory.take(emission.protocol, now)
        used = None
        if not wait:
            used = await self._store.reserve_try(emission.protocol, now, limit=MAX_TRIES, locked_until=now + LOCKED_FOR)
        if used is None:
            until = await self._store.locked_until(emission.protocol)
            left = wait if until is None else max(1, int((until - now).total_seconds()))
            raise EmissionLocked(retry_after=left)
        return MAX_TRIES - used

    async def _matching(
        self, emission: Emission, found: StoredOrder | None, order: IssueOrder | None, stretched: bytes, cpf: str
    ) -> IssueOrder | None:
        """Step I3. Both comparisons are always made, in constant time, also for a number that does not exist."""
        stored = found or self._decoy
        made = await self._keys.mac(kept_message(emission.order_id or emission.id, stretched))
        password_right = same(made, stored.verifier or b"")
        cpf_right = same(cpf, "" if order is None else order.person.cpf)
        return order if password_right & cpf_right & (found is not None) else None

    async def _note_refusal(self, emission: Emission, tries_left: int) -> None:
        async with self._database.transaction() as connection:
            self._audit.note(connection, "emission.refused", emission=emission.id, tries_left=tries_left)

    async def _identified(self, emission: Emission, order: IssueOrder, digest: bytes) -> JsonObject:
        now = self._clock.now()
        existing = await self._store.certificate_of_order(order.id)
        if existing is not None and existing.state == "issued":
            raise AlreadyEmitted
        if expired(order, now):
            raise OrderTooOld
        term = self._term(emission, order, now)
        mac = await self._keys.mac(
            identified_message(emission.id, order.id, order.protocol, emission.key, emission.identify)
        )
        async with self._database.transaction() as connection:
            first = await self._store.set_identified(connection, emission, answer=digest, mac=mac, term=term, now=now)
            if first:
                self._audit.note(connection, "emission.identified", emission=emission.id, order=order.id)
        if first:
            return await self._term_statement(term)
        # Identified before, with another proof (its answer was lost): the term that was fixed then is what counts.
        stored = await self._living(emission.id)
        if stored.term is None:
            raise EmissionExpired
        return await self._term_statement(stored.term)

    def _term(self, emission: Emission, order: IssueOrder, now: datetime) -> Document:
        """What the holder checks and signs. It ends with the visit, not before: nobody reads a contract in a hurry."""
        return Document.fix(
            "emission-term",
            new_id("doc", self._random),
            {
                "emission": emission.id,
                "protocol": order.protocol,
                "key": emission.key.jkt,
                "name": order.person.name,
                "cpf": order.person.cpf,
                "email": order.person.email,
                "phone": masked_phone(order.person.phone),
                "product": profile_named(order.profile).product,
                "valid_days": order.valid_days,
                "term": terms.CURRENT.as_json(),
            },
            now=now,
            nonce=self._random(16),
            life=emission.expires_at - now,
        )

    async def _term_statement(self, term: Document) -> JsonObject:
        return {"statement": await self._keys.sign_root(statement_payload(term, None))}


def make_decoy(now: datetime) -> tuple[StoredOrder, Mapping[str, P256Key]]:
    """An order nobody placed, by a key nobody has: what is opened in place of an order that does not exist."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = P256Key.from_public(key.public_key())
    order_id = new_id("ord")
    payload: JsonObject = {
        "v": 1,
        "type": "issue",
        "id": order_id,
        "created": int(now.timestamp()),
        "protocol": "0" * 10,
        "profile": "e-cpf-a3",
        "key_algorithm": "RSA-2048",
        "person": {"name": "X" * 24, "cpf": "0" * 11, "birth": "0" * 8, "email": "x" * 24, "phone": "+5500000000000"},
        "company": None,
        "valid_days": 1,
        "install": {"salt": "A" * 22, "argon2": ARGON2_DEFAULT.members(), "verifier": "x" * 700},
    }
    jws = sign_order(payload, key)
    return StoredOrder(order_id, "issue", "0" * 10, jws, secrets.token_bytes(32), now), {public.jkt: public}


def _digest(proof: str, identify: Document) -> bytes:
    """Which answer was accepted. Over the proof, which is random in itself, so it says nothing about the password."""
    return hashlib.sha256(identify.digest + proof.encode("ascii")).digest()
