"""An activation, and the permit. Pure."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, final

from foundation.encoding import JsonObject, b64u
from hsm_service.hsm.keys import WrappedKey
from hsm_service.sam.errors import ActivationExpired, HashesNotApproved
from protocol.algorithms import KeyAlgorithm, SignAlgorithm

LIFE: Final = timedelta(seconds=300)
"""How long a caller may take to fetch what was approved (section 15)."""


@dataclass(frozen=True)
class Activation:
    """One row of ``sam.activations``. ``digests`` are its document's, in its order; a session has none."""

    id: str
    document: str
    document_hash: str
    credential: str
    digests: Sequence[bytes] = field(repr=False)
    sealed: bytes = field(repr=False)
    until: datetime
    voided: bool = False
    maximum: int | None = None
    """Of a session: how many signatures at most."""
    binding: str | None = None
    """Of a session: of the phone that approved it; ends with it."""
    used: int = 0
    """Of a session: signatures reserved so far; only grows, and is not under the MAC (``memory.Sessions``)."""
    last_used: datetime | None = None
    consent: str | None = None
    """The consent that it rests on, when an application sent the holder's factors: ends with it."""
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """Open, then voided."""
        return 1 if self.voided else 0

    def meaning(self) -> JsonObject:
        """Under the MAC. The document's hash brings caller, algorithm, hashes and activation key with it."""
        session: JsonObject = {} if self.maximum is None else {"maximum": self.maximum, "binding": self.binding}
        consent: JsonObject = {} if self.consent is None else {"consent": self.consent}
        return {
            **consent,
            "id": self.id,
            "document": self.document,
            "document_hash": self.document_hash,
            "credential": self.credential,
            "sealed": b64u(hashlib.sha256(self.sealed).digest()),
            "until": int(self.until.timestamp()),
            **session,
        }

    def demand_open(self, now: datetime) -> None:
        """Raises ActivationExpired: too late, or voided."""
        if self.voided or now >= self.until:
            raise ActivationExpired(self.id)


def match(asked: Sequence[bytes], approved: Sequence[bytes]) -> list[int]:
    """For each hash asked for, the ordinal of an approved one, each ordinal once.

    Both must be the same multiset: all of what was approved, nothing else. Raises HashesNotApproved.
    """
    if list(asked) == list(approved):  # in the order of the document, as nearly everybody asks
        return list(range(len(approved)))
    if Counter(asked) != Counter(approved):
        raise HashesNotApproved("another list of hashes was approved")
    places: dict[bytes, list[int]] = {}
    for ordinal, digest in enumerate(approved):
        places.setdefault(digest, []).append(ordinal)
    return [places[digest].pop(0) for digest in asked]


class _Mint:
    """Holding it is what makes a permit genuine; ``activations.service`` and ``sessions.opening`` alone hold it."""


@final
class Permit:
    """The right to sign exactly these digests with this key, once, in this epoch of the HSM.

    The signer takes nothing else. Only ``activations.service`` (step 8) and ``sessions.opening`` (step U8, for one use
    of a session) make one, after everything was checked.
    """

    __slots__ = ("algorithm", "credential", "digests", "epoch", "in_session", "key", "key_algorithm", "spent")

    def __init__(
        self,
        mint: _Mint,
        *,
        credential: str,
        key: WrappedKey,
        key_algorithm: KeyAlgorithm,
        algorithm: SignAlgorithm,
        digests: Sequence[bytes],
        epoch: int,
        in_session: bool = False,
    ) -> None:
        """``in_session``: its key will be wanted again at once, and may stay unwrapped for a moment.

        Raises TypeError without the mint.
        """
        if not isinstance(mint, _Mint):
            raise TypeError("permits are minted by steps 8 and U8 only")
        self.credential = credential
        self.in_session = in_session
        self.key = key
        self.key_algorithm = key_algorithm
        self.algorithm = algorithm
        self.digests = tuple(digests)
        self.epoch = epoch
        self.spent = False

    def spend(self) -> None:
        """Once. Raises RuntimeError the second time."""
        if self.spent:
            raise RuntimeError("a permit serves once")
        self.spent = True

    def __repr__(self) -> str:
        """Without the key."""
        return f"Permit({self.credential}, {len(self.digests)} x {self.algorithm.name})"


MINT: Final = _Mint()
