"""A credential: key + certificate + state. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foundation.encoding import JsonObject, b64u
from hsm_service.sam.errors import CredentialBlocked, CredentialNotActive
from protocol.algorithms import KeyAlgorithm
from protocol.passwords import Argon2

BOUND_LIVES: Final = timedelta(days=31)
"""A key without a certificate gets none after this: the AC issues for no order older than 30 days."""


OPERATOR: Final = "operator"
"""Who changed a block, when it was no phone."""

_BLOCKS: Final = 1 << 32
"""More than a holder's whole life of blocking and unblocking."""


class State(StrEnum):
    """prepared → bound → active → revoked; no way back."""

    PREPARED = "prepared"
    BOUND = "bound"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Certificate:
    """A chain that ``chain.accept`` accepted, and what we read in the leaf."""

    chain: Sequence[bytes] = field(repr=False)
    subject: str
    serial: str
    valid_from: datetime
    valid_to: datetime

    @property
    def hash(self) -> bytes:
        """SHA-256 of the holder's certificate, how documents name it."""
        return hashlib.sha256(self.chain[0]).digest()


@dataclass(frozen=True)
class Block:
    """That a holder shut the certificate ("Bloquear tudo"), or opened it again, the last time."""

    number: int
    """Of changes so far: odd when it is shut."""
    at: datetime
    by: str
    """The phone, or ``OPERATOR``."""

    @property
    def shut(self) -> bool:
        """Whether nothing is signed."""
        return self.number % 2 == 1

    def members(self) -> JsonObject:
        """Under the MAC."""
        return {"number": self.number, "at": int(self.at.timestamp()), "by": self.by}


def rank_of(state: State, blocks: int = 0) -> int:
    """How far a credential's life has gone: states have no way back, nor has the number of blocks within one."""
    return list(State).index(state) * _BLOCKS + blocks


@dataclass(frozen=True)
class Credential:
    """One row of ``sam.credentials``."""

    id: str
    emission: str
    emission_key: str
    key_algorithm: KeyAlgorithm
    state: State
    salt: bytes = field(repr=False)
    argon2: Argon2
    kek: int
    pepper: int
    created: datetime
    spki: bytes | None = field(default=None, repr=False)
    bound: bytes | None = field(default=None, repr=False)
    request: bytes | None = field(default=None, repr=False)
    certificate: Certificate | None = None
    block: Block | None = None
    mac: bytes = field(default=b"", repr=False)

    @property
    def rank(self) -> int:
        """See ``rank_of``."""
        return rank_of(self.state, 0 if self.block is None else self.block.number)

    @property
    def shut(self) -> Block | None:
        """The block that stands now."""
        return self.block if self.block is not None and self.block.shut else None

    def meaning(self) -> JsonObject:
        """Under the MAC: everything."""
        certificate = self.certificate
        block: JsonObject = {} if self.block is None else {"block": self.block.members()}
        return {
            **block,
            "id": self.id,
            "emission": self.emission,
            "emission_key": self.emission_key,
            "key_algorithm": self.key_algorithm,
            "state": self.state.value,
            "salt": b64u(self.salt),
            "argon2": self.argon2.members(),
            "kek": self.kek,
            "pepper": self.pepper,
            "created": int(self.created.timestamp()),
            "spki": _digest(self.spki),
            "bound": _digest(self.bound),
            "request": _digest(self.request),
            "certificate": None
            if certificate is None
            else {
                "chain": [_digest(one) for one in certificate.chain],
                "subject": certificate.subject,
                "serial": certificate.serial,
                "valid_from": int(certificate.valid_from.timestamp()),
                "valid_to": int(certificate.valid_to.timestamp()),
            },
        }

    def key(self) -> tuple[bytes, bytes]:
        """SPKI and bound blob. Raises CredentialNotActive before there is a key."""
        if self.spki is None or self.bound is None:
            raise CredentialNotActive(f"{self.id} has no key yet")
        return self.spki, self.bound

    def usable(self, now: datetime) -> Certificate:
        """Its certificate, when it may sign now, or be given to anybody new.

        Raises CredentialNotActive: revoked, no certificate, or not valid; CredentialBlocked: its holder shut it.
        """
        certificate = self.valid(now)
        if self.shut is not None:
            raise CredentialBlocked(self.id)
        return certificate

    def valid(self, now: datetime) -> Certificate:
        """Its certificate, valid now, shut or not. Raises CredentialNotActive."""
        if self.state is not State.ACTIVE or self.certificate is None:
            raise CredentialNotActive(f"{self.id} is {self.state}")
        if not self.certificate.valid_from <= now < self.certificate.valid_to:
            raise CredentialNotActive(f"{self.id}: the certificate is not valid now")
        return self.certificate

    def lives(self, now: datetime) -> bool:
        """Whether anybody may ever need its key again."""
        if self.state is State.BOUND:
            return self.created > now - BOUND_LIVES
        if self.state is not State.ACTIVE:
            return False
        return self.certificate is None or now < self.certificate.valid_to

    def with_key(self, spki: bytes, bound: bytes, request: bytes, kek: int, pepper: int) -> "Credential":
        """After the holder set the usage password."""
        return replace(self, state=State.BOUND, spki=spki, bound=bound, request=request, kek=kek, pepper=pepper)

    def with_certificate(self, certificate: Certificate) -> "Credential":
        """After the AC issued."""
        return replace(self, state=State.ACTIVE, certificate=certificate)

    def turned(self, now: datetime, by: str) -> "Credential":
        """Shut when it is open, open when it is shut. ``now`` is kept in whole seconds, as the MAC has it."""
        number = 0 if self.block is None else self.block.number
        return replace(self, block=Block(number + 1, now.replace(microsecond=0), by))

    def taken_over(self, now: datetime) -> "Credential":
        """Shut, as it is, but by an operator: opened and shut again in one, so that no phone undoes it any more."""
        return self.turned(now, OPERATOR).turned(now, OPERATOR)

    def revoked(self) -> "Credential":
        """For ever."""
        return replace(self, state=State.REVOKED)


def _digest(data: bytes | None) -> str | None:
    return None if data is None else b64u(hashlib.sha256(data).digest())
