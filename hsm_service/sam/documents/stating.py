"""The statement about a document: its bytes, signed by our root, with the current transport key where a password is
asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from foundation.database import Database
from foundation.encoding import JsonValue
from hsm_service.sam.credentials.domain import Credential
from hsm_service.sam.credentials.store import CredentialStore
from hsm_service.sam.documents.domain import Fixed
from hsm_service.sam.roots import Proofs, Roots
from protocol import statements
from protocol.documents import REQUESTS, Document
from protocol.proofs import Purpose

PURPOSE: Mapping[str, Purpose] = {
    "pair": "pair",
    "unblock": "unblock",
    "generator": "generator",
    "passkey": "passkey",
    "passkey-end": "passkey",
    **dict.fromkeys(REQUESTS, "sign"),
    "emission-key": "emit",
}
"""Which documents ask for the password, and for what."""


@dataclass(frozen=True)
class Stated:
    """A document that waits, and the statement of it."""

    fixed: Fixed
    statement: str

    def answer(self) -> dict[str, JsonValue]:
        """As the private calls answer."""
        return {"document": self.fixed.id, "statement": self.statement, "expires": self.fixed.document.expires}


class Stating:
    """``state(document)``."""

    def __init__(self, database: Database, credentials: CredentialStore, roots: Roots, proofs: Proofs) -> None:
        self._database, self._credentials, self._roots, self._proofs = database, credentials, roots, proofs

    async def state(self, document: Document, credential: Credential | None = None) -> str:
        """``credential``: the document's, if the caller has it at hand. Raises CredentialUnknown, HsmUnavailable."""
        purpose = PURPOSE.get(document.type)
        wanted = None
        if purpose is not None:
            credential = credential or await self._credentials.get(self._database, document.text("credential"))
            wanted = await self._proofs.wanted(purpose, credential.salt, credential.argon2)
        return await self._roots.sign(statements.statement_payload(document, wanted))
