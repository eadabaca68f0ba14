"""Emission: the holder's page sets the usage password, the HSM makes the key, the AC hears of it in signed words.

a. ``prepare``: a credential with salt and parameters, and the document that asks for the password.
b. ``keys``: 1. the document's bytes are ours · 2. the key is the one they name · 3. its signature holds · 4. undecided
   (or the same decision again) · 5. the proof is for them · 6. the key is made, or was ahead of time (``pool``), and
   signs its own request · 7. bound to password and pepper · 8. one transaction: consumed, bound, evidence, audit ·
   9. possession.

The possession says to the AC that this emission key asked for this very key, by a signature that the AC verifies
itself; so a gateway cannot put its own key or password behind somebody's certificate.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject, JsonValue, b64u
from foundation.ids import new_id
from foundation.logs import get_logger
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmRequestFault
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.credentials.domain import Credential, State
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.decisions import store as evidence
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.documents.domain import State as DocumentState
from hsm_service.sam.documents.service import Documents
from hsm_service.sam.documents.stating import Stated
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.emission.pool import KeyPool
from hsm_service.sam.errors import DocumentUnknown, EmissionConflict
from hsm_service.sam.roots import Proofs, Roots
from hsm_service.sam.versions import KeyVersions
from protocol.algorithms import KeyAlgorithm
from protocol.decisions import Decision
from protocol.errors import DecisionInvalid, DocumentDecided, ProofInvalid, SignatureInvalid
from protocol.keys import P256Key
from protocol.passwords import SALT_BYTES, Argon2

Random = Callable[[int], bytes]

_log = get_logger(__name__)

POSSESSION_LIFE: Final = timedelta(minutes=10)
"""From our answer to the AC's certificate; a repetition gets a fresh one."""


