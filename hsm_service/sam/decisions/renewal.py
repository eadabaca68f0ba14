"""7f: the row of a credential gets the binding by the newest pepper, in the transaction that takes the decision.

First in it: whoever revokes a credential locks its row before its documents, so we do as well.
"""

from dataclasses import dataclass

from foundation.audit import AuditChain
from foundation.database import Connection
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore


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
