"""After the database was restored on purpose: an operator's word, and everything that waited is void."""

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.logs import get_logger
from hsm_service.sam.activations.store import queries as activation_queries
from hsm_service.sam.consents.store import queries as consent_queries
from hsm_service.sam.documents.store import queries as document_queries

_log = get_logger(__name__)


async def accept_restore(database: Database, audit: AuditChain, clock: Clock, *, operator: str) -> dict[str, int]:
    """Void every waiting document, every open activation, every consent; the audit then follows the restored database.

    ``operator``: the jkt of whoever orders it. No SAM may be running. Returns how much was voided. Left to the
    operator: what was revoked or unbound after the backup was made is active again, and must be ended again.
    """
    async with database.transaction() as connection:
        documents = len(await connection.fetch(document_queries.void_all))
        activations = len(await connection.fetch(activation_queries.void_all, clock.now()))
        consents = len(await connection.fetch(consent_queries.end_all))
    await audit.accept_restore(operator=operator)
    _log.warning("restore_accepted", documents=documents, activations=activations, consents=consents)
    return {"documents": documents, "activations": activations, "consents": consents}
