"""The evidence of a decision, as a holder keeps it (docs/protocol.md section 17): whole by itself, checked by anybody.

What it proves with nobody's word but mathematics: this device key said this word to these bytes. (Where an application
sent the holder's factors, the bytes are those of the consent, and ``consent`` has them; that the factors were right is
the SAM's word.) By the certificate's
chain: what was signed then is what the bytes list. By the SAM's root, around it all: whose key that was, when, and
which lines of the audit tell of it, to be found again in an export of the audit.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from foundation.encoding import JsonObject, JsonValue, b64u, strict_json, unb64u
from foundation.errors import LinkIdError
from protocol import algorithms
from protocol.decisions import WORDS, approves, message_from_hashes, yes_to
from protocol.documents import Document
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key
from protocol.statements import MAX_BYTES, open_root_signed

_MEMBERS: Final = {
    "v", "type", "document", "decision", "proof_hash", "signature", "device", "device_key", "decided", "chain",
    "signatures", "lines",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A line of the audit: its hash is SHA-256(hash of the line before, which the text names || text)."""

    body: bytes
    hash: bytes

    def verify(self) -> None:
        """Raises SignatureInvalid when text and hash do not belong together."""
        said = strict_json(self.body, max_bytes=8192)
        prev = said.get("prev") if isinstance(said, Mapping) else None
        if not isinstance(prev, str) or hashlib.sha256(bytes.fromhex(prev) + self.body).digest() != self.hash:
            raise SignatureInvalid("a line of the audit does not hold")


@dataclass(frozen=True)
class Evidence:
    """``signatures``: one for each hash of the document, in its order; none when none was made. ``chain``: DER, leaf
    first; empty for documents that name no credential. ``decided``: seconds since 1970."""

    document: Document
    word: str
    proof_hash: bytes
    signature: bytes
    device: str
    device_key: P256Key
    decided: int
    chain: Sequence[bytes]
    signatures: Sequence[bytes]
    lines: Sequence[Line]
    consent: Document | None = None
    """What was decided, when the document was opened by factors that an application sent."""

    @property
    def decided_upon(self) -> Document:
        """Whose bytes the device key signed."""
        return self.consent or self.document

    def payload(self) -> JsonObject:
        """What the SAM's root signs."""
        consent: JsonObject = {} if self.consent is None else {"consent": b64u(self.consent.data)}
        return {
            **consent,
            "v": 1,
            "type": "evidence",
            "document": b64u(self.document.data),
            "decision": self.word,
            "proof_hash": b64u(self.proof_hash),
            "signature": b64u(self.signature),
            "device": self.device,
            "device_key": self.device_key.jwk,
            "decided": self.decided,
            "chain": [b64u(der) for der in self.chain],
            "signatures": [b64u(one) for one in self.signatures],
            "lines": [{"body": line.body.decode("utf-8"), "hash": line.hash.hex()} for line in self.lines],
        }

    def verify(self) -> None:
        """All that needs no root: decision, signatures, lines. Raises SignatureInvalid, AlgorithmRefused."""
        decided = self.decided_upon
        if self.consent is not None:
            self._demand_consented(self.consent)
        if approves(self.word) and self.word != yes_to(decided):
            raise SignatureInvalid("another word of approval than this document takes")
        self.device_key.verify(self.signature, message_from_hashes(decided.digest, self.word, self.proof_hash))
        for line in self.lines:
            line.verify()
        if not self.signatures:
            return
        if not approves(self.word) or b64u(hashlib.sha256(self.chain[0]).digest()) != self.document.text("certificate"):
            raise SignatureInvalid("signatures without an approval, or by another certificate than the approved one")
        public = x509.load_der_x509_certificate(self.chain[0]).public_key()
        if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise SignatureInvalid("the certificate's key is of another kind")
        algorithm = algorithms.SIGN_ALGORITHMS[self.document.text("sign_algorithm")]
        digests = self.document.digests()
        if len(digests) != len(self.signatures):
            raise SignatureInvalid("as many signatures as hashes")
        for digest, signature in zip(digests, self.signatures, strict=True):
            algorithm.verify(public, signature, digest)

    def _demand_consented(self, consent: Document) -> None:
        """A yes, to this application, for this certificate, that was not over when the document was opened."""
        same = all(consent.members[name] == self.document.members[name] for name in ("credential", "certificate"))
        callers = [dict(one.object("caller")) for one in (consent, self.document)]
        if consent.type != "consent" or not same or callers[0]["id"] != callers[1]["id"] or not approves(self.word):
            raise SignatureInvalid("the holder consented to something else")
        if not consent.created <= self.document.created <= consent.number("until"):
            raise SignatureInvalid("the consent was over, or not given yet")


def open_evidence(jws: str, keys: Mapping[str, P256Key], *, now: datetime) -> Evidence:
    """Verified: the root's signature around it, and everything in it. Raises SignatureInvalid."""
    payload = open_root_signed(jws, "evidence", keys, now=now, expires=False)
    if set(payload) - {"consent"} != _MEMBERS:
        raise SignatureInvalid("not the members of an evidence")
    try:
        evidence = _read(payload)
        evidence.verify()
    except SignatureInvalid:
        raise
    except (LinkIdError, ValueError, KeyError, TypeError, IndexError) as cause:
        raise SignatureInvalid("not the members of an evidence") from cause
    return evidence


def _read(payload: Mapping[str, JsonValue]) -> Evidence:
    word, decided, device = payload["decision"], payload["decided"], payload["device"]
    if word not in WORDS or not isinstance(decided, int) or not isinstance(device, str):
        raise SignatureInvalid("not the members of an evidence")
    lines = [
        Line(str(one["body"]).encode("utf-8"), bytes.fromhex(str(one["hash"])))
        for one in _list(payload["lines"])
        if isinstance(one, Mapping)
    ]
    return Evidence(
        document=Document.parse(_bytes(payload["document"])),
        word=word,
        proof_hash=_bytes(payload["proof_hash"]),
        signature=_bytes(payload["signature"]),
        device=device,
        device_key=P256Key.from_jwk(payload["device_key"]),
        decided=decided,
        chain=[_bytes(one) for one in _list(payload["chain"])],
        signatures=[_bytes(one) for one in _list(payload["signatures"])],
        lines=lines,
        consent=Document.parse(_bytes(payload["consent"])) if "consent" in payload else None,
    )


def _list(value: JsonValue) -> Sequence[JsonValue]:
    if not isinstance(value, list):
        raise SignatureInvalid("not the members of an evidence")
    return value


def _bytes(value: JsonValue) -> bytes:
    if not isinstance(value, str):
        raise SignatureInvalid("not the members of an evidence")
    return unb64u(value, max_len=MAX_BYTES)
