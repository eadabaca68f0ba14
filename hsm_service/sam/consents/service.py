"""A phone's list of consents, and their end by its holder."""

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import JsonObject, JsonValue
from hsm_service.sam.activations.endings import Endings
from hsm_service.sam.bindings.store import BindingStore
from hsm_service.sam.consents.domain import Consent
from hsm_service.sam.consents.store import ConsentStore
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.documents.store import DocumentStore
from hsm_service.sam.errors import DocumentUnknown
from protocol.errors import ConsentUnknown


class Consents:
    """``consents/list``, ``consents/end``. Ending asks for no signature: it only takes rights away."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        store: ConsentStore,
        bindings: BindingStore,
        documents: DocumentStore,
        endings: Endings,
    ) -> None:
        self._database, self._clock, self._store = database, clock, store
        self._bindings, self._documents, self._endings = bindings, documents, endings

    async def list(self, device: str) -> JsonObject:
        """Those of the certificates that this phone may decide for, the newest first."""
        credentials = await self._credentials(device)
        found = await self._store.of_credentials(self._database, credentials, self._clock.now())
        told: list[JsonValue] = []
        for consent in found:
            try:
                fixed = await self._documents.get(self._database, consent.id)
            except DocumentUnknown:
                continue  # the alarm was raised
            if consent.credential in credentials:
                told.append(_told(consent, fixed))
        return {"consents": told}

    async def end(self, id_: str, device: str) -> None:
        """From the next signature on; one that is over stays over. Raises ConsentUnknown: none of this phone's."""
        found = await self._store.find(self._database, id_)
        if found is None or found.credential not in await self._credentials(device):
            raise ConsentUnknown(id_)
        async with self._database.transaction() as connection:
            await self._endings.consent(connection, id_, "holder")

    async def _credentials(self, device: str) -> set[str]:
        return {one.credential for one in await self._bindings.of_device(self._database, device, active=True)}


def _told(consent: Consent, fixed: Fixed) -> JsonObject:
    """For the phone's list. Times in seconds since 1970."""
    return {
        "consent": consent.id,
        "credential": consent.credential,
        "caller": dict(fixed.document.object("caller")),
        "purpose": fixed.document.text("purpose"),
        "until": int(consent.until.timestamp()),
        "maximum": consent.maximum,
        "used": consent.used,
        "created": int(consent.created.timestamp()),
        "last_used": None if consent.last_used is None else int(consent.last_used.timestamp()),
    }
