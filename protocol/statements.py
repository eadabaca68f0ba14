"""Root-signed objects (docs/protocol.md section 2) and the statement, what a client acts on (section 3).

Making one is in two halves, because the key is in the HSM: ``signing_input`` → the HSM signs → ``assemble``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from foundation.encoding import BadEncoding, JsonObject, JsonValue, b64u, canonical_json, strict_json, unb64u
from protocol.documents import Document
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key
from protocol.passwords import Argon2

RootType: TypeAlias = Literal["statement", "possession", "revoked", "transport", "audit-heads", "evidence", "house"]
MAX_BYTES: Final = 262_144
"""Of a payload: a statement over 100 hashes with labels of 120 characters stays below 80 kB of base64."""


def trusted(keys: Sequence[P256Key]) -> dict[str, P256Key]:
    """Pinned root keys by their ``kid``."""
    return {key.jkt: key for key in keys}


def signing_input(payload: JsonObject, *, kid: str) -> bytes:
    """The bytes to be signed (ECDSA P-256 SHA-256). ``payload`` has ``v`` 1 and the ``type`` that ``typ`` repeats."""
    header = {"alg": "ES256", "kid": kid, "typ": f"linkid+{payload['type']}"}
    return f"{b64u(canonical_json(header))}.{b64u(canonical_json(payload))}".encode("ascii")


def assemble(signed: bytes, signature: bytes) -> str:
    """The JWS compact serialisation of ``signing_input`` and its raw r || s signature."""
    return f"{signed.decode('ascii')}.{b64u(signature)}"


def open_jws(
    jws: str, typ: str, keys: Mapping[str, P256Key], *, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, JsonValue], str]:
    """Signature first, then the payload, parsed strictly; with it the ``kid`` of the key that signed.

    Raises SignatureInvalid: not three parts; a header with other than exactly ``alg`` ES256, a known ``kid`` and this
    ``typ``; a bad signature; a payload that is not strict JSON with ``v`` 1.
    """
    try:
        head, body, tail = jws.split(".")
        header = strict_json(unb64u(head, max_len=1024), max_bytes=1024)
        signature = unb64u(tail, max_len=64)
    except (ValueError, BadEncoding) as cause:
        raise SignatureInvalid("not a JWS in compact serialisation") from cause
    if not isinstance(header, dict) or set(header) != {"alg", "kid", "typ"} or header["alg"] != "ES256":
        raise SignatureInvalid("a header has exactly alg ES256, kid and typ")
    if header["typ"] != typ:
        raise SignatureInvalid(f"expected typ {typ}")
    key = keys.get(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None:
        raise SignatureInvalid("signed by a key that is not pinned here")
    key.verify(signature, f"{head}.{body}".encode("ascii"))
    try:
        payload = strict_json(unb64u(body, max_len=max_bytes), max_bytes=max_bytes)
    except BadEncoding as cause:
        raise SignatureInvalid("the payload is not strict JSON") from cause
    if not isinstance(payload, dict) or payload.get("v") != 1 or isinstance(payload.get("v"), bool):
        raise SignatureInvalid("the payload is not of version 1")
    return payload, key.jkt


def open_root_signed(
    jws: str, type_: RootType, keys: Mapping[str, P256Key], *, now: datetime, expires: bool = True
) -> dict[str, JsonValue]:
    """A root-signed object of that type, not expired. ``expires=False`` for what holds for ever (``revoked``).

    Raises SignatureInvalid as ``open_jws`` does, and for another ``type`` or an expired one.
    """
    payload, _ = open_jws(jws, f"linkid+{type_}", keys)
    if payload.get("type") != type_:
        raise SignatureInvalid(f"expected type {type_}")
    if expires:
        until = payload.get("expires")
        if not isinstance(until, int) or isinstance(until, bool) or until <= now.timestamp():
            raise SignatureInvalid("expired")
    return payload


@dataclass(frozen=True)
class ProofWanted:
    """What a statement says about the password that its document asks for."""

    purpose: str
    salt: bytes
    argon2: Argon2
    transport_key: P256Key

    def members(self) -> JsonObject:
        """As in the statement."""
        return {
            "purpose": self.purpose,
            "salt": b64u(self.salt),
            "argon2": self.argon2.members(),
            "transport_key": self.transport_key.jwk,
        }


@dataclass(frozen=True)
class Statement:
    """A verified statement, as a client has it."""

    document: Document
    expires: int
    proof: ProofWanted | None


def statement_payload(document: Document, proof: ProofWanted | None) -> JsonObject:
    """The payload of a statement about a document; it expires with it."""
    return {
        "v": 1,
        "type": "statement",
        "document": b64u(document.data),
        "expires": document.expires,
        "proof": None if proof is None else proof.members(),
    }


def open_statement(jws: str, keys: Mapping[str, P256Key], *, now: datetime) -> Statement:
    """What a client does before it shows anything. Raises SignatureInvalid, WeakParameters, BadKey, BadEncoding."""
    payload = open_root_signed(jws, "statement", keys, now=now)
    wanted = payload.get("proof")
    if set(payload) != {"v", "type", "document", "expires", "proof"} or not isinstance(payload["document"], str):
        raise SignatureInvalid("not the members of a statement")
    document = Document.parse(unb64u(payload["document"], max_len=MAX_BYTES))
    expires = payload["expires"]
    if expires != document.expires or not isinstance(expires, int):
        raise SignatureInvalid("statement and document expire at different times")
    return Statement(document, expires, None if wanted is None else _proof_wanted(wanted))


def _proof_wanted(value: JsonValue) -> ProofWanted:
    if not isinstance(value, dict) or set(value) != {"purpose", "salt", "argon2", "transport_key"}:
        raise SignatureInvalid("not the members of a statement's proof")
    purpose, salt = value["purpose"], value["salt"]
    if not isinstance(purpose, str) or not isinstance(salt, str):
        raise SignatureInvalid("not the members of a statement's proof")
    return ProofWanted(
        purpose, unb64u(salt, max_len=16), Argon2.parse(value["argon2"]), P256Key.from_jwk(value["transport_key"])
    )
