"""What a SAM that starts learns again from the audit: the last minutes, which its memory would hold had it gone on.

A row turned back while no SAM ran would otherwise be believed. Documents and activations live minutes, so minutes are
enough for them: 15 of them cover a document's life and its activation's. The lines are believed only where their hashes
link up, from the first of them to the chain's end; that the end is not an old one, ``AuditChain.check_not_behind`` says
by the head kept outside. Left: bindings, associations and credentials that ended longer ago (docs/threats.md).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from foundation.audit import DatabaseRolledBack
from foundation.database import Database
from foundation.encoding import JsonValue, strict_json
from foundation.queries import Queries
from hsm_service.sam.associations.domain import State as AssociationState
from hsm_service.sam.associations.store import TABLE as ASSOCIATIONS
from hsm_service.sam.bindings.domain import State as BindingState
from hsm_service.sam.bindings.store import TABLE as BINDINGS
from hsm_service.sam.credentials.domain import State as CredentialState
from hsm_service.sam.credentials.store import TABLE as CREDENTIALS
from hsm_service.sam.documents.store import TABLE as DOCUMENTS
from hsm_service.sam.memory import Memory
from hsm_service.sam.rows import RowSeals

queries = Queries.load("hsm_service.sam")

WINDOW: Final = timedelta(minutes=15)
_MAX_LINE: Final = 8192


async def recall(database: Database, memory: Memory, seals: RowSeals, now: datetime) -> int:
    """Fill memory and ranks from the chains of all SAMs. Returns how many lines were read.

    Raises DatabaseRolledBack when the lines do not link up: somebody took lines out or changed them.
    """
    count = 0
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        previous: tuple[str, bytes] | None = None
        async for row in connection.cursor(queries.recent_lines, now - WINDOW):
            said = strict_json(row["body"], max_bytes=_MAX_LINE)
            if not isinstance(said, dict) or hashlib.sha256(_prev(said) + row["body"]).digest() != row["hash"]:
                raise DatabaseRolledBack(f"audit chain {row['chain']}: line {row['seq']} does not hold")
            if previous is not None and previous[0] == row["chain"] and previous[1] != _prev(said):
                raise DatabaseRolledBack(f"audit chain {row['chain']}: line {row['seq']} does not follow")
            previous = (row["chain"], row["hash"])
            _learn(memory, seals, said)
            count += 1
    return count


def _prev(said: dict[str, JsonValue]) -> bytes:
    value = said.get("prev")
    return bytes.fromhex(value) if isinstance(value, str) else b""


def _learn(memory: Memory, seals: RowSeals, said: dict[str, JsonValue]) -> None:
    def text(name: str) -> str:
        return str(said.get(name, ""))

    match said.get("event"):
        case "document.approved" | "document.refused" | "credential.bound":
            seals.remember(DOCUMENTS, text("document"), 1)
        case "signatures.made":
            memory.release(text("activation"), text("signatures"))
        case "binding.ended":
            seals.remember(BINDINGS, text("binding"), len(BindingState) - 1)
        case "association.ended":
            seals.remember(ASSOCIATIONS, text("association"), len(AssociationState) - 1)
        case "credential.revoked":
            seals.remember(CREDENTIALS, text("credential"), len(CredentialState) - 1)
        case _:
            pass
