"""After the database was restored on purpose: an operator's word, and everything that waited is void."""

from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.logs import get_logger
from hsm_service.sam.activations.store import queries as activation_queries
from hsm_service.sam.consents.store import queries as consent_queries
from hsm_service.sam.documents.store import queries as document_queries

_WHY: Final = "restored"

_log = get_logger(__name__)


async def accept_restore(database: Database, audit: AuditChain, clock: Clock, *, operator: str) -> dict[str, int]:
    """Void every waiting document, every open activation, every consent; the audit then follows the restored database.

    ``operator``: the jkt of whoever orders it. No SAM may be running. Returns how much was voided. Left to the
    operator: what was revoked or unbound after the backup was made is active again, and must be ended again.
    """
    async with database.transaction() as connection:
        documents = len(await connection.fetch(document_queries.void_all))
        activations = await connection.fetch(activation_queries.void_all, clock.now())
        consents = await connection.fetch(consent_queries.end_all)
    await audit.accept_restore(operator=operator)
    # What lives longer than the minutes that a SAM learns again by itself is over by the audit's word too: else whoever
    # writes to the database could turn the row back.
    async with database.transaction() as connection:
        for row in activations:
            if row["maximum"] is not None:
                audit.note(
                    connection, "session.ended", activation=row["id"], credential=row["credential"], why=_WHY
                )  # fmt: skip
        for row in consents:
            audit.note(
                connection, "consent.ended", consent=row["id"], credential=row["credential"], caller=row["caller"],
                why=_WHY,
            )  # fmt: skip
    voided = {"documents": documents, "activations": len(activations), "consents": len(consents)}
    _log.warning("restore_accepted", **voided)
    return voided
