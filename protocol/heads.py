"""Signed heads of the audit chains (docs/protocol.md section 16): what lets an export prove itself to an outsider."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from foundation.encoding import JsonObject, JsonValue, b64u
from protocol.errors import SignatureInvalid
from protocol.keys import P256Key
from protocol.statements import open_root_signed


@dataclass(frozen=True)
class SignedHeads:
    """One statement of a SAM: so far had every chain come that it saw, and it had signed so many before."""

    signer: str
    number: int
    prev: str | None
    """``digest`` of the one before it by the same signer; None for the first."""
    created: int
    """Seconds since 1970."""
    heads: Mapping[str, tuple[int, bytes]]
    """By chain: the number of its last line, and that line's hash."""

    def payload(self) -> JsonObject:
        """What is signed."""
        return {
            "v": 1,
            "type": "audit-heads",
            "signer": self.signer,
            "number": self.number,
            "prev": self.prev,
            "created": self.created,
            "heads": [
                {"chain": chain, "seq": seq, "hash": hash_.hex()} for chain, (seq, hash_) in sorted(self.heads.items())
            ],
        }


def digest(jws: str) -> str:
    """By what the next one names this one: b64u SHA-256 of the JWS."""
    return b64u(hashlib.sha256(jws.encode("ascii")).digest())


def open_heads(jws: str, keys: Mapping[str, P256Key], *, now: datetime) -> SignedHeads:
    """Verified by a pinned root. They do not expire. Raises SignatureInvalid."""
    payload = open_root_signed(jws, "audit-heads", keys, now=now, expires=False)
    signer, number, prev = payload.get("signer"), payload.get("number"), payload.get("prev")
    created, listed = payload.get("created"), payload.get("heads")
    if set(payload) != {"v", "type", "signer", "number", "prev", "created", "heads"}:
        raise SignatureInvalid("not the members of signed heads")
    if not isinstance(signer, str) or not (prev is None or isinstance(prev, str)) or not isinstance(listed, list):
        raise SignatureInvalid("not the members of signed heads")
    if not _count(number) or not _count(created):
        raise SignatureInvalid("not the members of signed heads")
    return SignedHeads(signer, int(str(number)), prev, int(str(created)), dict(_head(one) for one in listed))


def _count(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _head(value: JsonValue) -> tuple[str, tuple[int, bytes]]:
    if not isinstance(value, Mapping) or set(value) != {"chain", "seq", "hash"}:
        raise SignatureInvalid("not the members of a head")
    chain, seq, hash_ = value["chain"], value["seq"], value["hash"]
    if not isinstance(chain, str) or not isinstance(hash_, str) or not isinstance(seq, int) or isinstance(seq, bool):
        raise SignatureInvalid("not the members of a head")
    try:
        return chain, (seq, bytes.fromhex(hash_))
    except ValueError as cause:
        raise SignatureInvalid("a hash is hexadecimal") from cause
