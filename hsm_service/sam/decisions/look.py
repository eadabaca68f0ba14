"""What a decision is measured by, read at one look (7a, 7b): the document, and for a request everything around it."""

from dataclasses import dataclass

from foundation.database import Database, Record
from hsm_service.sam.attempts.service import Standing
from hsm_service.sam.bindings.domain import Binding
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.decisions.store import queries
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.documents.store import TABLE, DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from hsm_service.sam.rows import Alarm, RowSeals


@dataclass(frozen=True)
class Case:
    """A document whose MAC holds. For a request also: the phone's binding, if it holds; the credential's and the
    ladder's rows, which their readers have still to believe."""

    fixed: Fixed
    binding: Binding | None
    credential: Record | None
    standing: Standing
    since: int


class Look:
    """``at(document, device, proof)``."""

    def __init__(
        self,
        database: Database,
        seals: RowSeals,
        alarm: Alarm,
        documents: DocumentStore,
        bindings: BindingStore,
        credentials: CredentialStore,
    ) -> None:
        self._database, self._seals, self._alarm = database, seals, alarm
        self._documents, self._bindings, self._credentials = documents, bindings, credentials

    async def at(self, id_: str, device: str, proof: bytes) -> Case:
        """``proof``: SHA-256 of the decision's. Raises DocumentUnknown."""
        since = self._seals.now()
        row = await self._database.fetchrow(queries.look, id_, device, proof)
        if row is None:
            raise DocumentUnknown(id_)
        fixed = await self._documents.read(row["document"], id_, since)
        if row["document"]["credential"] != fixed.credential:
            # Columns only find rows: this one would have found another credential's.
            await self._alarm.raise_("row.forged", TABLE, id_)
            raise DocumentUnknown(id_)
        binding = await self._bindings.read(row["binding"], since) if fixed.document.is_request else None
        return Case(fixed, binding, row["credential"], Standing(row["ladder"], row["tried"]), since)

    async def credential(self, case: Case) -> Credential:
        """The one that the document's bytes name. Raises CredentialUnknown."""
        return await self._credentials.read(case.credential, case.fixed.document.text("credential"), case.since)
