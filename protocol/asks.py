"""What a caller with a key signs when it asks for signatures (docs/protocol.md section 9.5).

So that nobody asks in its name: a computer by its association's key, an integrator by a key that an operator's order
names.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foundation.encoding import BadEncoding, JsonObject, b64u, canonical_json, unb64u
from foundation.ids import is_id
from protocol.consents import ConsentTerms
from protocol.errors import AskInvalid, SignatureInvalid
from protocol.keys import SIGNATURE_BYTES, P256Key
from protocol.sessions import Terms

SEPARATOR: Final = b"linkid-ask-v1\x00"
"""Domain separator: nothing else that such a key signs (all of it JWS) begins with these bytes."""

SESSION_SEPARATOR: Final = b"linkid-session-ask-v1\x00"
"""Of an ask for a session: so that no ask for hashes passes as one, nor the other way."""

CONSENT_SEPARATOR: Final = b"linkid-consent-ask-v1\x00"
"""Of an ask for a consent."""

NONCE_BYTES: Final = 16
FRESH: Final = timedelta(seconds=120)
"""How far ``created`` may lie from the SAM's clock, before or after."""

_MEMBERS: Final = {"nonce", "created", "signature"}
_MAX_CREATED: Final = 2**53


@dataclass(frozen=True)
class SignedAsk:
    """The three members as received: shape checked, signature not yet verified."""

    nonce: bytes
    created: int
    signature: bytes

    @classmethod
    def parse(cls, value: object) -> "SignedAsk":
        """Check the shape. Raises AskInvalid: missing, foreign members, wrong types or lengths."""
        if not isinstance(value, Mapping) or set(value) != _MEMBERS:
            raise _malformed("an ask has exactly the members nonce, created, signature")
        created = value["created"]
        if isinstance(created, bool) or not isinstance(created, int) or not 0 <= created < _MAX_CREATED:
            raise _malformed("created is a number of seconds")
        return cls(_bytes(value["nonce"], NONCE_BYTES), created, _bytes(value["signature"], SIGNATURE_BYTES))

    def members(self) -> dict[str, str | int]:
        """As it travels."""
        return {"nonce": b64u(self.nonce), "created": self.created, "signature": b64u(self.signature)}

    def verify(
        self,
        *,
        caller: str,
        credential: str,
        hash_algorithm: str,
        documents: Sequence[JsonObject],
        keys: Sequence[P256Key],
        now: datetime,
    ) -> None:
        """By one of these keys, lately, for exactly these documents. That it is the first use is the database's to say.

        ``documents``: the member of the approval document. Raises AskInvalid.
        """
        signed = message(caller, credential, hash_algorithm, documents, nonce=self.nonce, created=self.created)
        self._demand(signed, keys, now)

    def verify_session(
        self, *, caller: str, credential: str, terms: Terms, keys: Sequence[P256Key], now: datetime
    ) -> None:
        """The same for a session of exactly these terms. Raises AskInvalid."""
        signed = session_message(caller, credential, terms, nonce=self.nonce, created=self.created)
        self._demand(signed, keys, now)

    def verify_consent(
        self, *, caller: str, credential: str, terms: ConsentTerms, keys: Sequence[P256Key], now: datetime
    ) -> None:
        """The same for a consent of exactly these terms. Raises AskInvalid."""
        signed = consent_message(caller, credential, terms, nonce=self.nonce, created=self.created)
        self._demand(signed, keys, now)

    def _demand(self, signed: bytes, keys: Sequence[P256Key], now: datetime) -> None:
        if abs(now.timestamp() - self.created) > FRESH.total_seconds():
            raise AskInvalid("not fresh, or the caller's clock is wrong", data={"why": "not_fresh"})
        for key in keys:
            try:
                key.verify(self.signature, signed)
            except SignatureInvalid:
                continue
            return
        raise AskInvalid("not by this caller, or for something else", data={"why": "not_signed"})


def message(
    caller: str,
    credential: str,
    hash_algorithm: str,
    documents: Sequence[JsonObject],
    *,
    nonce: bytes,
    created: int,
) -> bytes:
    """The bytes that ``caller`` (cmp_… or cli_…) signs; ``documents`` as the approval document lists them."""
    content = canonical_json(
        {
            "v": 1,
            _kind(caller): caller,
            "credential": credential,
            "hash_algorithm": hash_algorithm,
            "documents": [{name: one[name] for name in ("label", "size", "hash")} for one in documents],
            "nonce": b64u(nonce),
            "created": created,
        }
    )
    return SEPARATOR + hashlib.sha256(content).digest()


def session_message(caller: str, credential: str, terms: Terms, *, nonce: bytes, created: int) -> bytes:
    """The bytes that ``caller`` signs when it asks for a session; the purpose as the document shows it."""
    content = canonical_json(
        {
            "v": 1,
            _kind(caller): caller,
            "credential": credential,
            "hash_algorithm": terms.hash_algorithm,
            "sign_algorithm": terms.sign_algorithm,
            "until": terms.until,
            "maximum": terms.maximum,
            "purpose": terms.purpose,
            "nonce": b64u(nonce),
            "created": created,
        }
    )
    return SESSION_SEPARATOR + hashlib.sha256(content).digest()


def consent_message(caller: str, credential: str, terms: ConsentTerms, *, nonce: bytes, created: int) -> bytes:
    """The bytes that ``caller`` signs when it asks for a consent; the purpose as the document shows it."""
    content = canonical_json(
        {
            "v": 1,
            _kind(caller): caller,
            "credential": credential,
            "until": terms.until,
            "maximum": terms.maximum,
            "purpose": terms.purpose,
            "nonce": b64u(nonce),
            "created": created,
        }
    )
    return CONSENT_SEPARATOR + hashlib.sha256(content).digest()


def _kind(caller: str) -> str:
    return "integrator" if is_id(caller, "cli") else "computer"


def _malformed(detail: str) -> AskInvalid:
    return AskInvalid(detail, data={"why": "malformed"})


def _bytes(value: object, size: int) -> bytes:
    if not isinstance(value, str):
        raise _malformed("nonce and signature are base64url text")
    try:
        data = unb64u(value, max_len=size)
    except BadEncoding as cause:
        raise _malformed("nonce and signature are base64url text") from cause
    if len(data) != size:
        raise _malformed(f"{size} bytes")
    return data
