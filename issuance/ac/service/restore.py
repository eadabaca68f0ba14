"""After the database was restored from a backup: an operator looks, and says so. Until then the AC refuses to start."""

from foundation.audit import AuditChain
from foundation.database import Database
from issuance.ac.store import AcStore


async def accept_restore(database: Database, audit: AuditChain, *, operator: str) -> int:
    """Void what was pending (visits under way), and let the audit chain go on; how many visits were voided.

    Revocations are not lost: the newest list is kept outside the database. Left to the operator: certificates issued
    after the backup are in the world and not in these rows, so OCSP calls them unknown until they are issued anew; the
    SAM's rows and the log have their serial numbers.
    """
    async with database.transaction() as connection:
        voided = await AcStore(database).void_visits(connection)
    await audit.accept_restore(operator=operator)
    return voided
