"""The holder's signed answer to a document (docs/protocol.md section 3)."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from foundation.encoding import BadEncoding, unb64u
from protocol.documents import Document
from protocol.errors import DecisionInvalid, SignatureInvalid
from protocol.keys import SIGNATURE_BYTES, P256Key
from protocol.passkeys import Assertion

DecisionWord: TypeAlias = Literal[
    "approve", "approve:without-key", "refuse:changed-mind", "refuse:wrong-content", "refuse:not-me"
]
WORDS: Final[tuple[DecisionWord, ...]] = get_args(DecisionWord)
SEPARATOR: Final = b"linkid-decision-v1\x00"
"""Domain separator: nothing else that a device key signs (DPoP proofs are JWS) begins with these bytes."""

MAX_PROOF_CHARACTERS: Final = 2048


@dataclass(frozen=True)
class Decision:
    """A decision as received: shape checked, signature not yet verified."""

    word: DecisionWord
    proof: str | None
    signature: bytes
    passkey: Assertion | None = None
    """The word of the phone's passkey over the same bytes, where it has one."""

    @classmethod
    def parse(cls, decision: object, proof: object, signature: object, passkey: object = None) -> "Decision":
        """Check the shape. Raises DecisionInvalid: unknown word, proof too long or not ASCII, signature not text; and
        PasskeyInvalid."""
        if decision not in WORDS:
            raise DecisionInvalid("an unknown decision")
        if proof is not None and (
            not isinstance(proof, str) or not proof.isascii() or not 0 < len(proof) <= MAX_PROOF_CHARACTERS
        ):
            raise DecisionInvalid(f"a proof is null or at most {MAX_PROOF_CHARACTERS} ASCII characters")
        if not isinstance(signature, str):
            raise DecisionInvalid("a signature is base64url text")
        try:
            raw = unb64u(signature, max_len=SIGNATURE_BYTES)
        except BadEncoding as cause:
            raise DecisionInvalid("a signature is base64url text") from cause
        return cls(decision, proof, raw, None if passkey is None else Assertion.parse(passkey))

    @property
    def approves(self) -> bool:
        """Whether it is a yes."""
        return approves(self.word)

    @property
    def reason(self) -> str | None:
        """Why it is a no: ``changed-mind``, ``wrong-content``, ``not-me``; None for a yes."""
        return None if self.approves else self.word.removeprefix("refuse:")

    def verify(self, document: Document, key: P256Key) -> None:
        """By this key, over these bytes, this word and this proof; and a yes is the yes of such a document.

        Raises DecisionInvalid.
        """
        try:
            key.verify(self.signature, message(document.digest, self.word, self.proof))
        except SignatureInvalid as cause:
            raise DecisionInvalid(cause.detail) from cause
        if self.approves and self.word != yes_to(document):
            raise DecisionInvalid("another word of approval than this document takes")


def approves(word: str) -> bool:
    """Whether a word is a yes, of whichever kind."""
    return word in ("approve", "approve:without-key")


def yes_to(document: Document) -> DecisionWord:
    """The one word that approves a document.

    A session that no key of the caller guards (whoever holds its bearer secret can use it) is approved by a word of its
    own: so nobody says yes to that who meant the other thing, and no screen that does not know the difference can.
    """
    if document.type == "session" and not document.texts("session_key"):
        return "approve:without-key"
    return "approve"


def proof_hash(proof: str | None) -> bytes:
    """SHA-256 over the ASCII of a JWE, or over nothing."""
    return hashlib.sha256((proof or "").encode("ascii")).digest()


def message(document_digest: bytes, word: str, proof: str | None) -> bytes:
    """What the device key signs: separator || SHA-256(document) || SHA-256(word) || SHA-256(proof or nothing)."""
    return message_from_hashes(document_digest, word, proof_hash(proof))


def message_from_hashes(document_digest: bytes, word: str, proof_digest: bytes) -> bytes:
    """The same from the kept evidence, which has the proof's hash only: the proof itself is never stored."""
    return SEPARATOR + document_digest + hashlib.sha256(word.encode("ascii")).digest() + proof_digest
