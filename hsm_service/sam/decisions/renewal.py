"""7f: the row of a credential gets the binding by the newest pepper, in the transaction that takes the decision.

First in it: whoever revokes a credential locks its row before its documents, so we do as well.
"""

from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.database import Connection
from foundation.errors import LinkIdError
from foundation.logs import get_logger
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.custody import Custody
from hsm_service.sam.versions import KeyVersions

_log = get_logger(__name__)


@dataclass(frozen=True)
class Renewal:
    """The credential as its row was opened, and as the right password bound it anew, sealed."""

    before: Credential
    after: Credential


async def renew(connection: Connection, credentials: CredentialStore, audit: AuditChain, renewal: Renewal) -> None:
    """K10: write it, if the row still is the one that was opened. Safe to begin again after a rollback.

    Whoever was faster wrote a binding by the same password around the same key: then nothing is lost, nothing is to do.
    """
    before, after = renewal.before, renewal.after
    if await credentials.rebind(connection, before, after):
        audit.note(
            connection,
            "credential.rebound",
            credential=after.id,
            pepper_before=before.pepper,
            pepper=after.pepper,
        )


class Renewals:
    """``of``: whenever a right password opened a credential."""

    def __init__(self, credentials: CredentialStore, custody: Custody, versions: KeyVersions) -> None:
        self._credentials, self._custody, self._versions = credentials, custody, versions

    async def of(self, credential: Credential, wrapped: bytes, stretched: bytes) -> Renewal | None:
        """K10: bound by the newest pepper; None when it is, or cannot be now (the next right password tries again)."""
        try:
            newest = await self._versions.newest()
            if newest.pepper <= credential.pepper:
                return None
            bound = await self._custody.rebind(credential, wrapped, stretched, pepper=newest.pepper)
            return Renewal(credential, await self._credentials.sealed(bound))
        except LinkIdError as error:  # what the holder wants must not fail for it
            _log.error("not_rebound", credential=credential.id, error_code=error.code, detail=error.detail)
            return None
