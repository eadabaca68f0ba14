"""Rows of ``sam.activations`` and ``sam.signatures``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from foundation.clock import Clock
from foundation.database import Connection, Database, Record
from foundation.group_commit import GroupCommit, Statement
from foundation.queries import Queries
from hsm_service.sam.activations.domain import Activation
from hsm_service.sam.documents.domain import Fixed, caller_name
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import ActivationExpired, ActivationUnknown
from hsm_service.sam.rows import Alarm, Reader, RowSeals
from protocol.documents import DocumentType

queries = Queries.load("hsm_service.sam.activations")
TABLE = "activations"

T = TypeVar("T")


@dataclass(frozen=True)
class Looked:
    """An activation and its document that hold; ``around``: records of credential, association, client, what was signed
    (of a session: binding and use) and whether the caller is frozen, which their readers have still to believe."""

    activation: Activation
    fixed: Fixed
    around: Record
    since: int


class ActivationStore:
    """Finds activations; what they are used for is stored once. 7f (``decisions.approval``) adds them."""

    def __init__(
        self, database: Database, seals: RowSeals, documents: DocumentStore, alarm: Alarm, *, explicit: bool = False
    ) -> None:
        """``explicit``: whether what applications opened with the holder's factors is good."""
        self._explicit = explicit
        self._database, self._seals, self._documents, self._alarm = database, seals, documents, alarm

    async def add_session(self, connection: Connection, activation: Activation, *, caller: str | None) -> None:
        """Part of 7f; ``caller``: to find it by."""
        mac = await self._seals.seal(TABLE, activation.meaning())
        await connection.execute(
            queries.add_session, activation.id, activation.document, activation.credential, activation.sealed,
            activation.until, mac, activation.maximum, activation.binding, caller, activation.consent,
        )  # fmt: skip

    async def add_listed(self, connection: Connection, activation: Activation) -> None:
        """What an application opened with the holder's factors, over listed hashes."""
        mac = await self._seals.seal(TABLE, activation.meaning())
        await connection.execute(
            queries.add_listed, activation.id, activation.document, activation.credential, activation.sealed,
            activation.until, mac, activation.consent,
        )  # fmt: skip

    async def session(self, reader: Reader, id_: str) -> tuple[Activation, Fixed]:
        """A session whose MAC holds, and its document. Raises as ``look`` does."""
        since = self._seals.now()
        rows = await reader.fetch(queries.session, id_)
        if not rows:
            raise ActivationUnknown(id_)
        return await self._pair(rows[0], id_, "session", since)

    async def look_session(self, id_: str, caller_kind: str, caller_id: str, counter: int) -> Looked:
        """``look`` for a use of a session."""
        since = self._seals.now()
        caller = caller_name(caller_kind, caller_id)
        row = await self._database.fetchrow(queries.look_session, id_, caller, caller_id, counter)
        if row is None:
            raise ActivationUnknown(id_)
        activation, fixed = await self._pair(row, id_, "session", since)
        return Looked(activation, fixed, row, since)

    async def look(self, id_: str, caller_kind: str, caller_id: str) -> Looked:
        """An activation whose MAC holds, and its document's; with it the rows around it.

        Raises ActivationUnknown, DocumentUnknown; ActivationExpired for one whose sealed blob was forgotten (its MAC
        would not hold any more, and that is no alarm).
        """
        since = self._seals.now()
        row = await self._database.fetchrow(queries.look, id_, caller_name(caller_kind, caller_id), caller_id)
        if row is None:
            raise ActivationUnknown(id_)
        activation, fixed = await self._pair(row, id_, "sign", since)
        return Looked(activation, fixed, row, since)

    async def _pair(self, row: Record, id_: str, type_: DocumentType, since: int) -> tuple[Activation, Fixed]:
        if not row["activation"]["sealed"]:
            raise ActivationExpired(id_)
        fixed = await self._documents.read(row["document"], row["activation"]["document"], since)
        if fixed.document.type != type_:
            raise ActivationUnknown(id_)
        found = await self._seals.believed(TABLE, lambda record: _read(record, fixed), row["activation"], since)
        if found is None or found.id != id_:
            raise ActivationUnknown(id_)
        if found.consent is not None and not self._explicit:
            raise ActivationExpired("this deployment takes no factors from applications any more")
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

    async def signatures(self, reader: Reader, activation: Activation) -> list[bytes] | None:
        """What was signed under it, in the document's order; None: nothing yet. To be verified before it leaves."""
        rows = await reader.fetch(queries.signatures, activation.id)
        return signatures_of(rows[0]["signatures"]) if rows else None

    @staticmethod
    async def store_signatures(
        commits: GroupCommit,
        activation: Activation,
        signatures: Sequence[bytes],
        clock: Clock,
        then: "Callable[[Connection, list[bytes] | None], T]",
    ) -> "T":
        """``then`` gets the signatures that were stored now; None when somebody else was first."""
        args = (activation.id, list(signatures))
        return await commits.run(
            Statement(
                queries.store_signatures,
                lambda: (*args, clock.now()),
                lambda connection, row: then(connection, signatures_of(row["signatures"])),
            )
        )


def signatures_of(column: Sequence[object] | None) -> list[bytes] | None:
    """As a row has them. What we cannot have written (null, a list in the list) is text that verifies nowhere."""
    return None if column is None else [one if isinstance(one, bytes) else b"" for one in column]


def _read(row: Record, fixed: Fixed) -> Activation:
    return Activation(
        row["id"], row["document"], fixed.document.hash, row["credential"],
        fixed.document.digests() if fixed.document.type == "sign" else (), row["sealed"], row["until"], row["voided"],
        row["maximum"], row["binding"], row["used"], row["last_used"], row["consent"], row["mac"],
    )  # fmt: skip
