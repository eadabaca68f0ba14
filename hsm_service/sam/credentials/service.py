"""A certificate arrives, and leaves again: both on the AC's word, verified here."""

from collections.abc import Mapping, Sequence

from cryptography import x509

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonValue, b64u, unb64u
from hsm_service.sam.credentials import chain
from hsm_service.sam.credentials.domain import State
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.store import queries as document_queries
from hsm_service.sam.errors import BadCall, CertificateRefused, CredentialUnknown
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key
from protocol.statements import open_root_signed


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
    ) -> None:
        """``root``: the AC's root certificate, ``ac_roots``: its statement keys; both pinned by files, not rows."""
        self._database, self._audit, self._clock, self._store = database, audit, clock, store
        self._root, self._ac_roots = root, ac_roots

    async def activate(self, id_: str, certificates: Sequence[bytes]) -> dict[str, JsonValue]:
        """Step h: the AC issued. Accepted only if the chain ends in the pinned root and is for our key.

        The same twice is once.

        Raises CredentialUnknown, CertificateRefused.
        """
        credential = await self._store.get(self._database, id_)
        spki, _ = credential.key()
        accepted = chain.accept(certificates, spki, self._root, self._clock.now())
        if credential.state is State.BOUND:
            async with self._database.transaction() as connection:
                if await self._store.change(connection, State.BOUND, credential.with_certificate(accepted)):
                    self._audit.note(
                        connection, "credential.activated", credential=id_, certificate=b64u(accepted.hash)
                    )
            credential = await self._store.get(self._database, id_)
        if credential.certificate is None or credential.certificate.hash != accepted.hash:
            raise CertificateRefused("the credential has another certificate")
        return {"credential": id_, "certificate": b64u(accepted.hash)}

    async def revoke(self, revocation: str) -> None:
        """The AC revoked: nothing is signed with it any more, and what waited for its holder is withdrawn.

        Raises SignatureInvalid, CredentialUnknown.
        """
        said = open_root_signed(revocation, "revoked", self._ac_roots, now=self._clock.now(), expires=False)
        named, reason = said.get("certificate"), said.get("reason")
        if not isinstance(named, str) or not isinstance(reason, str):
            raise SignatureInvalid("not the members of a revocation")
        credential = await self._store.with_certificate(self._database, unb64u(named, max_len=32))
        if credential is None:
            raise CredentialUnknown("no credential has this certificate")
        if credential.state is State.REVOKED:
            return
        async with self._database.transaction() as connection:
            if not await self._store.change(connection, State.ACTIVE, credential.revoked()):
                raise BadCall("the credential changed meanwhile; repeat")
            await connection.execute(document_queries.void_credential, credential.id)
            self._audit.note(connection, "credential.revoked", credential=credential.id, reason=reason)
