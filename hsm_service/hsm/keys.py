"""Keys of the HSM as plain data: what others may hold, without PKCS#11 behind it."""

from dataclasses import dataclass, field

from protocol.keys import P256Key


@dataclass(frozen=True)
class WrappedKey:
    """A key pair made in the HSM: the private half wrapped under ``kek.<kek>``, the public half as SPKI DER."""

    blob: bytes = field(repr=False)
    spki: bytes
    kek: int


@dataclass(frozen=True)
class TransportKey:
    """A key that proofs are encrypted to. ``made_at``: seconds since 1970."""

    version: int
    public: P256Key
    made_at: int
