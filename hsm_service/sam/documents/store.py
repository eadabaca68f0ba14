"""Rows of ``sam.documents`` and ``sam.freezes``; only documents whose MAC holds come out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.database import Connection, Record
from foundation.encoding import strict_json
from foundation.queries import Queries
from hsm_service.sam.documents.domain import Fixed, State
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.rows import Alarm, Reader, RowSeals
from protocol.documents import Document

queries = Queries.load("hsm_service.sam.documents")
TABLE = "documents"
_MAX_CONTEXT = 4096


@dataclass(frozen=True)
class ToState:
    """A document that holds, and for a request the rows of phone and credential, which their readers have still to
    believe."""

    fixed: Fixed
    binding: Record | None
    credential: Record | None
    since: int


class DocumentStore:
    """Finds, adds and consumes documents."""

    def __init__(self, seals: RowSeals, alarm: Alarm) -> None:
        self._seals, self._alarm = seals, alarm

    async def get(self, reader: Reader, id_: str) -> Fixed:
        """Raises DocumentUnknown when there is none, or its row does not hold."""
        since = self._seals.now()
        rows = await reader.fetch(queries.by_id, id_)
        return await self.read(rows[0] if rows else None, id_, since)

    async def read(self, record: Record | None, id_: str, since: int) -> Fixed:
        """The same of a record that was fetched with more; ``since``: ``RowSeals.now()`` from before that."""
        found = None if record is None else await self._seals.believed(TABLE, _read, record, since)
        if found is None:
            raise DocumentUnknown(id_)
        if found.id != id_:  # genuine bytes under another's name
            await self._alarm.raise_("row.forged", TABLE, id_)
            raise DocumentUnknown(id_)
        return found

    async def to_state(self, reader: Reader, id_: str, device: str) -> "ToState":
        """For telling it to a phone. Raises DocumentUnknown."""
        since = self._seals.now()
        rows = await reader.fetch(queries.to_state, id_, device)
        if not rows:
            raise DocumentUnknown(id_)
        fixed = await self.read(rows[0]["document"], id_, since)
        if rows[0]["document"]["credential"] != fixed.credential:
            # Columns only find rows: this one would have found another credential's.
            await self._alarm.raise_("row.forged", TABLE, id_)
            raise DocumentUnknown(id_)
        return ToState(fixed, rows[0]["binding"], rows[0]["credential"], since)

    async def waiting_for_device(
        self, reader: Reader, device: str, credentials: Sequence[str], now: datetime
    ) -> list[Fixed]:
        """What a phone with these active bindings may decide now."""
        return await self._seals.fetch(TABLE, _read, reader, queries.waiting_for_device, device, list(credentials), now)

    async def freezes(self, reader: Reader, credential: str) -> list[tuple[str, datetime]]:
        """Whom the holder called "not me", each as ``caller_name`` has it, and since when. Told, not believed."""
        return [(row["caller"], row["since"]) for row in await reader.fetch(queries.freezes, credential)]

    async def waiting_for_credential(self, reader: Reader, credential: str, type_: str, now: datetime) -> Fixed | None:
        """The newest waiting one of a type."""
        return await self._seals.fetch_one(TABLE, _read, reader, queries.waiting_for_credential, credential, type_, now)

    async def mac(self, fixed: Fixed) -> bytes:
        """For whoever writes the row."""
        return await self._seals.seal(TABLE, fixed.meaning())

    async def add(self, connection: Connection, fixed: Fixed, now: datetime) -> None:
        """Any document but a request, which ``requests`` fixes."""
        mac = await self.mac(fixed)
        await connection.execute(
            queries.add, fixed.id, fixed.document.type, fixed.document.data, fixed.context_bytes, fixed.credential,
            fixed.device, fixed.caller, now, fixed.expires_at, mac, fixed.document.members.get("verification_code"),
        )  # fmt: skip

    async def add_opened(self, connection: Connection, fixed: Fixed, now: datetime) -> None:
        """A request that nobody is asked about any more (``explicit``)."""
        mac = await self.mac(fixed)
        await connection.execute(
            queries.add_opened, fixed.id, fixed.document.type, fixed.document.data, fixed.context_bytes,
            fixed.credential, fixed.caller, now, fixed.expires_at, mac,
        )  # fmt: skip
        self.decided(connection, fixed, State.APPROVED)

    async def decide(self, connection: Connection, fixed: Fixed, state: State) -> bool:
        """The guarded UPDATE: True for exactly one caller."""
        if await connection.fetchval(queries.decide, fixed.id, state.value) is not True:
            return False
        self.decided(connection, fixed, state)
        return True

    def decided(self, connection: Connection, fixed: Fixed, state: State) -> None:
        """This transaction decides it: a row that waits again does not count once it is committed."""
        self._seals.advanced(connection, TABLE, replace(fixed, state=state))


def _read(row: Record) -> Fixed | None:
    context = strict_json(row["context"], max_bytes=_MAX_CONTEXT)
    if not isinstance(context, dict):
        return None
    return Fixed(Document.parse(row["data"]), context, State(row["state"]), row["mac"])
