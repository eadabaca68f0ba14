"""Rows of ``sam.decisions``: evidence that anybody can verify, so they need no MAC."""

from dataclasses import dataclass
from datetime import datetime

from foundation.database import Connection, Record
from foundation.errors import BadInput
from foundation.queries import Queries
from hsm_service.sam.rows import Reader
from protocol.decisions import Decision, message_from_hashes, proof_hash
from protocol.documents import Document
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key

queries = Queries.load("hsm_service.sam.decisions")


@dataclass(frozen=True)
class Evidence:
    """A decision as kept. The proof itself is not: only its hash, which the signature covers."""

    document: str
    word: str
    signer: P256Key
    device: str | None
    document_hash: bytes
    proof_hash: bytes
    signature: bytes

    def verify(self, document: Document, signer: P256Key) -> None:
        """Whether this key signed this word about these bytes. Raises SignatureInvalid."""
        if self.document_hash != document.digest or self.signer.jkt != signer.jkt:
            raise SignatureInvalid("the evidence is about other bytes, or by another key")
        signer.verify(self.signature, message_from_hashes(document.digest, self.word, self.proof_hash))

    def is_of(self, decision: Decision) -> bool:
        """Whether it is the same answer again (a caller that lost ours repeats itself)."""
        return self.word == decision.word and self.proof_hash == proof_hash(decision.proof)


async def add(
    connection: Connection, document: Document, decision: Decision, signer: P256Key, device: str | None, now: datetime
) -> None:
    """Part of 7f, and of a refusal."""
    await connection.execute(
        queries.add, document.id, decision.word, signer.point, device, document.digest, proof_hash(decision.proof),
        decision.signature, now,
    )  # fmt: skip


async def find(reader: Reader, document: str) -> Evidence | None:
    """The evidence of a document's decision, not yet verified."""
    rows = await reader.fetch(queries.of, document)
    return read(rows[0] if rows else None)


def read(row: Record | None) -> Evidence | None:
    """The same of a record that was fetched with more."""
    if row is None:
        return None
    try:
        signer = P256Key.from_point(row["signer"])
    except BadInput:
        return None
    return Evidence(
        row["document"], row["decision"], signer, row["device"], row["document_hash"], row["proof_hash"],
        row["signature"],
    )  # fmt: skip
