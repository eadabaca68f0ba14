"""Rows of ``sam.activations`` and ``sam.occurrences``."""

from collections.abc import Sequence
from datetime import datetime

from foundation.database import Connection, Record
from foundation.queries import Queries
from hsm_service.sam.activations.domain import Activation, Occurrence
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import ActivationExpired, ActivationUnknown
from hsm_service.sam.rows import Alarm, Reader, RowSeals
from protocol.documents import DocumentType

queries = Queries.load("hsm_service.sam.activations")
TABLE = "activations"


class ActivationStore:
    """Adds and finds activations; occurrences are reserved and signed by guarded statements."""

    def __init__(self, seals: RowSeals, documents: DocumentStore, alarm: Alarm) -> None:
        self._seals, self._documents, self._alarm = seals, documents, alarm

    async def add(self, connection: Connection, activation: Activation, *, caller: str | None = None) -> None:
        """With its occurrences; part of 7f. ``caller``: of a session, to find it by."""
        mac = await self._seals.seal(TABLE, activation.meaning())
        await connection.execute(
            queries.add, activation.id, activation.document, activation.credential, activation.sealed,
            activation.until, mac, activation.maximum, activation.binding, caller,
        )  # fmt: skip
        ordinals = list(range(len(activation.digests)))
        await connection.execute(queries.add_occurrences, activation.id, ordinals, list(activation.digests))

    async def get(self, reader: Reader, id_: str, type_: DocumentType = "sign") -> tuple[Activation, Fixed]:
        """An activation of such a document whose MAC holds, and the document.

        Raises ActivationUnknown, DocumentUnknown; ActivationExpired for one whose sealed blob was forgotten (its MAC
        would not hold any more, and that is no alarm).
        """
        named = await reader.fetch(queries.document_of, id_)
        if not named:
            raise ActivationUnknown(id_)
        if named[0]["forgotten"]:
            raise ActivationExpired(id_)
        fixed = await self._documents.get(reader, named[0]["document"])
        if fixed.document.type != type_:
            raise ActivationUnknown(id_)
        found = await self._seals.fetch_one(TABLE, lambda row: _read(row, fixed), reader, queries.by_id, id_)
        if found is None:
            raise ActivationUnknown(id_)
        return found, fixed

    async def of_document(self, reader: Reader, document: str) -> tuple[str, datetime] | None:
        """Id and end of what a document's approval left."""
        rows = await reader.fetch(queries.by_document, document)
        return (rows[0]["id"], rows[0]["until"]) if rows else None

    async def open_sessions(self, reader: Reader, credentials: Sequence[str], now: datetime) -> list[str]:
        """Ids of the sessions of these credentials that are open still; each is to be believed only by ``get``."""
        return [str(row["id"]) for row in await reader.fetch(queries.sessions_of, list(credentials), now)]

    async def credential_of_session(self, reader: Reader, id_: str) -> str | None:
        """Whose session it is, open or over; what a row says that is not believed yet: good enough to end it."""
        rows = await reader.fetch(queries.session_of, id_)
        return str(rows[0]["credential"]) if rows else None

    async def occurrences(self, reader: Reader, activation: Activation) -> list[Occurrence]:
        """In the document's order. Raises ActivationUnknown when the rows are not those that 7f wrote."""
        rows = await reader.fetch(queries.occurrences, activation.id)
        found = [Occurrence(row["ordinal"], row["hash"], row["signature"]) for row in rows]
        if [one.digest for one in found] != list(activation.digests):
            await self._alarm.raise_("row.forged", "occurrences", activation.id)
            raise ActivationUnknown(activation.id)
        return found

    async def reserve(self, connection: Connection, activation: str) -> None:
        """Step 8: the occurrences that nobody reserved yet."""
        await connection.execute(queries.reserve, activation)

    async def store_signatures(
        self, connection: Connection, activation: str, signatures: Sequence[bytes], now: datetime
    ) -> int:
        """How many were stored; less than all when somebody else was first."""
        ordinals = list(range(len(signatures)))
        rows = await connection.fetch(queries.store_signatures, activation, ordinals, list(signatures), now)
        return len(rows)


def _read(row: Record, fixed: Fixed) -> Activation:
    return Activation(
        row["id"], row["document"], fixed.document.hash, row["credential"],
        fixed.document.digests() if fixed.document.type == "sign" else (), row["sealed"], row["until"], row["voided"],
        row["maximum"], row["binding"], row["used"], row["last_used"], row["mac"],
    )  # fmt: skip
