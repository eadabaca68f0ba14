"""Signing sessions (docs/protocol.md sections 5, 6 and 10): their terms, and what a caller signs at each use.

A session lets one caller have so many signatures until a time, without the phone ringing for each. So that nobody else
has them, its caller signs every use with the key that also signed the ask (``session_key``); the order of the hashes is
part of it, and each counter serves once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from foundation.encoding import BadEncoding, b64u, canonical_json, unb64u
from protocol.errors import SessionRefused, SignatureInvalid, UseInvalid
from protocol.keys import SIGNATURE_BYTES, P256Key

SEPARATOR: Final = b"linkid-use-v1\x00"
"""Domain separator: nothing else that such a key signs begins with these bytes."""

SHORTEST: Final = timedelta(seconds=60)
LONGEST: Final = timedelta(days=7)
MOST: Final = 100_000
"""Signatures of one session: a week of a busy desk, and a number that a person can still read."""
MAX_COUNTER: Final = 2**53 - 1
"""The largest whole number that every JSON reader takes. Wide, so that a counter may also be cut from a digest."""


@dataclass(frozen=True)
class Terms:
    """What a holder is asked to allow. ``until`` in seconds since 1970; ``purpose`` cleaned (``documents.clean``)."""

    until: int
    maximum: int
    purpose: str
    hash_algorithm: str
    sign_algorithm: str

    def demand_possible(self, now: datetime, certificate_ends: datetime) -> None:
        """Within section 15. Raises SessionRefused, ``data.why`` saying which limit."""
        left = self.until - now.timestamp()
        for wrong, why in (
            (left < SHORTEST.total_seconds(), "too_short"),
            (left > LONGEST.total_seconds(), "too_long"),
            (self.until > certificate_ends.timestamp(), "after_certificate"),
            (not 1 <= self.maximum <= MOST, "too_many"),
        ):
            if wrong:
                raise SessionRefused(why, data={"why": why})


@dataclass(frozen=True)
class Use:
    """One use of a session: these hashes, in this order, under a counter that serves once."""

    activation: str
    counter: int
    hash_algorithm: str
    sign_algorithm: str
    digests: Sequence[bytes]

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of its canonical JSON: names the use; the same again is a repetition."""
        return hashlib.sha256(
            canonical_json(
                {
                    "v": 1,
                    "activation": self.activation,
                    "counter": self.counter,
                    "hash_algorithm": self.hash_algorithm,
                    "sign_algorithm": self.sign_algorithm,
                    "hashes": [b64u(digest) for digest in self.digests],
                }
            )
        ).digest()

    @property
    def message(self) -> bytes:
        """What the caller's key signs."""
        return SEPARATOR + self.digest

    def verify(self, signature: object, keys: Sequence[P256Key]) -> None:
        """Step U6: by one of the session's keys; no signature (None) where the session has none. Raises UseInvalid."""
        if not keys:
            if signature is not None:  # it takes itself for protected, and is not
                raise UseInvalid("a session without keys takes no signature")
            return
        try:
            raw = unb64u(signature, max_len=SIGNATURE_BYTES) if isinstance(signature, str) else b""
        except BadEncoding as cause:
            raise UseInvalid("a signature is base64url text") from cause
        for key in keys:
            try:
                key.verify(raw, self.message)
            except SignatureInvalid:
                continue
            return
        raise UseInvalid("not by a key of this session, or for another use")