class Emission:
    """``prepare`` and ``keys``; both answer the same to the same question."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        hsm: Hsm,
        documents: Documents,
        store: DocumentStore,
        credentials: CredentialStore,
        custody: Custody,
        proofs: Proofs,
        roots: Roots,
        pool: KeyPool,
        versions: KeyVersions,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._database, self._audit, self._clock, self._hsm = database, audit, clock, hsm
        self._documents, self._store, self._credentials = documents, store, credentials
        self._custody, self._proofs, self._roots = custody, proofs, roots
        self._pool, self._versions, self._random = pool, versions, random

    async def prepare(self, emission: str, key: str, key_algorithm: KeyAlgorithm) -> Stated:
        """Step g: a credential to be, and the document that asks its holder for the usage password.

        ``key``: jkt of the emission page's key. Raises EmissionConflict when the emission began with another key or
        algorithm, or has its key already.
        """
        credential = await self._credentials.of_emission(self._database, emission)
        if credential is None:
            credential = await self._begin(emission, key, key_algorithm)
        if (credential.emission_key, credential.key_algorithm) != (key, key_algorithm):
            raise EmissionConflict("the emission began with another key or algorithm")
        if credential.state is not State.PREPARED:
            raise EmissionConflict("the emission has its key already")
        return await self._documents.emission_key(credential)

    async def keys(self, id_: str, decision: Decision, signer: P256Key) -> dict[str, JsonValue]:
        """Step g: the key is born. Answers {possession, credential}.

        Raises DocumentUnknown, DecisionInvalid, DocumentDecided, DocumentExpired, ProofInvalid, TransportKeyRetired,
        EmissionConflict.
        """
        fixed = await self._store.get(self._database, id_)  # 1
        if fixed.document.type != "emission-key":
            raise DocumentUnknown(id_)
        if fixed.document.text("key") != signer.jkt:  # 2
            raise DecisionInvalid("the document is for another key")
        decision.verify(fixed.document, signer)  # 3
        if await self._is_repeated(fixed, signer, decision):  # 4
            return await self._possession(fixed)
        self._documents.demand_undecided(fixed)
        if not decision.approves:
            await self._refuse(fixed, decision, signer)
            raise DocumentDecided("refused")
        if decision.proof is None:
            raise ProofInvalid("the password is missing")
        now = self._clock.now()
        stretched = await self._proofs.open(decision.proof, "emit", fixed.document, signer, now)  # 5
        await self._make_key(fixed, decision, signer, stretched)
        return await self._possession(fixed)  # 9

    async def _begin(self, emission: str, key: str, key_algorithm: KeyAlgorithm) -> Credential:
        now, newest = self._clock.now(), await self._versions.newest()
        credential = Credential(
            id=new_id("cred", self._random),
            emission=emission,
            emission_key=key,
            key_algorithm=key_algorithm,
            state=State.PREPARED,
            salt=self._random(SALT_BYTES),
            argon2=Argon2(),
            kek=newest.kek,
            pepper=newest.pepper,
            created=now,
        )
        async with self._database.transaction() as connection:
            if await self._credentials.add(connection, credential):
                self._audit.note(connection, "credential.prepared", credential=credential.id, emission=emission)
                return credential
        other = await self._credentials.of_emission(self._database, emission)  # somebody was faster
        if other is None:
            raise EmissionConflict("the emission's row does not hold")
        return other

    async def _is_repeated(self, fixed: Fixed, signer: P256Key, decision: Decision) -> bool:
        """The same answer again: the page lost ours."""
        found = await evidence.find(self._database, fixed.id)
        if found is None or fixed.state is not DocumentState.APPROVED or not found.is_of(decision):
            return False
        try:
            found.verify(fixed.document, signer)
        except SignatureInvalid:
            return False
        return True

    async def _refuse(self, fixed: Fixed, decision: Decision, signer: P256Key) -> None:
        async with self._database.transaction() as connection:
            if not await self._store.decide(connection, fixed, DocumentState.REFUSED):
                raise DocumentDecided(fixed.id)
            await evidence.add(connection, fixed.document, decision, signer, None, self._clock.now())
            self._audit.note(connection, "document.refused", document=fixed.id, signer=signer.jkt)

    async def _make_key(self, fixed: Fixed, decision: Decision, signer: P256Key, stretched: bytes) -> None:
        credential = await self._credentials.get(self._database, fixed.document.text("credential"))
        if credential.state is not State.PREPARED:
            raise EmissionConflict("the emission has its key already")
        newest = await self._versions.newest()  # perhaps newer ones than when it was prepared
        made, request = await self._newborn(credential, newest.kek)  # 6
        bound = await self._custody.bind(  # 7
            credential.id, made.spki, made.blob, stretched, kek=made.kek, pepper=newest.pepper
        )
        born = credential.with_key(made.spki, bound, request, made.kek, newest.pepper)
        async with self._database.transaction() as connection:  # 8
            if not await self._store.decide(connection, fixed, DocumentState.APPROVED):
                raise DocumentDecided(fixed.id)
            if not await self._credentials.change(connection, State.PREPARED, born):
                raise EmissionConflict("the emission has its key already")
            await evidence.add(connection, fixed.document, decision, signer, None, self._clock.now())
            self._audit.note(
                connection,
                "credential.bound",
                credential=credential.id,
                emission=credential.emission,
                document=fixed.id,
                signer=signer.jkt,
            )

    async def _newborn(self, credential: Credential, kek: int) -> tuple[WrappedKey, bytes]:
        """6: a key that nobody else gets, and its own request. From the pool it is taken for good, whatever follows."""
        algorithm = credential.key_algorithm
        ahead = self._pool.take(algorithm, kek)
        if ahead is not None:
            try:
                return ahead, await self._hsm.request_by(ahead, algorithm, credential.id)
            except HsmRequestFault as error:
                _log.warning("pooled_key_unusable", algorithm=algorithm, detail=error.detail)
        return await self._hsm.generate_with_request(algorithm, kek, credential.id)

    async def _possession(self, fixed: Fixed) -> dict[str, JsonValue]:
        credential = await self._credentials.get(self._database, fixed.document.text("credential"))
        found = await evidence.find(self._database, fixed.id)
        if found is None or credential.spki is None or credential.request is None:
            raise EmissionConflict("the emission has no key")
        created = int(self._clock.now().timestamp())
        payload: JsonObject = {
            "v": 1,
            "type": "possession",
            "emission": credential.emission,
            "credential": credential.id,
            "key": credential.emission_key,
            "spki": b64u(credential.spki),
            "csr": b64u(credential.request),
            "document_hash": fixed.document.hash,
            "proof_hash": b64u(found.proof_hash),
            "signature": b64u(found.signature),
            "created": created,
            "expires": created + int(POSSESSION_LIFE.total_seconds()),
        }
        return {"possession": await self._roots.sign(payload), "credential": credential.id}
