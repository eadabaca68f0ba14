"""A certificate arrives, and leaves again: both on the AC's word, verified here."""

from collections.abc import Mapping, Sequence

from cryptography import x509

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonValue, b64u
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.credentials import chain
from hsm_service.sam.credentials.domain import Certificate, Credential, State
from hsm_service.sam.credentials.revocations import Revocation, Revocations
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.errors import BadCall, CertificateRefused, CertificateRevoked
from protocol.keys import P256Key


class Credentials:
    """``activate`` and ``revoke``."""

    def __init__(
        self,
        database: Database,
        audit: AuditChain,
        clock: Clock,
        store: CredentialStore,
        root: x509.Certificate,
        ac_roots: Mapping[str, P256Key],
        endings: Endings,
    ) -> None:
        """``root``: the AC's root certificate, ``ac_roots``: its statement keys; both pinned by files, not rows."""
        self._database, self._audit, self._clock, self._store = database, audit, clock, store
        self._root, self._ac_roots, self._endings = root, ac_roots, endings
        self._revocations = Revocations(store.seals, ac_roots)

    async def activate(self, id_: str, certificates: Sequence[bytes]) -> dict[str, JsonValue]:
        """Step h: the AC issued. Accepted only if the chain ends in the pinned root and is for our key.

        The same twice is once. A certificate that the AC revoked never becomes active, whichever we heard first.

        Raises CredentialUnknown, CertificateRefused, CertificateRevoked.
        """
        credential = await self._store.get(self._database, id_)
        spki, _ = credential.key()
        accepted = chain.accept(certificates, spki, self._root, self._clock.now())
        if credential.state is State.BOUND:
            await self._take(credential, accepted)
            credential = await self._store.get(self._database, id_)
        if credential.certificate is None or credential.certificate.hash != accepted.hash:
            raise CertificateRefused("the credential has another certificate")
        if credential.state is State.REVOKED:
            raise CertificateRevoked(id_)
        return {"credential": id_, "certificate": b64u(accepted.hash)}

    async def _take(self, credential: Credential, accepted: Certificate) -> None:
        """The certificate becomes the credential's: active, or revoked at once if the AC has said so already."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            await self._revocations.queue(connection, accepted.hash)
            revocation = await self._revocations.about(connection, accepted, now)
            certified = credential.with_certificate(accepted)
            if revocation is None:
                if await self._store.change(connection, State.BOUND, certified):
                    self._audit.note(
                        connection, "credential.activated", credential=credential.id, certificate=b64u(accepted.hash)
                    )
            elif await self._store.change(connection, State.BOUND, certified.revoked()):
                self._audit.note(connection, "credential.revoked", credential=credential.id, reason=revocation.reason)

    async def revoke(self, statement: str) -> None:
        """The AC revoked: nothing is signed with it any more, and what waited for its holder is withdrawn.

        A certificate that no credential has yet stays revoked: ``activate`` comes too late. The same twice is once.

        Raises SignatureInvalid.
        """
        now = self._clock.now()
        revocation = Revocation.open(statement, self._ac_roots, now)
        named = b64u(revocation.certificate)
        async with self._database.transaction() as connection:
            await self._revocations.queue(connection, revocation.certificate)
            new = await self._revocations.add(connection, revocation, now)
            if new:
                self._audit.note(connection, "certificate.revoked", certificate=named, reason=revocation.reason)
            credential = await self._store.with_certificate(connection, revocation.certificate)
            if credential is None or credential.state is State.REVOKED:
                return
            if not await self._store.change(connection, State.ACTIVE, credential.revoked()):
                raise BadCall("the credential changed meanwhile; repeat")
            await connection.execute(document_queries.void_credential, credential.id)
            await self._endings.of(connection, "revoked", credential=credential.id)
            self._audit.note(connection, "credential.revoked", credential=credential.id, reason=revocation.reason)
